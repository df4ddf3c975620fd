import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emotion2vec.cli.main import main


@pytest.fixture(autouse=True)
def pca_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)


def test_report_writes_the_page_and_prints_its_path(
    write_result: Callable[..., Path],
    write_log: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "new" / "report.html"

    status = main(
        ["report", str(write_result()), "--train-log", str(write_log()), "--out", str(out)]
    )

    assert status == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"report: {out}"
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_report_makes_the_same_bytes_twice(
    write_result: Callable[..., Path], tmp_path: Path
) -> None:
    result = str(write_result())
    for name in ("a.html", "b.html"):
        main(["report", result, "--out", str(tmp_path / name)])

    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_mistake_is_one_sentence_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["report", str(tmp_path / "no.json"), "--out", str(tmp_path / "report.html")])

    assert status == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "report.html").exists()


def test_the_page_cannot_replace_a_folder(
    write_result: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(write_result()), "--out", str(tmp_path)]) == 1
    assert "is a folder; --out takes a file name" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "start"), [("u.png", b"\x89PNG"), ("u.html", b"<!DOCTYPE html>")])
def test_umap_draws_results_side_by_side_and_prints_the_figures(
    write_result: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    start: bytes,
) -> None:
    results = [str(write_result("a", synthetic=True)), str(write_result("b", name="logmel"))]

    assert main(["umap", "--result", *results, "--out", str(tmp_path / name), "--fold", "2"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("SYNTHETIC tiny.pt: PCA, silhouette ")
    assert lines[1].startswith("logmel: PCA, silhouette ")
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({}, ["--out", "u.gif"], r"ending '.gif'; expected .png or .html"),
        ({}, ["--out", "u.png", "--fold", "7"], r"no fold 7; it holds folds [0, 1, 2]"),
        ({"embeddings": None}, ["--out", "u.png"], r"the result names no embeddings"),
    ],
)
def test_umap_explains_what_it_cannot_draw(
    write_result: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    changes: dict,
    arguments: list[str],
    message: str,
) -> None:
    assert main(["umap", "--result", str(write_result(**changes)), *arguments]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["report", "umap", "synthesize"])
def test_help_is_printed_without_doing_anything(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])

    assert "--out" in capsys.readouterr().out
