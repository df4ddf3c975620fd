"""Irregularities of the releases: taken where that is safe, named where it is not."""

import logging
import re
from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import LeftOut, get_corpus
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from tests.corpora.releases import BUILDERS
from tests.helpers.wav import write_wav


def _parse(name: str, root: Path) -> tuple[dict[str, Utterance], dict[str, str]]:
    items = list(get_corpus(name).iter_utterances(root))
    taken = {item.id: item for item in items if isinstance(item, Utterance)}
    return taken, {item.path: item.reason for item in items if isinstance(item, LeftOut)}


@pytest.mark.parametrize(
    ("name", "identifier", "label", "speaker", "language"),
    [
        ("urdu", "SM20_F1_N0100", "neutral", "SM20", "ur"),
        ("urdu", "SM1_F10_A010", "angry", "SM1", "ur"),
        ("ravdess_speech", "03-01-06-01-01-01-24", "fear", "24", "en"),
        ("ravdess_speech", "03-01-02-01-01-01-01", "calm", "01", "en"),
        ("emodb", "16a04Lb", "boredom", "16", "de"),
        ("emodb", "03a01Wa", "angry", "03", "de"),
        ("emodb", "09b10Ad", "fear", "09", "de"),
    ],
)
def test_the_file_name_gives_label_and_speaker(
    tmp_path: Path, name: str, identifier: str, label: str, speaker: str, language: str
) -> None:
    BUILDERS[name](tmp_path)
    row = _parse(name, tmp_path)[0][identifier]
    assert (row.label, row.speaker, row.language) == (label, speaker, language)


@pytest.mark.parametrize(
    ("name", "path", "reason"),
    [
        ("urdu", "Sad/SM1_F1_A01.wav", "folder and file name disagree about the emotion"),
        ("urdu", "Sad/copy of SM1.wav", "name is not of the form SM1_F10_A010"),
        ("urdu", "Sad/._SM27_F4_S04.wav", "hidden file"),
        ("urdu", "Sad/SM27_F4_S04.flac", r"same name as another file .* \(SM27_F4_S04\.wav\)"),
        ("emodb", "wav/03a01Xa.wav", "name is not of the form 03a01Fa"),
        (
            "ravdess_speech",
            "Audio_Speech_Actors_01-24/Actor_01/03-02-01-01-01-01-01.wav",
            "song",
        ),
        (
            "ravdess_speech",
            "Audio_Speech_Actors_01-24/Actor_01/01-01-01-01-01-01-01.wav",
            "video",
        ),
        (
            "ravdess_speech",
            "Audio_Speech_Actors_01-24/Actor_01/03-01-01-01-01-02-02.wav",
            "disagree about the actor",
        ),
        (
            "ravdess_speech",
            "Audio_Speech_Actors_01-24/Actor_01/03-01-09-01-01-02-01.wav",
            "name is not of the form",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_left_out_with_a_reason(
    tmp_path: Path, name: str, path: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    expected = BUILDERS[name](tmp_path / "root")
    write_wav(tmp_path / "root" / path, seconds=0.1, seed=99)
    done = prepare_corpus(name, tmp_path / "root", tmp_path / "out", num_jobs=1)
    assert done.found.utterances == expected
    messages = [record.getMessage() for record in caplog.records if "left out" in record.msg]
    assert len(messages) == 1
    assert path in messages[0]
    assert re.search(reason, messages[0])


def test_folders_in_another_case_and_flac_copies_are_taken(tmp_path: Path) -> None:
    write_wav(tmp_path / "ANGRY" / "SM1_F10_A010.flac", seconds=0.1)
    write_wav(tmp_path / "sad" / "SM1_F1_S01.WAV", seconds=0.1)
    taken, left_out = _parse("urdu", tmp_path)
    assert {row.path for row in taken.values()} == {
        "ANGRY/SM1_F10_A010.flac",
        "sad/SM1_F1_S01.WAV",
    }
    assert left_out == {}


def test_actors_may_lie_directly_below_the_root(tmp_path: Path) -> None:
    write_wav(tmp_path / "Actor_05" / "03-01-05-02-01-01-05.wav", seconds=0.1)
    taken, _ = _parse("ravdess_speech", tmp_path)
    assert [row.path for row in taken.values()] == ["Actor_05/03-01-05-02-01-01-05.wav"]


def test_the_same_utterance_in_two_folders_is_refused(tmp_path: Path) -> None:
    for folder in ("Actor_05", "ACTOR_05"):
        write_wav(tmp_path / folder / "03-01-05-02-01-01-05.wav", seconds=0.1)
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this disk does not tell upper from lower case")
    with pytest.raises(
        CorpusError, match=r"1 utterances lie below .* more than once, e\.g\. \['ACTOR"
    ):
        prepare_corpus("ravdess_speech", tmp_path, tmp_path / "out")


def test_a_folder_of_songs_alone_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "Actor_05" / "03-02-05-02-01-01-05.wav", seconds=0.1)
    with pytest.raises(
        CorpusError, match=r"no ravdess_speech utterances .* found 1 other audio files"
    ):
        prepare_corpus("ravdess_speech", tmp_path, tmp_path / "out")


def test_a_partial_release_is_reported_with_both_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    BUILDERS["emodb"](tmp_path / "root")
    prepare_corpus("emodb", tmp_path / "root", tmp_path / "out")
    messages = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert messages == [
        "emodb: found 8 of the release's 535 utterances",
        "emodb: found 4 of the release's 10 speakers",
    ]
