"""`prepare_corpus.py`: what it prints and how it ends."""

from pathlib import Path

import pytest

from emotion2vec.cli.main import main
from tests.corpora.releases import BUILDERS


def test_the_list_shows_every_corpus_with_licence_and_counts(capsys) -> None:
    assert main(["prepare", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == sorted(BUILDERS)
    row = next(line for line in lines if line.startswith("ravdess_speech"))
    assert "1440" in row
    assert "CC BY-NC-SA 4.0" in row


def test_the_last_line_counts_what_was_written(tmp_path: Path, capsys) -> None:
    BUILDERS["urdu"](tmp_path / "root")
    arguments = ["--root", str(tmp_path / "root"), "--out", str(tmp_path / "out")]
    assert main(["prepare", "urdu", *arguments]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(
        "urdu: 8 utterances, 0.00 h, 8 speakers, angry 2, happy 2, neutral 2, sad 2"
    )
    assert last.endswith(str(tmp_path / "out"))


def test_an_unreadable_file_is_named_and_the_rest_is_written(tmp_path: Path, capfd) -> None:
    BUILDERS["urdu"](tmp_path / "root")
    (tmp_path / "root" / "Sad" / "SM27_F4_S04.wav").write_bytes(b"RIFF not audio")
    arguments = ["--root", str(tmp_path / "root"), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert main(["prepare", "urdu", *arguments]) == 0
    assert "left out 1 files that cannot be read" in capfd.readouterr().out


def test_a_wrong_root_is_one_error_line(tmp_path: Path, capsys) -> None:
    status = main(["prepare", "urdu", "--root", str(tmp_path / "nowhere"), "--out", str(tmp_path)])
    assert status == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: the root ")
    assert "nowhere" in line


def test_an_unknown_corpus_is_one_error_line(tmp_path: Path, capsys) -> None:
    assert main(["prepare", "nope", "--root", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "error: unknown corpus 'nope'; expected one of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: NAME, --root, --out"),
        (["urdu", "--root", "x"], "the following arguments are required: --out"),
        (["urdu", "--root", "x", "--out", "y", "--jobs", "0"], "must be a whole number >= 1"),
        (["urdu", "--root", "x", "--out", "y", "--option", "a"], "must be NAME=VALUE, but is 'a'"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], message: str, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["prepare", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
