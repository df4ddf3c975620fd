"""IEMOCAP: classes, speakers, dialogues, and what is wrong with a copy."""

import json
import logging
from pathlib import Path

import pytest

from emotion2vec.corpora.iemocap import iter_utterances
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import LeftOut
from emotion2vec.data.checks import check_folder
from emotion2vec.data.manifest import read_manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from tests.corpora.releases.iemocap import MINIATURE, build_miniature, wav_path

_TABLE = Path("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build_miniature(tmp_path / "root")
    return tmp_path / "root"


def _parse(root: Path, **options: str) -> dict[str, Utterance]:
    items = iter_utterances(root, **options)
    return {item.id: item for item in items if isinstance(item, Utterance)}


def _left_out(root: Path) -> dict[str, str]:
    return {item.path: item.reason for item in iter_utterances(root) if isinstance(item, LeftOut)}


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_four_classes_are_kept_and_excited_is_happy(root: Path) -> None:
    assert {name: row.label for name, row in _parse(root).items()} == {
        "Ses01F_impro01_F000": "neutral",
        "Ses01F_impro01_F001": "neutral",
        "Ses01F_impro01_F002": "happy",
        "Ses01F_impro01_M002": "angry",
        "Ses01M_script01_1_F000": "sad",
        "Ses01M_script01_1_F001": "happy",
        "Ses05M_script01_1b_F011": "neutral",
    }


def test_every_other_label_is_left_out_by_its_name(root: Path) -> None:
    reasons = _left_out(root)
    for name, label in (
        ("Ses01F_impro01_M000", "frustrated"),
        ("Ses01F_impro01_M001", "no_agreement"),
        ("Ses01M_script01_1_M000", "other"),
        ("Ses01M_script01_1_M001", "fear"),
        ("Ses03M_impro05a_F000", "surprise"),
        ("Ses03M_impro05b_M000", "disgust"),
    ):
        assert reasons[wav_path(name)] == f"label {label} is not one of the paper's four"


def test_all_emotions_keeps_every_label_as_it_is(root: Path) -> None:
    rows = _parse(root, all_emotions="true")
    assert len(rows) == sum(len(lines) for lines in MINIATURE.values())
    assert rows["Ses01F_impro01_F002"].label == "excited"
    assert rows["Ses01F_impro01_M001"].label == "no_agreement"
    assert len({row.label for row in rows.values()}) == 11


def test_the_doctor_knows_the_labels_that_all_emotions_brings(root: Path, tmp_path: Path) -> None:
    prepare_corpus("iemocap", root, tmp_path / "out", num_jobs=1, all_emotions="true")
    labels = json.loads((tmp_path / "out" / "corpus.json").read_text())["labels"]
    assert labels[:4] == ["angry", "happy", "neutral", "sad"]
    assert len(labels) == 11
    assert "unknown label" not in {item.kind for item in check_folder(tmp_path / "out").findings}


def test_all_emotions_expects_the_whole_release(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        prepare_corpus("iemocap", root, tmp_path / "a", num_jobs=1)
        prepare_corpus("iemocap", root, tmp_path / "b", num_jobs=1, all_emotions="true")
    assert "found 7 of the release's 5531 utterances" in caplog.text
    assert "found 13 of the release's 10039 utterances" in caplog.text


def test_another_value_of_the_option_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"all_emotions must be one of \['false', 'true'\]"):
        prepare_corpus("iemocap", root, tmp_path / "out", all_emotions="yes")


def test_the_speaker_is_who_says_the_utterance_not_who_wears_the_markers(root: Path) -> None:
    rows = _parse(root)
    assert rows["Ses01F_impro01_M002"].speaker == "01M"
    assert rows["Ses01F_impro01_M002"].gender == "male"
    assert rows["Ses01M_script01_1_F000"].speaker == "01F"
    assert rows["Ses01M_script01_1_F000"].gender == "female"
    assert rows["Ses05M_script01_1b_F011"].session == "Session5"


def test_order_and_turns_count_the_utterances_that_are_left_out(root: Path) -> None:
    rows = _parse(root)
    places = {
        name: (row.order, row.turn) for name, row in rows.items() if row.session == "Session1"
    }
    assert places == {
        "Ses01F_impro01_F000": (0, 0),
        "Ses01F_impro01_F001": (1, 0),
        "Ses01F_impro01_F002": (3, 2),
        "Ses01F_impro01_M002": (5, 3),
        "Ses01M_script01_1_F000": (1, 1),
        "Ses01M_script01_1_F001": (3, 3),
    }


def test_the_two_parts_of_a_scene_are_two_dialogues(root: Path) -> None:
    rows = _parse(root, all_emotions="true")
    assert rows["Ses03M_impro05a_F000"].dialogue == "Ses03M_impro05a"
    assert rows["Ses03M_impro05b_M000"].dialogue == "Ses03M_impro05b"
    assert rows["Ses03M_impro05b_M000"].order == 0


def test_start_and_words_come_along_and_transcripts_may_be_missing(root: Path) -> None:
    rows = _parse(root, all_emotions="true")
    assert rows["Ses01F_impro01_F000"].start_s == 6.2901
    assert rows["Ses01F_impro01_F000"].text == "Excuse me."
    assert rows["Ses01F_impro01_F001"].text == "That\u2019s it."
    assert rows["Ses01F_impro01_M000"].text == "Do you have your forms?"
    assert rows["Ses01F_impro01_M001"].text is None
    assert rows["Ses05M_script01_1b_F011"].text is None


def test_half_a_corpus_is_prepared_with_its_own_count(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "Session1").rename(tmp_path / "elsewhere")
    with caplog.at_level(logging.WARNING):
        prepare_corpus("iemocap", root, tmp_path / "out", num_jobs=1)
    assert len(read_manifest(tmp_path / "out" / "all.tsv").utterances) == 1
    assert "found 1 of the release's 5531 utterances" in caplog.text


def test_a_mac_s_files_are_passed_over(root: Path) -> None:
    hidden = "Session1/sentences/wav/Ses01F_impro01/._Ses01F_impro01_F000.wav"
    assert "hidden file" in _left_out(root)[hidden]


def test_a_recording_without_a_label_line_is_left_out(root: Path) -> None:
    path = root / wav_path("Ses01F_impro01_F000")
    path.with_name("Ses01F_impro01_F077.wav").write_bytes(path.read_bytes())
    reason = _left_out(root)[wav_path("Ses01F_impro01_F077")]
    assert reason == "no line in its dialogue's label file"


def test_a_label_line_without_a_recording_is_named(root: Path) -> None:
    (root / wav_path("Ses01F_impro01_F000")).unlink()
    reason = _left_out(root)[wav_path("Ses01F_impro01_F000")]
    assert reason == "listed in its dialogue's label file, but there is no such file"
    assert _parse(root)["Ses01F_impro01_F001"].order == 1


def test_a_dialogue_without_recordings_is_named_line_by_line(root: Path) -> None:
    folder = root / "Session5" / "sentences" / "wav" / "Ses05M_script01_1b"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert "no such file" in _left_out(root)[wav_path("Ses05M_script01_1b_F011")]


def test_a_missing_label_file_is_named_with_its_path(root: Path) -> None:
    (root / _TABLE).unlink()
    with pytest.raises(CorpusError, match=r"no label file '.*Ses01F_impro01.txt' for the 6 rec"):
        _parse(root)


def test_an_unknown_emotion_names_file_and_line(root: Path) -> None:
    _replace(root / _TABLE, "\tfru\t", "\tbla\t")
    with pytest.raises(CorpusError, match=r"Ses01F_impro01.txt:13: label code 'bla' is not one of"):
        _parse(root)


def test_a_malformed_line_names_file_and_line(root: Path) -> None:
    _replace(root / _TABLE, "\tneu\t[2.5000, 2.5000, 2.5000]", "\tneu")
    with pytest.raises(CorpusError, match=r"impro01.txt:3: expected '\[start - end\].*but found"):
        _parse(root)


def test_a_name_that_is_no_utterance_s_names_file_and_line(root: Path) -> None:
    _replace(root / _TABLE, "Ses01F_impro01_F001", "Ses01F_impro01_X001")
    with pytest.raises(CorpusError, match=r"impro01.txt:8: expected .* such as Ses01F_impro01_F0"):
        _parse(root)


def test_an_utterance_that_is_listed_twice_names_both_lines(root: Path) -> None:
    _replace(root / _TABLE, "Ses01F_impro01_F001", "Ses01F_impro01_F000")
    with pytest.raises(CorpusError, match=r":8: .*_F000 is listed twice, first in .*impro01.txt:3"):
        _parse(root)


def test_folders_in_lower_case_are_found(root: Path) -> None:
    (root / "Session1").rename(root / "session1")
    assert "Ses01F_impro01_F000" in _parse(root)
