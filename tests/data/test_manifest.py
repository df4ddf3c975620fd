"""Manifest folders: what is written is read, and each malformed file gives its line."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from emotion2vec.data.manifest import (
    FIXED_COLUMNS,
    read_card,
    read_manifest,
    write_manifest_folder,
)
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import ManifestError
from tests.helpers.wav import make_manifest_folder

ROWS = (
    Utterance("a", "x/a.wav", 16000, "sad", "s1", "d1", "train", "de"),
    Utterance("b", "x/b c.wav", 8000, "happy", "s2", "d1", "valid", "de"),
    Utterance("c", "long.wav", 4000, None, None, None, "test", None, 0, 4000),
    Utterance("d", "long.wav", 5000, "sad", None, None, "test", None, 4000, 9000),
)


def _write(folder: Path, rows=ROWS) -> Path:
    write_manifest_folder(folder / "m", root=folder, utterances=rows, card={"name": "x"})
    return folder / "m"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    manifest = read_manifest(_write(tmp_path) / "all.tsv")
    assert (manifest.name, manifest.root) == ("all", tmp_path)
    assert manifest.utterances == ROWS


def test_each_split_that_occurs_gets_its_files(tmp_path: Path) -> None:
    folder = _write(tmp_path)
    assert read_manifest(folder / "train.tsv").utterances == ROWS[:1]
    assert read_manifest(folder / "test.tsv").utterances == ROWS[2:]


def test_the_files_have_the_formats_of_fairseq_and_of_the_authors(tmp_path: Path) -> None:
    folder = _write(tmp_path, ROWS[:2])
    assert (folder / "all.tsv").read_text() == f"{tmp_path}\nx/a.wav\t16000\nx/b c.wav\t8000\n"
    assert (folder / "all.emo").read_text() == "a\tsad\nb\thappy\n"
    lines = (folder / "utterances.tsv").read_text().splitlines()
    assert lines[0].split("\t") == list(FIXED_COLUMNS)
    assert lines[1].split("\t") == [
        "a",
        "x/a.wav",
        "16000",
        "sad",
        "s1",
        "d1",
        "train",
        "de",
        "",
        "",
    ]


def test_without_labels_there_is_no_emo_file(tmp_path: Path) -> None:
    folder = make_manifest_folder(tmp_path, num_utts=2, labels=())
    assert not (folder / "all.emo").exists()
    assert [row.label for row in read_manifest(folder / "all.tsv").utterances] == [None, None]


def test_the_card_says_whether_the_speech_is_synthetic(tmp_path: Path) -> None:
    assert read_card(_write(tmp_path)) == {"synthetic": False, "name": "x"}
    assert read_card(tmp_path) == {}


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_damaged_card_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "corpus.json").write_text(text)
    with pytest.raises(ManifestError, match=r"corpus\.json: (not valid JSON|must hold)"):
        read_card(tmp_path)


def test_writing_again_removes_splits_that_are_gone_and_keeps_other_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _write(tmp_path)
    (folder / "mine.tsv").write_text("kept")
    _write(tmp_path, [replace(row, split=None) for row in ROWS])
    names = {path.name for path in folder.iterdir()}
    assert names == {"all.tsv", "all.emo", "utterances.tsv", "corpus.json", "mine.tsv"}
    assert "train.tsv: removed, it lists utterances of an earlier corpus here" in caplog.text


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _write(tmp_path)
    before = {path.name: path.read_text() for path in folder.iterdir()}

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("emotion2vec.files.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        _write(tmp_path, ROWS[:1])
    monkeypatch.undo()
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no utterances to write"),
        ([ROWS[0], ROWS[0]], r"1 ids occur more than once, e\.g\. \['a'\]"),
        (
            [replace(ROWS[0], path="/x/a.wav")],
            "path must be relative to the root, but is '/x/a.wav'",
        ),
        ([replace(ROWS[0], path="a\tb.wav")], "a tab or line break"),
        ([replace(ROWS[0], label="very\nsad")], "a tab or line break"),
        ([replace(ROWS[0], num_samples=0)], "'a': num_samples must be > 0, but is 0"),
        ([replace(ROWS[0], split="dev")], "split must be one of .* but is 'dev'"),
    ],
)
def test_rows_that_cannot_be_stored_are_refused(tmp_path: Path, rows, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        _write(tmp_path, rows)
    assert not (tmp_path / "m").exists()


def test_a_missing_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no manifest '.*no\.tsv'; .*prepare_corpus\.py"):
        read_manifest(tmp_path / "no.tsv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"bad\.tsv:1: expected the root folder, but the line is blank"),
        ("{root}/gone\na.wav\t5\n", r"bad\.tsv:1: the root folder '.*gone' does not exist"),
        ("{root}\n", r"bad\.tsv: holds no utterances"),
        ("{root}\na.wav\t800\n\nb.wav\t800\n", r"bad\.tsv:3: blank line"),
        ("{root}\na.wav\t800\n\n", r"bad\.tsv:3: blank line"),
        ("{root}\na.wav\n", r"bad\.tsv:2: expected 2 columns .* but found 1: 'a\.wav'"),
        ("{root}\na.wav\t8\tsad\n", r"bad\.tsv:2: expected 2 columns .* but found 3"),
        ("{root}\na.wav\t8.5\n", r"bad\.tsv:2: samples must be a whole number >= 1, but is '8\.5'"),
        ("{root}\na.wav\t0\n", r"bad\.tsv:2: samples must be .* but is '0'"),
        ("{root}\na.wav\t-4\n", r"bad\.tsv:2: samples must be .* but is '-4'"),
        ("{root}\na.wav\t8\na.wav\t8\n", r"bad\.tsv: 1 ids occur more than once, e\.g\. \['a'\]"),
    ],
)
def test_a_malformed_tsv_gives_file_and_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.tsv").write_text(content.replace("{root}", str(tmp_path)))
    with pytest.raises(ManifestError, match=message):
        read_manifest(tmp_path / "bad.tsv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tsad\n", r"bad\.emo: has 1 lines, but the \.tsv has 2 utterances"),
        ("a\tsad\nb happy\n", r"bad\.emo:2: expected 'id<TAB>label', but found 'b happy'"),
        ("a\tsad\na\tsad\n", r"1 ids occur more than once"),
    ],
)
def test_a_malformed_emo_gives_file_and_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.tsv").write_text(f"{tmp_path}\na.wav\t800\nb.wav\t800\n")
    (tmp_path / "bad.emo").write_text(content)
    with pytest.raises(ManifestError, match=message):
        read_manifest(tmp_path / "bad.tsv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id\tpath", "name\tpath", r"utterances\.tsv:1: the header lacks \['id'\]"),
        ("a\tx/a.wav\t16000", "a\tx/a.wav", r"utterances\.tsv:2: expected 10 columns, but found 9"),
        ("a\tx/a.wav\t16000", "a\tx/a.wav\tmany", r"utterances\.tsv:2: num_samples must be"),
        ("a\tx/a.wav\t16000", "a\tx/a.wav\t15", r"all\.tsv:2: x/a\.wav with 16000 samples, but"),
        ("a\tx/a.wav", "a\tx/b.wav", r"all\.tsv:2: x/a\.wav .* utterances\.tsv says x/b\.wav"),
    ],
)
def test_a_table_that_disagrees_gives_file_and_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    folder = _write(tmp_path)
    table = folder / "utterances.tsv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(ManifestError, match=message):
        read_manifest(folder / "all.tsv")


def test_what_a_corpus_knows_beyond_the_fixed_columns_gets_columns_of_its_own(
    tmp_path: Path,
) -> None:
    row = replace(
        ROWS[0], dialogue="d1", order=3, turn=0, start_s=1.25, score=-0.5, text="well, no"
    )
    folder = _write(tmp_path, [row, ROWS[1]])
    header = (folder / "utterances.tsv").read_text().splitlines()[0].split("\t")
    own = ["dialogue", "order", "turn", "start_s", "score", "text"]
    assert header == [*FIXED_COLUMNS, *own]
    assert read_manifest(folder / "all.tsv").utterances == (row, ROWS[1])


@pytest.mark.parametrize("value", ["many", "nan", "inf"])
def test_a_number_that_is_none_gives_file_and_line(tmp_path: Path, value: str) -> None:
    folder = _write(tmp_path, [replace(ROWS[0], score=1.5)])
    table = folder / "utterances.tsv"
    table.write_text(table.read_text().replace("1.5", value))
    with pytest.raises(ManifestError, match=r"utterances\.tsv:2: score must be a finite number"):
        read_manifest(folder / "all.tsv")


def test_an_emo_in_another_order_than_the_tsv_is_refused(tmp_path: Path) -> None:
    folder = _write(tmp_path, ROWS[:2])
    (folder / "all.emo").write_text("b\thappy\na\tsad\n")
    with pytest.raises(ManifestError, match=r"all\.tsv:2: .* do not belong together"):
        read_manifest(folder / "all.tsv")


def test_a_tsv_alone_is_enough(tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_text(f"{tmp_path}\nx.y/a.b.wav\t800\nnosuffix\t900\n")
    rows = read_manifest(tmp_path / "mine.tsv").utterances
    assert [row.id for row in rows] == ["x.y/a.b", "nosuffix"]


def test_a_subset_finds_its_details_by_path(tmp_path: Path) -> None:
    folder = _write(tmp_path, ROWS[:2])
    (folder / "small.tsv").write_text(f"{tmp_path}\nx/b c.wav\t8000\n")
    assert read_manifest(folder / "small.tsv").utterances == ROWS[1:2]


def test_segments_of_one_file_are_told_apart_without_an_emo(tmp_path: Path) -> None:
    rows = [replace(row, label=None) for row in ROWS]
    assert read_manifest(_write(tmp_path, rows) / "test.tsv").utterances == tuple(rows[2:])


def test_the_label_of_the_emo_wins(tmp_path: Path) -> None:
    folder = _write(tmp_path, ROWS[:2])
    (folder / "all.emo").write_text("a\tangry\nb\thappy\n")
    assert read_manifest(folder / "all.tsv").utterances[0].label == "angry"


def test_a_relative_root_is_relative_to_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "mine.tsv").write_text("wav\na.wav\t800\n")
    assert read_manifest(tmp_path / "mine.tsv").root == tmp_path / "wav"


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_bytes(f"{tmp_path}\r\na.wav\t800\r\n".encode())
    assert read_manifest(tmp_path / "mine.tsv").utterances == (Utterance("a", "a.wav", 800),)


def test_a_binary_file_is_not_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match=r"mine\.tsv: not UTF-8 text"):
        read_manifest(tmp_path / "mine.tsv")


def test_the_helper_of_the_tests_writes_a_manifest_that_can_be_read(tmp_path: Path) -> None:
    folder = make_manifest_folder(
        tmp_path, num_utts=6, seconds=(0.1, 0.2), splits=("train", "test")
    )
    rows = read_manifest(folder / "all.tsv").utterances
    assert [row.num_samples for row in rows] == [1600, 3200] * 3
    assert {row.speaker for row in rows} == {"s1", "s2"}
    assert re.fullmatch(r"utt\d{3}", rows[0].id)
    assert json.loads((folder / "corpus.json").read_text())["synthetic"] is True
