"""The folder of the copies: names, what it was made of, and folders that it must not be."""

import json
import os
from pathlib import Path

import pytest

from emotion2vec import __version__
from emotion2vec.corpora.copies import copy_paths
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from tests.corpora.releases import BUILDERS
from tests.helpers.wav import write_wav


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A corpus with a stereo file."""
    BUILDERS["urdu"](tmp_path / "root")
    write_wav(tmp_path / "root" / "Sad" / "SM27_F4_S04.wav", seconds=0.1, channels=2)
    return tmp_path / "root"


@pytest.fixture
def audio(foreign: Path, tmp_path: Path) -> Path:
    """Folder of its copies."""
    prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=tmp_path / "audio", num_jobs=1)
    return tmp_path / "audio"


def _segment(identifier: str, path: str) -> Utterance:
    return Utterance(identifier, path, 0, start_sample=0, end_sample=800)


def test_copies_have_the_releases_names_and_segments_those_of_their_ids() -> None:
    rows = [Utterance("a/b", "a/b.mp4", 0), _segment("x/s1", "a/c.wav"), _segment("s2", "a/c.wav")]
    assert copy_paths(rows, "flac") == ["a/b.flac", "a/c/s1.flac", "a/c/s2.flac"]


def test_an_end_alone_makes_a_segment() -> None:
    assert copy_paths([Utterance("s", "a.wav", 0, end_sample=800)], "wav") == ["a/s.wav"]


def test_names_that_would_be_the_same_keep_what_was_cut_off() -> None:
    rows = [
        Utterance("1", "a.wav", 0),
        Utterance("2", "a.mp4", 0),
        _segment("x/s", "b.wav"),
        _segment("y/s", "b.wav"),
    ]
    assert copy_paths(rows, "flac") == [
        "a.wav.flac",
        "a.mp4.flac",
        "b.wav/x_s.flac",
        "b.wav/y_s.flac",
    ]


def test_the_same_file_twice_cannot_have_two_copies() -> None:
    rows = [Utterance("1", "a.wav", 0), Utterance("2", "a.wav", 0)]
    with pytest.raises(
        CorpusError, match=r"1 copies would be written twice, e\.g\. 'a\.wav\.flac'"
    ):
        copy_paths(rows, "flac")


def test_the_folder_says_what_its_copies_were_made_of(audio: Path) -> None:
    assert json.loads((audio / "conversion.json").read_text()) == {
        "corpus": "urdu",
        "channel": "mean",
        "format": "flac",
        "preparer": f"emotion2vec {__version__}",
    }


@pytest.mark.parametrize(
    ("name", "settings", "difference"),
    [
        ("urdu", {"channel": "0"}, "channel 'mean', not '0'"),
        ("urdu", {"audio_format": "wav"}, "format 'flac', not 'wav'"),
        ("folder", {}, "corpus 'urdu', not 'folder'"),
    ],
)
def test_copies_of_another_corpus_channel_or_format_are_refused(
    foreign: Path, audio: Path, tmp_path: Path, name: str, settings: dict[str, str], difference: str
) -> None:
    message = f"audio' holds copies of {difference}; give another folder as --audio-out"
    with pytest.raises(CorpusError, match=message):
        prepare_corpus(name, foreign, tmp_path / "out2", audio_out=audio, **settings)
    assert not (tmp_path / "out2").exists()


def test_copies_of_which_nothing_says_what_they_were_made_of_are_refused(
    foreign: Path, audio: Path, tmp_path: Path
) -> None:
    (audio / "conversion.json").unlink()
    message = r"audio' holds 'Angry/.*\.flac' and 7 more, but no conversion\.json that says what"
    with pytest.raises(CorpusError, match=message):
        prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=audio)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_record_is_refused(foreign: Path, audio: Path, tmp_path: Path, text: str) -> None:
    (audio / "conversion.json").write_text(text)
    with pytest.raises(CorpusError, match=r"conversion\.json: not the record of a conversion"):
        prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=audio)


def test_files_of_other_names_in_the_folder_do_not_matter(foreign: Path, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "notes.txt").write_text("mine")
    prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=tmp_path / "audio")
    assert (tmp_path / "audio" / "notes.txt").read_text() == "mine"


def test_what_a_killed_run_left_is_removed(foreign: Path, audio: Path, tmp_path: Path) -> None:
    stale = audio / "Sad" / f".x.{_free_pid()}.part.flac"
    running = audio / "Sad" / f".x.{os.getppid()}.part.flac"
    for path in (stale, running, tmp_path / "out" / f".all.{_free_pid()}.part.tsv"):
        path.write_bytes(b"half")
    prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=audio)
    assert [path for path in tmp_path.rglob("*.part.*")] == [running]


def _free_pid() -> int:
    return int(Path("/proc/sys/kernel/pid_max").read_text()) + 1


def test_the_folder_must_not_lie_in_the_release(foreign: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"--audio-out '.*flac' lies inside the root"):
        prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=foreign / "flac")


def test_the_folder_must_not_hold_the_release(foreign: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"--audio-out '.*' holds the root"):
        prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=foreign.parent)
