"""RESD: names with blanks, folders of several forms, the lists that are compared with the names."""

from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import LeftOut, get_corpus
from emotion2vec.data.manifest import read_manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from tests.corpora.releases.files import write_files
from tests.corpora.releases.resd import build_miniature

_NAME = "neutral_fear_27/27_neutral_fear_n_010.wav"


def _parse(root: Path) -> list[Utterance | LeftOut]:
    return list(get_corpus("resd").iter_utterances(root))


def _write(root: Path, table: str, *, encoding: str = "utf-8") -> None:
    write_files(root, [f"train/{_NAME}"])
    (root / "train.csv").write_text(table, encoding=encoding)


@pytest.mark.parametrize(
    ("identifier", "label", "split", "dialogue"),
    [
        ("01_happiness_anger_a_010", "angry", "test", "01"),
        ("01_happiness_anger_a_020", "angry", "train", "01"),
        ("11_anger_disgust_d_030", "disgust", "train", "11"),
        ("32_happiness_enthusiasm_e_120", "enthusiasm", "train", "32"),
    ],
)
def test_the_name_gives_emotion_and_dialogue_and_the_folder_the_split(
    tmp_path: Path, identifier: str, label: str, split: str, dialogue: str
) -> None:
    build_miniature(tmp_path)
    (row,) = [r for r in _parse(tmp_path) if isinstance(r, Utterance) and r.id == identifier]
    assert (row.label, row.split, row.dialogue, row.session) == (label, split, dialogue, dialogue)
    assert (row.speaker, row.order, row.turn) == (None, None, None)


def test_the_split_is_written(tmp_path: Path) -> None:
    build_miniature(tmp_path / "root")
    prepare_corpus("resd", tmp_path / "root", tmp_path / "out", num_jobs=1)
    sizes = {
        split: len(read_manifest(tmp_path / "out" / f"{split}.tsv").utterances)
        for split in ("train", "test")
    }
    assert sizes == {"train": 7, "test": 3}


def test_the_lists_are_not_needed(tmp_path: Path) -> None:
    number = build_miniature(tmp_path)
    with_lists = _parse(tmp_path)
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").unlink()
    assert _parse(tmp_path) == with_lists
    assert len(with_lists) == number


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("train/a_b_1/neutral.wav", "name is not of the form 32_happiness_enthusiasm_h_120"),
        (
            "train/neutral_fear_27/27_neutral_fear_s_010.wav",
            "its letter is not that of one of its dialogue's two emotions",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_left_out_with_a_reason(
    tmp_path: Path, path: str, reason: str
) -> None:
    write_files(tmp_path, [path])
    assert _parse(tmp_path) == [LeftOut(path, reason)]


def test_an_unknown_emotion_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    write_files(tmp_path, ["train/27_neutral_zeal/27_neutral_zeal_z_010.wav"])
    with pytest.raises(CorpusError, match=r"label code 'z' is not one of resd's \['a', 'd'"):
        _parse(tmp_path)


def test_a_list_that_names_another_emotion_leaves_the_file_out(tmp_path: Path) -> None:
    _write(tmp_path, f"name,path,emotion\nx,{_NAME},fear\n")
    assert _parse(tmp_path) == [
        LeftOut(f"train/{_NAME}", "train.csv and file name disagree about the emotion")
    ]


def test_a_listed_file_that_is_missing_is_named(tmp_path: Path) -> None:
    _write(tmp_path, f"path,emotion\n{_NAME},neutral\ngone_1/1_anger_fear_a_010.wav,anger\n")
    taken, missing = _parse(tmp_path)
    assert taken.path == f"train/{_NAME}"
    assert missing == LeftOut(
        "train/gone_1/1_anger_fear_a_010.wav", "listed in train.csv, but there is no file"
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            "file,label\n",
            r"train\.csv:1: the header \['file', 'label'\] lacks \['path', 'emotion'\]",
        ),
        ("", r"train\.csv:1: the header \[\] lacks \['path', 'emotion'\]"),
        (f"path,emotion\n{_NAME}\n", r"train\.csv:2: expected 2 cells, but found 1"),
        (f"path,emotion\n{_NAME},\n", r"train\.csv:2: expected a path and an emotion"),
        (f"path,emotion\n{_NAME},neutral,x\n", r"train\.csv:2: expected 2 cells, but found 3"),
        (
            f"path,emotion\n{_NAME},neutral\n{_NAME},neutral\n",
            r"train\.csv:3: '.*n_010\.wav' is listed twice",
        ),
    ],
)
def test_a_malformed_list_gives_file_and_line(tmp_path: Path, table: str, message: str) -> None:
    _write(tmp_path, table)
    with pytest.raises(CorpusError, match=message):
        _parse(tmp_path)


def test_a_list_with_backslashes_names_the_same_files(tmp_path: Path) -> None:
    path = _NAME.replace("/", "\\")
    _write(tmp_path, f"path,emotion\ntrain\\{path},fear\n")
    assert _parse(tmp_path) == [
        LeftOut(f"train/{_NAME}", "train.csv and file name disagree about the emotion")
    ]


def test_a_list_in_another_encoding_is_named(tmp_path: Path) -> None:
    _write(tmp_path, "path,emotion\n\u00fc,anger\n", encoding="utf-16")
    with pytest.raises(CorpusError, match=r"train\.csv: neither UTF-8 nor Windows-1252 text"):
        _parse(tmp_path)
