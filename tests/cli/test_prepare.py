"""`prepare_corpus.py`: what it prints and how it ends."""

from pathlib import Path

import pytest
import torch

from emotion2vec.audio.io import read_audio
from emotion2vec.cli.main import main
from emotion2vec.corpora.pretrain import CARD as PRETRAIN_CARD
from emotion2vec.corpora.registry import get_corpus
from tests.corpora.releases import BUILDERS
from tests.helpers.wav import write_wav


def test_the_list_shows_every_corpus_with_licence_and_counts(capsys) -> None:
    assert main(["prepare", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-2]] == sorted(BUILDERS)
    row = next(line for line in lines if line.startswith("ravdess_speech"))
    assert "1440" in row
    assert "CC BY-NC-SA 4.0" in row


def test_the_list_is_cut_to_the_width_of_a_terminal(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "90")
    assert main(["prepare", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()[:-2]
    assert max(map(len, lines)) == 90
    assert any(line.endswith("...") for line in lines)


@pytest.mark.parametrize("name", [*sorted(BUILDERS), "pretrain"])
def test_one_corpus_is_shown_in_full(name: str, capsys) -> None:
    assert main(["prepare", name, "--list"]) == 0
    text = capsys.readouterr().out
    card = PRETRAIN_CARD if name == "pretrain" else get_corpus(name).card
    assert text.startswith(f"{name}: {card.title}\n")
    plain = " ".join(text.split())
    for fact in (card.licence, card.layout, card.access, *card.notes, ", ".join(card.labels)):
        assert " ".join(fact.split()) in plain
    for option in card.options:
        assert f"option {option.name}" in plain
        assert option.help in plain


def test_an_unknown_corpus_is_not_listed(capsys) -> None:
    assert main(["prepare", "nope", "--list"]) == 1
    assert "error: unknown corpus 'nope'" in capsys.readouterr().err


def test_found_release_and_paper_are_set_side_by_side(tmp_path: Path, capsys) -> None:
    BUILDERS["urdu"](tmp_path / "root")
    arguments = ["--root", str(tmp_path / "root"), "--out", str(tmp_path / "out")]
    main(["prepare", "urdu", *arguments])
    assert [line.split() for line in capsys.readouterr().out.splitlines()[-5:-1]] == [
        ["found", "release", "paper"],
        ["utterances", "8", "400", "400"],
        ["speakers", "8", "29", "38"],
        ["hours", "0.00", "0.28", "0.3"],
    ]


def test_the_users_own_files_have_no_counts_to_compare_with(tmp_path: Path, capsys) -> None:
    write_wav(tmp_path / "root" / "sad" / "a.wav", seconds=0.1)
    arguments = ["--root", str(tmp_path / "root"), "--out", str(tmp_path / "out")]
    assert main(["prepare", "folder", *arguments]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_what_is_left_out_is_counted_before_the_last_line(tmp_path: Path, capsys) -> None:
    BUILDERS["urdu"](tmp_path / "root")
    for name in ("Sad/odd name.wav", "music/song.aiff"):
        write_wav(tmp_path / "root" / name, seconds=0.1)
    arguments = ["--root", str(tmp_path / "root"), "--out", str(tmp_path / "out")]
    assert main(["prepare", "urdu", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "left out 1 files that do not fit the corpus (named above)",
        "left out 1 files that are not part of it (named above)",
    ]


def test_the_channel_and_format_of_the_copies_can_be_chosen(tmp_path: Path, capsys) -> None:
    write_wav(tmp_path / "root" / "sad" / "a.wav", seconds=0.1, channels=2)
    folders = ["--out", str(tmp_path / "out"), "--audio-out", str(tmp_path / "audio")]
    chosen = ["--channel", "1", "--audio-format", "wav", "--jobs", "1"]
    assert main(["prepare", "folder", "--root", str(tmp_path / "root"), *folders, *chosen]) == 0
    copy_S = read_audio(tmp_path / "audio" / "sad" / "a.wav")
    assert torch.equal(copy_S, read_audio(tmp_path / "root" / "sad" / "a.wav", channel=1))


def test_pretrain_joins_manifests_and_shows_the_papers_totals(tmp_path: Path, capsys) -> None:
    for name in ("iemocap", "mead"):
        BUILDERS[name](tmp_path / name)
        out = [
            "--out",
            str(tmp_path / "manifests" / name),
            "--audio-out",
            str(tmp_path / "a" / name),
        ]
        assert main(["prepare", name, "--root", str(tmp_path / name), *out, "--jobs", "1"]) == 0
    capsys.readouterr()
    folders = ["--root", str(tmp_path / "manifests"), "--out", str(tmp_path / "out")]
    assert main(["prepare", "pretrain", *folders, "--option", "corpora=iemocap,mead"]) == 0
    header, *rows, last = capsys.readouterr().out.splitlines()
    assert header.split() == ["corpus", "utterances", "Table", "1", "hours", "Table", "1"]
    assert [row.split()[0] for row in rows] == ["iemocap", "mead", "total"]
    assert last.startswith("pretrain: ")
    assert last.endswith(f" h -> {tmp_path / 'out'}")


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
        (["urdu", "--dry-run"], "the following arguments are required: --root"),
        (
            ["urdu", "--root", "x", "--out", "y", "--channel", "left"],
            "argument --channel: must be 'mean' or a number from 0, but is 'left'",
        ),
        (["urdu", "--root", "x", "--out", "y", "--audio-format", "mp3"], "invalid choice: 'mp3'"),
        (
            ["pretrain", "--root", "x", "--out", "y", "--dry-run", "--option", "a=b"],
            "pretrain joins manifests and takes no --option a, --dry-run",
        ),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], message: str, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["prepare", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
