"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from emotion2vec.files import replacing, write_lines, write_text


def test_file_appears_when_the_block_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with replacing(path) as temporary:
        assert temporary.suffix == ".npy"
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def _fail_while_writing(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt):
        _fail_while_writing(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_ended_by_line_breaks(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.tsv", ["ä\t1", "b\t2"])
    assert (tmp_path / "a.tsv").read_bytes() == "ä\t1\nb\t2\n".encode()
