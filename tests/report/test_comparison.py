"""`compare_results.py` as a user meets it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.cli.main import main
from emotion2vec.probe.predictions import StoredPredictions, read_predictions, write_predictions
from emotion2vec.probe.statistics import Predictions, mcnemar, number_units, paired_bootstrap
from emotion2vec.report.comparison import METRICS, compare
from emotion2vec.report.records import read_result
from tests.report.conftest import LABELS, make_stored

ENDS = r"\[-?\d+\.\d\d, -?\d+\.\d\d\]"


@pytest.fixture
def write(write_result: Callable[..., Path]) -> Callable[..., str]:
    """Write a result with predictions; returns its folder."""

    def write_both(folder: str, stored: StoredPredictions, /, **changes: object) -> str:
        changes = {"predictions": "predictions.tsv", "name": folder} | changes
        path = write_result(folder, **changes)
        write_predictions(path.parent / "predictions.tsv", stored)
        return str(path.parent)

    return write_both


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("clusters", [(), ("--clusters", "speaker")])
def test_the_last_line_is_the_difference_with_interval_and_p_value(
    write: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    metric: str,
    clusters: tuple[str, ...],
) -> None:
    results = [write("a", make_stored(0.9)), write("b", make_stored(0.4))]
    assert main(["compare", *results, "--metric", metric, *clusters]) == 0
    lines = capsys.readouterr().out.splitlines()
    name = metric.upper()
    assert re.fullmatch(rf"A: a: {name} \d+\.\d\d {ENDS}", lines[0])
    assert re.fullmatch(rf"B: b: {name} \d+\.\d\d {ENDS}", lines[1])
    assert re.fullmatch(rf"{name} A - B \+\d+\.\d\d {ENDS} p=0\.\d{{4}}", lines[-1])
    unit = "6 speakers" if clusters else "60 utterances"
    assert any(f"2000 resamples of {unit} (60 utterances)" in line for line in lines)
    warned = any("few speakers: with 6 the intervals are too narrow" in line for line in lines)
    assert warned == bool(clusters)


def test_the_figures_are_those_of_the_statistics_module(write: Callable[..., str]) -> None:
    a, b = make_stored(0.9), make_stored(0.5)
    found = compare(
        read_result(Path(write("a", a))),
        read_result(Path(write("b", b))),
        metric="ua",
        unit="speaker",
    )
    units = number_units(a.speakers)
    assert found.difference == paired_bootstrap(a.answers, b.answers, units, metric="ua")
    for seed in (0, 1):
        right = [one.answers.predicted_SN[seed] == one.answers.label_N for one in (a, b)]
        assert found.mcnemar[seed] == mcnemar(*right)
    assert found.combined_p == min(1, 2 * min(test.exact_p for test in found.mcnemar))


def test_the_order_of_the_utterances_in_the_files_does_not_matter(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = make_stored(0.9), make_stored(0.4)
    folder = write("b", b)
    main(["compare", write("a", a), folder])
    expected = capsys.readouterr().out
    path = Path(folder) / "predictions.tsv"
    header, *rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, *rows[59::-1], *rows[:59:-1]]))
    assert read_predictions(path, tuple(LABELS)).ids == b.ids[::-1]
    main(["compare", str(Path(folder).parent / "a"), folder])
    assert capsys.readouterr().out == expected


def test_a_result_does_not_differ_from_itself(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    a = write("a", make_stored(0.7))
    assert main(["compare", a, a]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "WA A - B +0.00 [0.00, 0.00] p=1.0000"


def other_ids() -> StoredPredictions:
    return StoredPredictions(**vars(make_stored(0.5)) | {"ids": tuple(map(str, range(60)))})


def with_answers(**changes: np.ndarray) -> StoredPredictions:
    one = make_stored(0.5)
    return StoredPredictions(**vars(one) | {"answers": Predictions(**vars(one.answers) | changes)})


MISFITS = {
    "other utterances": (other_ids, {}, "120 utterances are tested in only one of them"),
    "other labels": (
        lambda: with_answers(label_N=(np.arange(60) + 1) % 4),
        {},
        "60 utterances have another label, e.g. 'u00'",
    ),
    "other folds": (
        lambda: with_answers(fold_N=np.arange(60) // 21),
        {},
        "3 utterances are tested in another fold, e.g. 'u20'",
    ),
    "other seeds": (lambda: make_stored(0.5, seeds=(1, 3)), {}, "seeds [1, 2] and [1, 3]"),
    "another protocol": (
        lambda: make_stored(0.5),
        {"protocol": "meld"},
        "protocol quickstart_speaker and meld; compare results of one protocol",
    ),
    "another corpus": (lambda: make_stored(0.5), {"corpus": "urdu"}, "corpus folder and urdu"),
    "an optimistic result": (
        lambda: make_stored(0.5),
        {"valid_is_test": True},
        "valid_is_test False and True",
    ),
    "an old result": (lambda: make_stored(0.5), {"predictions": None}, "names no predictions"),
}


def test_results_of_other_training_parts_cannot_be_compared(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = write("a", make_stored(0.9), folds={"digest": "aa"})
    assert main(["compare", first, write("b", make_stored(0.5), folds={"digest": "aa"})]) == 0
    assert main(["compare", first, write("old", make_stored(0.5))]) == 0
    capsys.readouterr()
    assert main(["compare", first, write("c", make_stored(0.5), folds={"digest": "bb"})]) == 1
    assert "their folds train or validate on other utterances" in capsys.readouterr().err


@pytest.mark.parametrize("name", MISFITS)
def test_results_that_cannot_be_compared_get_one_sentence(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make, changes, words = MISFITS[name]
    assert main(["compare", write("a", make_stored(0.9)), write("b", make(), **changes)]) == 1
    printed = capsys.readouterr()
    errors = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert words in errors[0]
    assert printed.out == ""


@pytest.mark.parametrize(
    ("speakers", "words"),
    [
        (0, "the speaker of 60 of 60 utterances is unknown"),
        (1, "all utterances are of one speaker"),
    ],
)
def test_speakers_that_cannot_be_drawn_get_one_sentence(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str], speakers: int, words: str
) -> None:
    results = [write(name, make_stored(0.5, speakers=speakers)) for name in ("a", "b")]
    assert main(["compare", *results, "--clusters", "speaker"]) == 1
    assert words in capsys.readouterr().err


def test_the_program_and_the_command_know_the_same_metrics() -> None:
    from emotion2vec.cli import compare as command

    assert command.METRICS == METRICS


def test_results_that_the_probe_wrote_can_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.probe.fakes import make_store
    from tests.probe.test_probe_command import probe, write_protocol

    protocols = write_protocol(tmp_path)
    runs = []
    for number, layers in enumerate((8, 16)):
        runs.append(str(tmp_path / f"run{number}"))
        store = make_store(tmp_path / f"store{number}", dim=layers)
        probe(protocols, f"features={store}", f"hydra.run.dir={runs[-1]}")
    capsys.readouterr()
    assert main(["compare", *runs, "--clusters", "speaker"]) == 0
    lines = capsys.readouterr().out.splitlines()
    wa = [json.loads((Path(run) / "result.json").read_text())["summary"]["WA"] for run in runs]
    assert f" WA {wa[0]['mean']:.2f} [" in lines[0]
    assert len(lines) == 2 + 3 + 1 + 1 + 1 + 1
