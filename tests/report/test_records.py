import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.errors import ReportError
from emotion2vec.report.protocols import paper_figure
from emotion2vec.report.records import CurvePoint, Score, read_embeddings, read_result, read_results

FRAMES, TOKENS = 71.79, 62.77  # the paper's WA on iemocap_5fold: Tables 2 and 9


def test_a_result_is_read_from_its_file_or_its_folder(write_result: Callable[..., Path]) -> None:
    path = write_result(wa=61.25)

    result = read_result(path)

    assert result.summary["WA"] == Score(mean=62.25, std=0.5)
    assert result.confusion.sum() == 120
    assert len(result.runs) == 6
    assert result.name == "tiny.pt"
    assert read_result(path.parent).summary == result.summary


def test_the_name_falls_back_to_the_checkpoint_when_the_features_have_none(
    write_result: Callable[..., Path],
) -> None:
    path = write_result(features={"checkpoint": {"path": "base.pt"}})

    assert read_result(path).name == "base.pt"


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"fold0 seed0": rows}])
def test_probe_curves_are_read_alone_or_under_a_key(
    write_result: Callable[..., Path], wrap: Callable[[list], object]
) -> None:
    path = write_result(curves=wrap([[1, 1.3, 40.0]]))

    assert read_result(path).curve == (CurvePoint(1, 1.3, 40.0),)


def test_a_result_is_synthetic_when_its_features_are(write_result: Callable[..., Path]) -> None:
    path = write_result(features={"name": "logmel", "synthetic": True})

    assert read_result(path).synthetic


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"nowhere\.json: no such file; expected a result\.json"):
        read_result(tmp_path / "nowhere.json")


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("WA 71.79")

    with pytest.raises(ReportError, match=r"result\.json: not JSON"):
        read_result(tmp_path)


def test_binary_files_are_not_json(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_bytes(b"\x80\x02\xff")

    with pytest.raises(ReportError, match=r"result\.json: not JSON"):
        read_result(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, r"schema version 2, but this program reads version 1"),
        ({"labels": "angry"}, r"'labels' is a str, expected a list"),
        ({"summary": {"WA": {"mean": 1.0, "std": 0.0}}}, r"'UA' is missing"),
        ({"confusion": [[1, 2], [3, 4]]}, r"confusion matrix is \(2, 2\), expected \(4, 4\)"),
        ({"runs": [{"fold": 0, "seed": 0, "WA": 50.0}]}, r"'UA' is missing"),
        ({"runs": [1]}, r"not a result of train_probe\.py"),
        ({"curves": [[1, 1.3]]}, r"not a result of train_probe\.py"),
    ],
)
def test_an_unusable_result_is_refused_with_the_reason(
    write_result: Callable[..., Path], changes: dict, message: str
) -> None:
    path = write_result(**changes)

    with pytest.raises(ReportError, match=message):
        read_result(path)


def test_an_absent_key_is_named(write_result: Callable[..., Path]) -> None:
    path = write_result()
    raw = json.loads(path.read_text())
    del raw["protocol"]
    path.write_text(json.dumps(raw))

    with pytest.raises(ReportError, match=r"'protocol' is missing, expected a str"):
        read_result(path)


def test_embeddings_are_found_beside_the_result(write_result: Callable[..., Path]) -> None:
    embeddings = read_embeddings(read_result(write_result()))

    assert embeddings is not None
    assert embeddings.x_ND.shape == (24, 16)


def test_a_result_may_name_no_embeddings(write_result: Callable[..., Path]) -> None:
    assert read_embeddings(read_result(write_result(embeddings=None))) is None


def test_embeddings_that_are_missing_are_named(write_result: Callable[..., Path]) -> None:
    result = read_result(write_result(embeddings="gone.npz"))

    with pytest.raises(ReportError, match=r"gone\.npz: no such file, but .*result\.json names it"):
        read_embeddings(result)


def test_embeddings_of_another_result_are_refused(write_result: Callable[..., Path]) -> None:
    result = read_result(write_result())
    np.savez(
        result.path.parent / "embeddings.npz", x=np.zeros((2, 3)), label_index=[0, 9], fold=[0, 0]
    )

    with pytest.raises(ReportError, match=r"a label index outside 0\.\.3"):
        read_embeddings(result)


def test_damaged_embeddings_are_refused(write_result: Callable[..., Path]) -> None:
    result = read_result(write_result())
    (result.path.parent / "embeddings.npz").write_bytes(b"PK\x03\x04 cut short")

    with pytest.raises(ReportError, match=r"embeddings\.npz: not embeddings of train_probe\.py"):
        read_embeddings(result)


def test_a_result_can_be_shown_under_another_name(write_result: Callable[..., Path]) -> None:
    path = write_result()

    assert [result.name for result in read_results([f"token={path}", str(path)])] == [
        "token",
        "tiny.pt",
    ]


def test_equal_names_are_told_apart_by_their_folders(write_result: Callable[..., Path]) -> None:
    paths = [
        str(write_result("token")),
        str(write_result("chunk")),
        str(write_result("mel", name="logmel")),
    ]

    assert [result.name for result in read_results(paths)] == [
        "tiny.pt (token)",
        "tiny.pt (chunk)",
        "logmel",
    ]


def test_equal_names_in_folders_called_alike_are_told_apart_by_their_paths(
    write_result: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent).mkdir()
        write_result(f"{parent}/probe")
    monkeypatch.chdir(tmp_path)
    names = [result.name for result in read_results(["a/probe", "b/probe"])]
    assert names == ["tiny.pt (probe) (a/probe)", "tiny.pt (probe) (b/probe)"]


@pytest.mark.parametrize(
    ("features", "head", "inputs"),
    [
        ({"granularity": "frame"}, "linear", "frames"),
        ({"granularity": "utterance", "utterance_from": "tokens"}, "linear", "utterance"),
        ({"granularity": "utterance", "utterance_from": "frames"}, "linear", "pooled"),
        ({"granularity": "utterance", "utterance_from": "frames"}, "superb", "frames"),
    ],
)
def test_the_papers_figure_is_of_the_same_inputs(
    write_result: Callable[..., Path], features: dict, head: str, inputs: str
) -> None:
    features = {"name": "emotion2vec", **features}
    path = write_result(protocol="iemocap_5fold", corpus="iemocap", head=head, features=features)
    result = read_result(path)
    assert result.inputs == inputs
    papers = paper_figure(result, "WA")
    assert (papers.value if papers else None) == {"frames": FRAMES, "utterance": TOKENS}.get(inputs)
