"""Pictures of embeddings: what a panel holds, what the legend says, what the two files contain."""

import json
import re
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.cli.main import main
from emotion2vec.errors import ReportError
from emotion2vec.report import projection
from emotion2vec.report.palette import UNGROUPED_COLOUR
from emotion2vec.report.picture import Panel, make_panel, render_picture
from emotion2vec.report.picture_panel import fit_square, make_keys
from emotion2vec.report.projection import Projection
from emotion2vec.report.records import read_result
from tests.report.pictures import ANSWERS, add_points


@pytest.fixture(autouse=True)
def pca_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)


@pytest.fixture
def make(write_result: Callable[..., Path]) -> Callable[..., Panel]:
    """Make a panel of a result with ids and predictions; keyword arguments change the result."""

    def call(
        folder: str = "run", *, colour: str = "class", fold: int = 1, **changes: object
    ) -> Panel:
        path = write_result(folder, predictions="predictions.tsv", **changes)
        add_points(path)
        return make_panel(read_result(path), fold=fold, colour=colour)

    return call


def page(*panels: Panel) -> str:
    return render_picture(panels, Path("u.html")).decode()


def page_data(text: str) -> dict:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found)


def test_a_panel_holds_id_and_answer_of_each_utterance_of_its_fold(make: Callable) -> None:
    panel = make(fold=1)
    assert panel.points.ids == tuple(f"utt{index:02d}" for index in range(8, 16))
    assert panel.points.predicted == ANSWERS  # the first seed's
    assert panel.caption == "PCA, fold 1, 8 utterances"
    assert panel.mean_of == "figures are means over 3 folds"


def test_a_panel_of_an_older_result_has_neither_ids_nor_answers(
    write_result: Callable[..., Path],
) -> None:
    panel = make_panel(read_result(write_result()), fold=0, seed=1)
    assert (panel.points.ids, panel.points.predicted) == ((), ())
    assert page_data(page(panel))["panels"][0]["ids"] == []


def test_a_thinned_fold_names_the_points_that_are_left(
    make: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "MAX_POINTS", 3)
    panel = make(fold=1)
    assert panel.points.ids == ("utt08", "utt12", "utt15")
    assert panel.caption == "PCA, fold 1, 3 of 8 utterances"


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        ("linear", "first linear layer's output after ReLU, mean over the frames"),
        ("superb", "first linear layer's output for the mean frame"),
        ("gru", "the GRU's last state"),
    ],
)
def test_a_panel_says_what_of_the_head_it_shows(make: Callable, head: str, shown: str) -> None:
    assert f"Shown: {shown}." in page(make(head=head)).replace("&#x27;", "'")


def test_answers_that_do_not_cover_the_embeddings_are_refused(
    write_result: Callable[..., Path],
) -> None:
    path = write_result(predictions="predictions.tsv")
    add_points(path, forget="utt09")
    with pytest.raises(ReportError, match=r"no answer for 1 of the 8 utterances .*'utt09'"):
        make_panel(read_result(path), fold=1)


def test_fewer_ids_than_embeddings_are_refused(write_result: Callable[..., Path]) -> None:
    path = write_result()
    add_points(path, num_ids=10)
    with pytest.raises(ReportError, match="10 ids for at least 16 embeddings"):
        make_panel(read_result(path), fold=1)


def test_an_unknown_colouring_is_refused(make: Callable) -> None:
    with pytest.raises(ReportError, match=r"colour 'mood'; expected one of \('class', 'arousal'\)"):
        make(colour="mood")


def test_arousal_figures_stand_beside_those_of_the_classes_only_where_arousal_is_shown(
    make: Callable,
) -> None:
    assert [what for what, _ in make("a").figures] == ["classes"]
    panel = make("b", colour="arousal")
    assert [what for what, _ in panel.figures] == ["classes", "arousal"]
    assert panel.arousal.silhouette != panel.separation.silhouette
    cells = f"<td>{panel.arousal.silhouette_text}</td><td>{panel.arousal.accuracy_text}</td>"
    assert f'<td class="text">arousal</td>{cells}' in page(panel)


def test_the_legend_names_every_class_of_all_panels_once_by_group(make: Callable) -> None:
    other = make("b", colour="arousal", labels=["contempt", "happy", "neutral", "sad"])
    panels = [make("a", colour="arousal"), other]
    assert [(key.label, key.group) for key in make_keys(panels)] == [
        ("neutral", "low arousal"),
        ("sad", "low arousal"),
        ("angry", "high arousal"),
        ("happy", "high arousal"),
        ("contempt", "arousal not known"),
    ]
    text = page(*panels)
    assert ">arousal not known:</button>" in text
    assert f'<i style="background:{UNGROUPED_COLOUR}"></i>contempt</button>' in text


