"""MEAD: what folders and names say, and what is wrong with a copy."""

from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.errors import CorpusError
from tests.corpora.parsed import parse
from tests.corpora.releases.files import write_files
from tests.corpora.releases.mead import build_miniature


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build_miniature(tmp_path / "root")
    return tmp_path / "root"


def test_speaker_gender_level_and_sentence_come_from_the_path(root: Path) -> None:
    row = parse("mead", root).taken["W009_disgusted_level_3_001"]
    assert row.path == "W009/audio/disgusted/level_3/001.wav"
    assert (row.label, row.speaker, row.gender) == ("disgust", "W009", "female")
    assert (row.intensity, row.sentence, row.take) == ("level_3", "disgusted/001", None)


def test_the_same_number_at_another_level_is_the_same_sentence(root: Path) -> None:
    taken = parse("mead", root).taken
    rows = [taken[f"M009_sad_level_{level}_030"] for level in (2, 3)]
    assert {row.sentence for row in rows} == {"sad/030"}
    assert {row.gender for row in rows} == {"male"}


def test_speakers_may_lie_in_the_folder_of_a_part(root: Path) -> None:
    taken = parse("mead", root).taken
    path = "Part0/M009/audio/sad/level_2/030.flac"
    assert taken["M009_sad_level_2_030"].path == path
    assert parse("mead", root / "Part0").taken["M009_sad_level_2_030"].path == path[len("Part0/") :]


def test_videos_are_not_utterances(root: Path) -> None:
    parsed = parse("mead", root)
    assert not any("video" in row.path for row in parsed.taken.values())
    assert not any("video" in path for path in parsed.left_out)


def test_clips_that_do_not_fit_the_layout_are_left_out(root: Path) -> None:
    assert parse("mead", root).left_out == {
        "W009/audio/sad/level_3/001 (2).wav": "name is not a number of three digits",
        "W009/audio/sad/level_4/001.wav": "folder is not level_1, level_2 or level_3",
    }


def test_a_clip_and_its_converted_copy_are_one_utterance(root: Path) -> None:
    write_files(root, ["M003/audio/neutral/level_1/001.wav"])
    parsed = parse("mead", root)
    assert parsed.taken["M003_neutral_level_1_001"].path == "M003/audio/neutral/level_1/001.wav"
    reason = parsed.left_out["M003/audio/neutral/level_1/001.m4a"]
    assert reason == "same name as another file but for the suffix (001.wav)"


def test_an_unknown_emotion_is_refused(root: Path) -> None:
    write_files(root, ["W009/audio/bored/level_1/001.wav"])
    with pytest.raises(
        CorpusError,
        match=r"W009/audio/bored/level_1/001\.wav: label code 'bored' is not one of mead's \['angr",
    ):
        parse("mead", root)


def test_a_speaker_in_two_parts_is_refused(root: Path, tmp_path: Path) -> None:
    write_files(root, ["Part1/M009/audio/sad/level_2/030.flac"])
    with pytest.raises(CorpusError, match=r"1 utterances lie below .* more than once, e\.g\. "):
        prepare_corpus("mead", root, tmp_path / "out", audio_out=tmp_path / "audio")


def test_a_speaker_whose_audio_is_still_packed_is_left_out(root: Path) -> None:
    (root / "Part0" / "W011").mkdir()
    (root / "Part0" / "W011" / "audio.tar").touch()
    parsed = parse("mead", root)
    assert parsed.left_out["Part0/W011"] == "no folder audio/ of this speaker: unpack audio.tar"
