"""Exports never replace something unasked, and appear whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotion2vec.errors import ExportError
from emotion2vec.export import place
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


def test_the_file_with_the_weights_is_named_beside_a_larger_one(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"abc")
    (tmp_path / "mine").write_bytes(b"much more")
    assert describe(tmp_path).main_file.name == "model.pt"


def test_a_new_folder_appears_in_one_step(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out", overwrite=False) as folder:
        (folder / "a.txt").write_text("one")
        (folder / "b.txt").write_text("two")
        assert folder.parent == tmp_path
        assert not (tmp_path / "out").exists()
        made = folder.stat().st_ino
    assert (tmp_path / "out").stat().st_ino == made


def test_a_folder_that_is_there_is_filled_from_inside(tmp_path: Path) -> None:
    """It may lie on another disk, be a link, or be the only place that may be written."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    with new_folder(tmp_path / "out", overwrite=False) as folder:
        assert folder.parent == tmp_path / "disk"
        (folder / "a.txt").write_text("one")
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["a.txt"]
    assert (tmp_path / "out").is_symlink()


def test_a_file_behind_a_link_is_replaced_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "model").write_text("old")
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "model")
    with new_file(tmp_path / "out", overwrite=True) as path:
        path.write_text("new")
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk" / "model").read_text() == "new"


def test_the_present_folder_can_be_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _write_folder(Path(), "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "first.txt"]


def _write_model(out: Path, text: str, weights: str = "model.safetensors") -> None:
    with new_folder(out, overwrite=True) as folder:
        for name in ("config.json", weights):
            (folder / name).write_text(text)


@pytest.mark.parametrize("moved", [0, 1])
def test_a_kill_while_files_are_moved_leaves_no_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    _write_model(tmp_path / "out", "old")
    done: list[Path] = []

    def replace_some(source: Path, target: Path) -> None:
        if len(done) == moved:
            raise KeyboardInterrupt
        done.append(target)
        Path(source).rename(target)

    monkeypatch.setattr(place.os, "replace", replace_some)
    with pytest.raises(KeyboardInterrupt):
        _write_model(tmp_path / "out", "new")
    found = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert found == dict([("config.json", "new")][:moved])


KILLED = """
import os, signal, sys
from pathlib import Path
from emotion2vec.export.place import new_file, new_folder
make = {"file": new_file, "folder": new_folder}[sys.argv[1]]
with make(Path(sys.argv[2]), overwrite=True) as path:
    (path / "model.pt" if path.is_dir() else path).write_text("half way")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("there", [False, True], ids=["new", "old"])
def test_what_a_killed_export_leaves_is_removed_by_the_next(
    tmp_path: Path, kind: str, there: bool
) -> None:
    out = tmp_path / "out"
    if kind == "folder" and there:
        _write_folder(out, "old")
    elif there:
        out.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, kind, out], check=False)
    assert done.returncode == -9
    assert len([path for path in tmp_path.rglob("*") if path.suffix == ".part"]) == 1
    assert out.exists() == there
    if there:
        assert (out / "a.txt" if kind == "folder" else out).read_text() == "old"
    if kind == "folder":
        _write_folder(out, "new", overwrite=there)
    else:
        with new_file(out, overwrite=there) as path:
            path.write_text("new")
    assert [path for path in tmp_path.rglob("*") if path.suffix == ".part"] == []


def test_a_killed_export_into_an_empty_folder_does_not_make_it_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f".out.{os.getpid()}.part").mkdir()  # numbers of processes come again
    _write_folder(tmp_path / "out", "new")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.txt", "first.txt"]


def test_an_export_that_still_runs_keeps_its_files(tmp_path: Path) -> None:
    other = tmp_path / f".out.{os.getppid()}.part"
    other.mkdir()
    _write_folder(tmp_path / "out", "new")
    assert other.exists()


def test_two_models_do_not_come_to_lie_in_one_folder(tmp_path: Path) -> None:
    _write_model(tmp_path / "out", "old")
    message = r"out: holds model\.safetensors, a model of another format, .* choose another place, or remove it$"
    with pytest.raises(ExportError, match=message):
        _write_model(tmp_path / "out", "new", "model.pt")
    names = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert names == {"model.safetensors": "old", "config.json": "old"}
