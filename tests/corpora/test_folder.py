"""The user's own files: labels from folders or a table, speakers from a pattern, a card of their own."""

import json
from pathlib import Path

import pytest

from emotion2vec.corpora.other_audio import other_audio
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.manifest import Manifest, read_card, read_manifest
from emotion2vec.errors import CorpusError
from tests.helpers.wav import write_wav


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for index, name in enumerate(["angry/spk1_a.wav", "sad/spk2_b.wav", "top.wav"]):
        write_wav(tmp_path / "root" / name, seconds=0.1, seed=index)
    return tmp_path / "root"


def _prepare(root: Path, **options: object) -> Manifest:
    out = root.parent / "out"
    prepare_corpus("folder", root, out, num_jobs=1, **options)
    return read_manifest(out / "all.tsv")


def _table(root: Path, text: str) -> Path:
    path = root.parent / "labels.csv"
    path.write_text(text)
    return path


def test_the_parent_folder_is_the_label_and_the_root_gives_none(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = _prepare(root).utterances
    assert {row.id: row.label for row in rows} == {
        "top": None,
        "angry/spk1_a": "angry",
        "sad/spk2_b": "sad",
    }
    assert "folder: 1 utterances have no label" in caplog.text


def test_the_pattern_finds_speakers(root: Path) -> None:
    rows = _prepare(root, speaker_pattern=r"/(?P<speaker>spk\d)_").utterances
    assert {row.id: row.speaker for row in rows} == {
        "top": None,
        "angry/spk1_a": "spk1",
        "sad/spk2_b": "spk2",
    }


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "is not a regular expression"), (r"(spk\d)", "has no group named speaker")],
)
def test_a_bad_pattern_is_refused(root: Path, pattern: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        _prepare(root, speaker_pattern=pattern)


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_table_gives_every_column(root: Path, delimiter: str) -> None:
    text = "path,label,speaker,session,split,language\nangry/spk1_a.wav,calm,ann,d1,test,en\n"
    (row,) = _prepare(root, labels=_table(root, text.replace(",", delimiter))).utterances
    assert (row.label, row.speaker, row.session) == ("calm", "ann", "d1")
    assert (row.split, row.language) == ("test", "en")


def test_files_that_only_the_disk_or_only_the_table_has_are_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _prepare(root, labels=_table(root, "path,label\ntop.wav,sad\ngone.wav,sad\n"))
    assert "left out 2 files: not listed in" in caplog.text
    assert "labels.csv, but there is no such audio file: gone.wav" in caplog.text


def test_absolute_paths_below_the_root_are_understood(root: Path) -> None:
    table = _table(root, f"path,label\n{root / 'top.wav'},sad\n")
    assert [row.path for row in _prepare(root, labels=table).utterances] == ["top.wav"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,label\n",
            r"labels\.csv:1: the header \['file', 'label'\] lacks \['path'\]; .* with commas between",
        ),
        ("path;label\ntop.wav;sad\n", r"labels\.csv:1: the header \['path;label'\] lacks"),
        ("path,label\n" + "a" * 200000, r"labels\.csv:2: not a CSV table \(field larger than"),
        ("", r"labels\.csv:1: the header \[\] lacks \['path'\]"),
        ("path,label\ntop.wav\n", r"labels\.csv:2: expected 2 cells, but found 1"),
        ("path,label\n,sad\n", r"labels\.csv:2: expected a path"),
        ("path,label\ntop.wav,sad\ntop.wav,sad\n", r"labels\.csv:3: 'top\.wav' is listed twice"),
    ],
)
def test_a_malformed_table_gives_file_and_line(root: Path, text: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        _prepare(root, labels=_table(root, text))


def test_a_table_saved_on_windows_is_read(root: Path) -> None:
    table = root.parent / "labels.csv"
    text = "path, label\r\nangry\\spk1_a.wav, w\u00fctend\r\n"
    table.write_bytes(text.encode("cp1252"))
    (row,) = _prepare(root, labels=table).utterances
    assert (row.path, row.label) == ("angry/spk1_a.wav", "w\u00fctend")


def test_a_table_in_another_encoding_is_named(root: Path) -> None:
    table = root.parent / "labels.csv"
    table.write_text("path,label\ntop.wav,sad\n", encoding="utf-16")
    with pytest.raises(CorpusError, match=r"labels\.csv: neither UTF-8 nor .*; save it as UTF-8"):
        _prepare(root, labels=table)


def test_hidden_folders_are_passed_over(root: Path) -> None:
    (root / ".trash").mkdir()
    (root / "top.wav").rename(root / ".trash" / "top.wav")
    assert "top.wav" not in {Path(row.path).name for row in _prepare(root).utterances}


def test_linked_folders_are_gone_into_once_and_never_in_circles(root: Path, tmp_path: Path) -> None:
    before = {row.path for row in _prepare(root).utterances}
    elsewhere = tmp_path / "elsewhere"
    write_wav(elsewhere / "calm" / "x.wav", seconds=0.1, seed=7)
    (elsewhere / "back").symlink_to(root)
    (elsewhere / "itself").symlink_to(elsewhere)
    (root / "linked").symlink_to(elsewhere)
    (root / "linked_again").symlink_to(elsewhere)
    (root / "around").symlink_to(root.parent)
    (root / "same").symlink_to(root / "angry")
    found = {row.path: row.label for row in _prepare(root).utterances}
    assert found.keys() - before == {"linked/calm/x.wav"}
    assert found["linked/calm/x.wav"] == "calm"
    assert other_audio(root, set(found), []) == []


def test_a_missing_table_is_named(root: Path) -> None:
    with pytest.raises(CorpusError, match=r"no label table '.*no\.csv'"):
        _prepare(root, labels=root / "no.csv")


def test_a_card_in_the_root_describes_the_corpus(root: Path) -> None:
    card = {
        "name": "mine",
        "license": "CC0",
        "language": "it",
        "synthetic": True,
        "labels": ["angry", "sad"],
        "voices": 3,
    }
    (root / "card.json").write_text(json.dumps(card))
    rows = _prepare(root).utterances
    stored = read_card(root.parent / "out")
    assert (stored["name"], stored["licence"], stored["synthetic"]) == ("mine", "CC0", True)
    assert (stored["labels"], stored["voices"]) == (["angry", "sad"], 3)
    assert {row.language for row in rows} == {"it"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"card\.json: not valid JSON"),
        ("[]", r"card\.json: must hold a JSON object, but holds list"),
        ('{"synthetic": "no"}', "synthetic must be true or false, but is 'no'"),
        ('{"licence": 3}', "licence must be text, but is 3"),
        ('{"labels": "sad"}', "labels must be a list of texts, but is 'sad'"),
    ],
)
def test_a_malformed_card_is_refused(root: Path, text: str, message: str) -> None:
    (root / "card.json").write_text(text)
    with pytest.raises(CorpusError, match=message):
        _prepare(root)
