"""`check_manifest.py`: what it prints and how it ends."""

from pathlib import Path

import pytest

from emotion2vec.cli.main import main
from tests.helpers.wav import make_manifest_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_manifest_folder(tmp_path, num_utts=4, seconds=0.1)


def test_a_healthy_folder_ends_with_0(folder: Path, capsys) -> None:
    assert main(["check", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("0 errors, 0 warnings")


def test_warnings_are_shown_and_end_with_0(folder: Path, capsys) -> None:
    audio = folder.parent / "audio"
    (audio / "utt001.wav").write_bytes((audio / "utt000.wav").read_bytes())
    assert main(["check", str(folder), "--jobs", "1"]) == 0
    assert "warning  duplicate audio: the same audio 2 times" in capsys.readouterr().out


def test_errors_end_with_1_and_one_sentence(folder: Path, capsys) -> None:
    for name in ("utt001.wav", "utt002.wav"):
        (folder.parent / "audio" / name).unlink()
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr()
    assert printed.out.count("ERROR  missing: ") == 2
    (line,) = printed.err.splitlines()
    assert line.startswith(f"error: {folder}: 2 errors (missing 2); first: ")
    assert "utt001.wav: does not exist" in line


def test_many_findings_of_one_kind_are_cut(folder: Path, capsys) -> None:
    for path in (folder.parent / "audio").iterdir():
        path.unlink()
    assert main(["check", str(folder), "--show", "1"]) == 1
    out = capsys.readouterr().out
    assert out.count("ERROR  missing: ") == 1
    assert "missing: 3 more (--show 4 shows them)" in out


def test_fix_writes_a_clean_copy(folder: Path, tmp_path: Path, capsys) -> None:
    (folder.parent / "audio" / "utt001.wav").unlink()
    assert main(["check", str(folder), "--fix", str(tmp_path / "clean")]) == 0
    assert "clean copy: 3 utterances kept, 1 left out" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "clean")]) == 0


def test_a_folder_that_is_not_there_is_one_error_line(tmp_path: Path, capsys) -> None:
    assert main(["check", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith("error: no manifest folder ")
