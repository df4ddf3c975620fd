"""Wrong folders, and folders that hold more than the corpus."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from emotion2vec.corpora import wrong_root
from emotion2vec.corpora.other_audio import other_audio
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import get_corpus
from emotion2vec.corpora.wrong_root import suggest_root
from emotion2vec.data.manifest import read_card
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from tests.corpora.releases import BUILDERS
from tests.helpers.wav import write_wav

FIXED = [name for name in sorted(BUILDERS) if get_corpus(name).card.labels]


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("below", ["unpacked", "unpacked/here"])
def test_a_folder_around_the_releases_own_is_understood_or_the_right_one_is_named(
    name: str, below: str, tmp_path: Path
) -> None:
    BUILDERS[name](tmp_path / "root" / below)
    found, error = 0, ""
    try:
        found = prepare_corpus(
            name, tmp_path / "root", tmp_path / "out", audio_out=tmp_path / "audio", num_jobs=1
        ).found.utterances
    except CorpusError as caught:
        error = str(caught)
    assert found or f"did you mean --root '{tmp_path / 'root'}/unpacked" in error


@pytest.mark.parametrize("name", FIXED)
def test_a_folder_beside_the_releases_own_leads_to_the_one_above(name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path / "root")
    (tmp_path / "root" / "empty").mkdir()
    with pytest.raises(CorpusError, match=rf"did you mean --root '{tmp_path}/root'\?"):
        prepare_corpus(name, tmp_path / "root" / "empty", tmp_path / "out")


def test_a_folder_inside_the_release_leads_back_to_it(tmp_path: Path) -> None:
    BUILDERS["emodb"](tmp_path / "EmoDB")
    (tmp_path / "EmoDB" / "labels").mkdir()
    message = rf"no emodb utterances below .* did you mean --root '{tmp_path}/EmoDB'\?"
    with pytest.raises(CorpusError, match=message):
        prepare_corpus("emodb", tmp_path / "EmoDB" / "labels", tmp_path / "out")


def test_without_a_better_folder_there_is_no_suggestion(tmp_path: Path) -> None:
    write_wav(tmp_path / "root" / "a.wav", seconds=0.1)
    with pytest.raises(CorpusError) as caught:
        prepare_corpus("urdu", tmp_path / "root", tmp_path / "out")
    assert "did you mean" not in str(caught.value)


def test_for_any_files_no_other_folder_is_suggested(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", seconds=0.1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError) as caught:
        prepare_corpus("folder", tmp_path / "empty", tmp_path / "out")
    assert "did you mean" not in str(caught.value)


def _parse_folder_named_corpus(root: Path) -> Iterator[Utterance]:
    if root.name == "damaged":
        raise CorpusError("damaged")
    if root.name == "corpus":
        yield Utterance("a", "a.wav", 0)


def test_a_candidate_that_its_parser_refuses_is_passed_over(tmp_path: Path) -> None:
    for name in ("damaged", "z/corpus"):
        (tmp_path / name).mkdir(parents=True)
    assert suggest_root(_parse_folder_named_corpus, tmp_path) == tmp_path / "z" / "corpus"


def test_a_candidate_as_big_as_a_disk_is_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.wav").touch()
    assert suggest_root(_parse_folder_named_corpus, tmp_path) == tmp_path / "corpus"
    monkeypatch.setattr(wrong_root, "_MOST_ENTRIES", 0)
    assert suggest_root(_parse_folder_named_corpus, tmp_path) is None


def test_other_audio_is_counted_named_and_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    BUILDERS["urdu"](tmp_path / "root")
    for index in range(7):
        write_wav(tmp_path / "root" / "music" / f"{index}.wav", seconds=0.1)
    (tmp_path / "root" / "films").mkdir()
    (tmp_path / "root" / "films" / "a.MP4").touch()
    done = prepare_corpus("urdu", tmp_path / "root", tmp_path / "out")
    assert done.num_other_audio == 8
    message = f"8 other audio files below {tmp_path / 'root'} do not belong to urdu, e.g. films/a.MP4, music/0.wav"
    assert message in caplog.text
    stored = read_card(tmp_path / "out")["other_audio"]
    assert stored["files"] == 8
    assert stored["examples"][:2] == ["films/a.MP4", "music/0.wav"]
    assert len(stored["examples"]) == 5


def test_two_corpora_in_one_folder_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    num_songs = BUILDERS["emodb"](tmp_path / "root")
    BUILDERS["urdu"](tmp_path / "root")
    prepare_corpus("urdu", tmp_path / "root", tmp_path / "out")
    assert f"{num_songs} other audio files below" in caplog.text


def test_known_ignored_and_hidden_files_are_no_other_audio(tmp_path: Path) -> None:
    names = ["a.wav", "b/c.flac", "b/._c.flac", ".trash/d.wav", "dialog/wav/e.wav", "notes.txt"]
    for name in [*names, "b/new.wav", "wav"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = other_audio(tmp_path, {"a.wav", "b/c.flac"}, ["dialog/wav/*.wav"])
    assert found == ["b/new.wav"]


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_miniature_of_a_release_holds_no_other_audio(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    BUILDERS[name](tmp_path / "root")
    prepare_corpus(
        name, tmp_path / "root", tmp_path / "out", audio_out=tmp_path / "audio", num_jobs=1
    )
    assert read_card(tmp_path / "out")["other_audio"] == {"files": 0, "examples": []}
    assert "other audio files" not in caplog.text
