"""RAVDESS speech and song: one way of naming, two corpora, several layouts."""

from collections import Counter
from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.ravdess import RELEASE_FOLDERS
from emotion2vec.corpora.registry import get_corpus
from emotion2vec.errors import CorpusError
from tests.corpora.parsed import parse
from tests.corpora.releases import ravdess_song
from tests.corpora.releases.files import link_files

SPEECH = "Audio_Speech_Actors_01-24"
SONG = "Audio_Song_Actors_01-24"
CHANNELS = {"ravdess_speech": "01", "ravdess_song": "02"}
CORPORA = sorted(CHANNELS)


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_name_gives_everything_that_is_known(tmp_path: Path, corpus: str) -> None:
    name = f"03-{CHANNELS[corpus]}-05-02-01-02-23"
    link_files(tmp_path, [f"{RELEASE_FOLDERS[corpus]}/Actor_23/{name}.wav"])
    row = parse(corpus, tmp_path).taken[name]
    assert (row.label, row.speaker, row.gender, row.language) == ("angry", "23", "male", "en")
    assert (row.sentence, row.take, row.intensity) == ("01", "02", "strong")


@pytest.mark.parametrize("corpus", CORPORA)
def test_actors_of_even_number_are_women_and_neutral_is_of_normal_intensity(
    tmp_path: Path, corpus: str
) -> None:
    name = f"03-{CHANNELS[corpus]}-01-01-02-01-04"
    link_files(tmp_path, [f"Actor_04/{name}.wav"])
    row = parse(corpus, tmp_path).taken[name]
    assert (row.gender, row.intensity, row.label) == ("female", "normal", "neutral")


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("place", ["{0}", "audio/{0}", "", "audio", "{0}/{0}", "audio/{1}"])
def test_the_actors_are_found_in_every_layout(tmp_path: Path, corpus: str, place: str) -> None:
    folder = RELEASE_FOLDERS[corpus]
    path = Path(place.format(folder, folder.upper())) / "Actor_01"
    name = f"03-{CHANNELS[corpus]}-06-01-01-01-01"
    link_files(tmp_path, [f"{path}/{name}.wav"])
    parsed = parse(corpus, tmp_path)
    assert list(parsed.taken) == [name]
    assert parsed.left_out == {}


@pytest.mark.parametrize("corpus", CORPORA)
def test_speech_and_song_below_one_root_do_not_mix(tmp_path: Path, corpus: str) -> None:
    link_files(
        tmp_path,
        [
            f"{SPEECH}/Actor_01/03-01-01-01-01-01-01.wav",
            f"{SONG}/Actor_01/03-02-01-01-01-01-01.wav",
        ],
    )
    parsed = parse(corpus, tmp_path)
    assert list(parsed.taken) == [f"03-{CHANNELS[corpus]}-01-01-01-01-01"]
    assert parsed.left_out == {}


@pytest.mark.parametrize(
    ("corpus", "name", "reason"),
    [
        ("ravdess_song", "03-01-01-01-01-01-01", "speech (channel 01), not song"),
        ("ravdess_speech", "03-02-01-01-01-01-01", "song (channel 02), not speech"),
        (
            "ravdess_song",
            "01-02-01-01-01-01-01",
            "video or audio-video (modality 01 or 02), not audio only",
        ),
        (
            "ravdess_song",
            "03-02-01-01-01-01-02",
            "folder and file name disagree about the actor",
        ),
        ("ravdess_song", "03-02-07-01-01-01-01", "emotion 07 is not one of ravdess_song's"),
        ("ravdess_song", "03-02-09-01-01-01-01", "name is not of the form 03-01-05-01-01-01-01"),
        ("ravdess_speech", "03-01-05-03-01-01-01", "name is not of the form 03-01-05-01-01-01-01"),
    ],
)
def test_a_file_that_does_not_fit_is_left_out_with_a_reason(
    tmp_path: Path, corpus: str, name: str, reason: str
) -> None:
    link_files(tmp_path, [f"Actor_01/{name}.wav"])
    parsed = parse(corpus, tmp_path)
    assert parsed.taken == {}
    assert parsed.left_out == {f"Actor_01/{name}.wav": reason}


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_second_copy_and_the_other_corpus_are_known_not_to_belong(
    tmp_path: Path, corpus: str
) -> None:
    """Whole trees of copies hold them: a report of unknown audio would name thousands of files."""
    other = next(name for name in CORPORA if name != corpus)
    beside = [
        f"Actor_01/03-{CHANNELS[corpus]}-01-01-01-01-01.wav",
        f"{RELEASE_FOLDERS[other]}/Actor_01/03-{CHANNELS[other]}-01-01-01-01-01.wav",
        f"Video_Speech_Actor_01/Actor_01/02-{CHANNELS[corpus]}-01-01-01-01-01.mp4",
    ]
    link_files(tmp_path, beside[:2])
    link_files(
        tmp_path, [f"{RELEASE_FOLDERS[corpus]}/Actor_01/03-{CHANNELS[corpus]}-01-01-01-01-01.wav"]
    )
    parsed = parse(corpus, tmp_path)
    assert len(parsed.taken) == 1
    assert parsed.left_out == {}
    patterns = get_corpus(corpus).card.ignored
    assert all(any(Path(path).match(pattern) for pattern in patterns) for path in beside)


def test_a_folder_of_speech_alone_is_refused_as_song(tmp_path: Path) -> None:
    link_files(tmp_path / "root", [f"{SPEECH}/Actor_01/03-01-01-01-01-01-01.wav"])
    with pytest.raises(CorpusError, match=r"no ravdess_song utterances .* 1 other audio files"):
        prepare_corpus("ravdess_song", tmp_path / "root", tmp_path / "out")


def test_two_whole_copies_below_one_root_are_refused(tmp_path: Path) -> None:
    name = "Actor_01/03-02-01-01-01-01-01.wav"
    link_files(tmp_path / "root", [f"{SONG}/{name}", f"audio/{SONG}/{name}"])
    with pytest.raises(CorpusError, match="name the folder of one copy of the release"):
        prepare_corpus("ravdess_song", tmp_path / "root", tmp_path / "out")


def test_the_whole_song_corpus_is_found_by_its_rule(tmp_path: Path) -> None:
    expected = ravdess_song.build_whole(tmp_path / "root")
    parsed = parse("ravdess_song", tmp_path / "root")
    found = {row.path: (row.label, row.speaker) for row in parsed.taken.values()}
    assert found == {path: (what.label, what.speaker) for path, what in expected.items()}
    assert len(found) == get_corpus("ravdess_song").card.release.utterances == 1012
    counts = Counter(row.speaker for row in parsed.taken.values())
    assert set(counts.values()) == {44}
    assert len(counts) == get_corpus("ravdess_song").card.release.speakers == 23
    assert parsed.left_out == {}
