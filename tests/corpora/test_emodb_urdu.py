"""EmoDB and URDU: what their names tell besides the emotion."""

from pathlib import Path

import pytest

from emotion2vec.corpora.registry import get_corpus
from emotion2vec.data.utterance import Utterance
from tests.corpora.releases import BUILDERS
from tests.corpora.releases.files import write_files


def _rows(name: str, root: Path) -> dict[str, Utterance]:
    rows = get_corpus(name).iter_utterances(root)
    return {row.id: row for row in rows if isinstance(row, Utterance)}


@pytest.mark.parametrize(
    ("identifier", "gender", "sentence", "take"),
    [
        ("03a01Fa", "male", "a01", "a"),
        ("16a04Lb", "female", "a04", "b"),
        ("09b10Ed", "female", "b10", "d"),
    ],
)
def test_emodb_names_give_sentence_and_take_and_the_speaker_the_gender(
    tmp_path: Path, identifier: str, gender: str, sentence: str, take: str
) -> None:
    BUILDERS["emodb"](tmp_path)
    row = _rows("emodb", tmp_path)[identifier]
    assert (row.gender, row.sentence, row.take) == (gender, sentence, take)


def test_emodb_has_five_men_and_five_women(tmp_path: Path) -> None:
    speakers = ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"]
    write_files(tmp_path, [f"wav/{speaker}a01Na.wav" for speaker in speakers])
    genders = [row.gender for row in _rows("emodb", tmp_path).values()]
    assert (genders.count("male"), genders.count("female")) == (5, 5)


def test_emodb_files_may_lie_directly_below_the_root(tmp_path: Path) -> None:
    write_files(tmp_path, ["03a01Fa.wav", "16a04Lb.flac"])
    assert [row.path for row in _rows("emodb", tmp_path).values()] == [
        "03a01Fa.wav",
        "16a04Lb.flac",
    ]


def test_urdu_files_may_lie_in_a_folder_of_their_speaker(tmp_path: Path) -> None:
    write_files(tmp_path, ["Sad/SF1/SF1_F1_S01.wav", "Sad/SM2_F1_S02.wav"])
    paths = {name: row.path for name, row in _rows("urdu", tmp_path).items()}
    assert paths == {
        "SF1_F1_S01": "Sad/SF1/SF1_F1_S01.wav",
        "SM2_F1_S02": "Sad/SM2_F1_S02.wav",
    }


def test_urdu_names_give_the_gender(tmp_path: Path) -> None:
    BUILDERS["urdu"](tmp_path)
    rows = _rows("urdu", tmp_path)
    assert (rows["SM1_F10_A010"].gender, rows["SF1_F10_H010"].gender) == ("male", "female")
    assert {row.sentence for row in rows.values()} == {None}
