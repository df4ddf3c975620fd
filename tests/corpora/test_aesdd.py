"""AESDD: names with and without zeros, takes, and the file without audio."""

from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import LeftOut, get_corpus
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from tests.corpora.releases.aesdd import build_miniature
from tests.corpora.releases.files import write_files


def _parse(root: Path) -> list[Utterance | LeftOut]:
    return list(get_corpus("aesdd").iter_utterances(root))


@pytest.mark.parametrize(
    ("path", "identifier", "speaker", "sentence", "take"),
    [
        ("anger/a01 (1).wav", "a01_1", "1", "01", "a"),
        ("fear/f10 (01).wav", "f10_1", "1", "10", "a"),
        ("anger/a06 (5)b.wav", "a06_5b", "5", "06", "b"),
        ("sadness/s01 (5)a.wav", "s01_5a", "5", "01", "a"),
    ],
)
def test_the_name_gives_sentence_speaker_and_take(
    tmp_path: Path, path: str, identifier: str, speaker: str, sentence: str, take: str
) -> None:
    build_miniature(tmp_path)
    (row,) = [r for r in _parse(tmp_path) if r.path == path]
    assert isinstance(row, Utterance)
    assert (row.id, row.speaker, row.sentence, row.take) == (identifier, speaker, sentence, take)
    assert (row.language, row.gender) == ("el", None)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("anger/s01 (1).wav", "folder and file name disagree about the emotion"),
        ("anger/a01.wav", "name is not of the form 'a01 (1)'"),
        ("fear/f01 (1) - copy.wav", "name is not of the form 'a01 (1)'"),
        ("fear/._f01 (1).wav", "hidden file (of a file manager, not speech)"),
    ],
)
def test_a_file_that_does_not_fit_is_left_out_with_a_reason(
    tmp_path: Path, path: str, reason: str
) -> None:
    write_files(tmp_path, [path])
    assert _parse(tmp_path) == [LeftOut(path, reason)]


def test_one_recording_under_two_spellings_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, ["fear/f10 (01).wav", "fear/f10 (1).wav"])
    with pytest.raises(CorpusError, match=r"1 utterances lie below .* more than once"):
        prepare_corpus("aesdd", tmp_path, tmp_path / "out")


def test_the_file_without_audio_is_reported_and_the_rest_prepared(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    number = build_miniature(tmp_path / "root")
    broken = tmp_path / "root" / "sadness" / "s05 (3).wav"
    broken.write_bytes((tmp_path / "root" / "anger" / "a01 (1).wav").read_bytes()[:36])
    done = prepare_corpus("aesdd", tmp_path / "root", tmp_path / "out", num_jobs=1)
    assert done.found.utterances == number
    assert [Path(error.source).name for error in done.unreadable] == ["s05 (3).wav"]
    assert "s05 (3).wav" in caplog.text
