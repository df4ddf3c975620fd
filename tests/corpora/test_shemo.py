"""ShEMO: names, folders, and the 3000 ids of the whole release."""

from collections import Counter
from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import LeftOut, get_corpus
from emotion2vec.data.manifest import read_manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from tests.corpora.releases.files import link_files, write_files
from tests.corpora.releases.shemo import build_miniature
from tests.helpers.shared_data import require_shared


def _parse(root: Path) -> list[Utterance | LeftOut]:
    return list(get_corpus("shemo").iter_utterances(root))


@pytest.mark.parametrize(
    ("name", "label", "speaker", "gender"),
    [
        ("F01A01", "angry", "F01", "female"),
        ("F02F01", "fear", "F02", "female"),
        ("M02F01", "fear", "M02", "male"),
        ("F09W01", "surprise", "F09", "female"),
        ("M02H03", "happy", "M02", "male"),
    ],
)
def test_the_letter_before_the_last_digits_is_the_emotion_and_the_first_the_gender(
    tmp_path: Path, name: str, label: str, speaker: str, gender: str
) -> None:
    build_miniature(tmp_path)
    (row,) = [r for r in _parse(tmp_path) if isinstance(r, Utterance) and r.id == name]
    assert (row.label, row.speaker, row.gender) == (label, speaker, gender)
    assert (row.language, row.sentence, row.take, row.text) == ("fa", None, None, None)


def test_all_files_may_lie_in_one_folder_and_folders_may_be_in_upper_case(tmp_path: Path) -> None:
    write_files(tmp_path, ["F01A01.wav", "MALE/M01A01.wav"])
    assert [row.path for row in _parse(tmp_path)] == ["F01A01.wav", "MALE/M01A01.wav"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("female/M01A01.wav", "folder and file name disagree about the speaker's gender"),
        ("male/M01X01.wav", "name is not of the form F01A01"),
        ("male/M01A01 (copy).wav", "name is not of the form F01A01"),
    ],
)
def test_a_file_that_does_not_fit_is_left_out_with_a_reason(
    tmp_path: Path, path: str, reason: str
) -> None:
    write_files(tmp_path, [path])
    assert _parse(tmp_path) == [LeftOut(path, reason)]


def test_a_flat_copy_beside_the_folders_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, ["female/F01A01.wav", "f01a01.wav"])
    with pytest.raises(CorpusError, match=r"1 utterances lie below .* more than once, e\.g\. \["):
        prepare_corpus("shemo", tmp_path, tmp_path / "out")


@pytest.mark.shared_data
@pytest.mark.slow
def test_all_3000_ids_are_found_with_the_counts_of_the_release(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = require_shared("corpora/lists/shemo.all_ids.txt").read_text().split()
    folders = {"F": "female", "M": "male"}
    link_files(tmp_path / "root", [f"{folders[name[0]]}/{name}.wav" for name in ids])
    prepare_corpus("shemo", tmp_path / "root", tmp_path / "out")
    rows = read_manifest(tmp_path / "out" / "all.tsv").utterances
    assert sorted(row.id for row in rows) == sorted(ids)
    assert Counter(row.label for row in rows) == {
        "neutral": 1160,
        "angry": 1042,
        "sad": 362,
        "happy": 203,
        "surprise": 201,
        "fear": 32,
    }
    assert len({row.speaker for row in rows}) == 87
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == []
