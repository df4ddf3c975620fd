"""Exports never replace something unasked, and appear whole or not at all."""

from pathlib import Path

import pytest

from emotion2vec.errors import ExportError
from emotion2vec.export.place import check_free, describe, new_file, new_folder


def _write_folder(out: Path, text: str, *, overwrite: bool = False) -> None:
    with new_folder(out, overwrite=overwrite) as folder:
        (folder / "first.txt").write_text("half way")
        (folder / "a.txt").write_text(text)


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    _write_folder(tmp_path / "x" / "y", "one")
    assert (tmp_path / "x" / "y" / "a.txt").read_text() == "one"


def test_an_empty_folder_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    _write_folder(tmp_path / "out", "one")
    assert (tmp_path / "out" / "a.txt").read_text() == "one"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_lies_there_stays_unless_overwriting_is_asked_for(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "folder":
        _write_folder(out, "old")
    else:
        out.write_text("old")
    with pytest.raises(ExportError, match=r"out: is there already and stays as it is; .*--force"):
        check_free(out, overwrite=False)
    with pytest.raises(ExportError, match="is there already"), new_file(out, overwrite=False):
        pass
    with pytest.raises(ExportError, match="is there already"):
        _write_folder(out, "new")
    assert (out / "a.txt" if kind == "folder" else out).read_text() == "old"


def test_overwriting_replaces_files_of_the_same_name_only(tmp_path: Path) -> None:
    _write_folder(tmp_path / "out", "old")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    _write_folder(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "a.txt").read_text() == "new"
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_the_old_export_and_nothing_else(tmp_path: Path) -> None:
    _write_folder(tmp_path / "out", "old")
    with pytest.raises(TypeError, match="data must be str"):
        _write_folder(tmp_path / "out", 3, overwrite=True)  # type: ignore[arg-type]
    assert (tmp_path / "out" / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_not_replaced_by_a_file_nor_a_file_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ExportError, match=r"file: is a file, expected the name of a folder"):
        _write_folder(tmp_path / "file", "new", overwrite=True)
    with (
        pytest.raises(ExportError, match=r"folder: is a folder, expected the name of a file"),
        new_file(tmp_path / "folder", overwrite=True),
    ):
        pass


def test_the_report_names_size_and_digest_of_the_largest_file(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"ab")
    (tmp_path / "large").write_bytes(b"abc")
    written = describe(tmp_path)
    assert (written.num_bytes, written.main_file.name) == (5, "large")
    # printf abc | sha256sum
    assert written.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert str(written) == f"{tmp_path}: 0.00 MB, sha256 of large {written.sha256}"
    assert (
        str(describe(tmp_path / "large"))
        == f"{tmp_path / 'large'}: 0.00 MB, sha256 {written.sha256}"
    )