def test_points_keep_the_colour_of_their_class_where_panels_have_other_labels(
    make: Callable,
) -> None:
    panels = [make("a"), make("b", labels=["sad", "fear", "happy", "calm"])]
    data = page_data(page(*panels))
    names = [[data["labels"][index] for index in panel["true"]] for panel in data["panels"]]
    assert names[0] == ["angry", "happy", "neutral", "sad"] * 2
    assert names[1] == ["sad", "fear", "happy", "calm"] * 2
    assert [data["labels"][index] for index in data["panels"][1]["predicted"][:2]] == [
        "sad",
        "fear",
    ]


def test_both_axes_of_a_picture_have_one_scale() -> None:
    xy = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 2.0]])
    placed = fit_square(Projection(xy, np.zeros(3, dtype=np.int64), 0, "PCA"), 100.0, 10.0)
    np.testing.assert_allclose(placed, [[10, 58], [90, 58], [10, 42]])


def test_a_picture_of_one_place_is_drawn_in_the_middle() -> None:
    same = Projection(np.ones((2, 2)), np.zeros(2, dtype=np.int64), 0, "PCA")
    assert fit_square(same, 100.0, 10.0).tolist() == [[50, 50], [50, 50]]


def test_the_page_loads_nothing_and_forbids_loading(make: Callable) -> None:
    text = page(make("a", synthetic=True), make("b"))
    assert "default-src 'none'" in text
    assert re.findall(r"(?:https?:|//cdn|@import|url\()", text) == []
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["data:,"]
    assert text.count('<span class="badge">SYNTHETIC</span>') == 1


def test_names_cannot_become_markup_or_script(make: Callable) -> None:
    bad = "</script><script>alert(1)</script>&\u2028"
    text = page(make(name=bad, labels=[bad, "happy", "neutral", "sad"], corpus=bad))
    assert text.count("<script") == 2
    assert "<script>alert" not in text
    assert page_data(text)["labels"][0] == bad


def test_the_page_is_the_same_twice(make: Callable) -> None:
    panel = make()
    assert page(panel) == page(panel)


def test_the_png_shows_the_tones_of_the_legend(make: Callable) -> None:
    matplotlib = pytest.importorskip("matplotlib.image", reason="needs matplotlib (evaluation)")
    panel = make(colour="arousal")
    pixels = matplotlib.imread(BytesIO(render_picture([panel], Path("u.png"))))
    found = {tuple(row) for row in np.round(255 * pixels[..., :3].reshape(-1, 3)).astype(int)}
    for key in make_keys([panel]):
        assert tuple(int(key.colour[i : i + 2], 16) for i in (1, 3, 5)) in found


@pytest.mark.parametrize(("number", "rows"), [(4, 1), (5, 2)])
def test_more_than_four_panels_of_a_png_take_another_row(
    make: Callable, number: int, rows: int
) -> None:
    matplotlib = pytest.importorskip("matplotlib.image", reason="needs matplotlib (evaluation)")
    image = matplotlib.imread(BytesIO(render_picture([make()] * number, Path("u.png"))))
    height, width, _ = image.shape
    assert (width > 2 * height) == (rows == 1)


def test_a_png_without_matplotlib_says_what_to_do(
    make: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ReportError, match=r"a PNG needs matplotlib .* or give --out a name ending"):
        render_picture([make()], Path("u.png"))


@pytest.mark.parametrize("repeat", [False, True])
def test_one_command_writes_both_files_and_prints_both_groups_of_figures(
    write_result: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    repeat: bool,
) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib (evaluation)")
    files = [str(tmp_path / "u.png"), str(tmp_path / "u.html")]
    out = ["--out", files[0], "--out", files[1]] if repeat else ["--out", *files]

    assert main(["umap", "--result", str(write_result()), *out, "--colour", "arousal"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("tiny.pt: low against high arousal, silhouette ")
    assert lines[-2:] == [f"picture: {name}" for name in files]
    assert all(Path(name).is_file() for name in files)


def test_a_wrong_ending_is_refused_before_anything_is_drawn(
    write_result: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "u.html"), str(tmp_path / "u.svg")]
    assert main(["umap", "--result", str(write_result()), *out]) == 1
    assert "ending '.svg'; expected .png or .html" in capsys.readouterr().err
    assert not (tmp_path / "u.html").exists()
