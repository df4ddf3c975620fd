"""`prepare_corpus.py --dry-run`: what it says, and that nothing is decoded or written."""

from pathlib import Path

import pytest

from emotion2vec.audio import source
from emotion2vec.cli.main import main
from emotion2vec.corpora.dry_run import AS_IT_IS, dry_run
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.errors import CorpusError
from tests.corpora.releases import BUILDERS
from tests.corpora.releases.files import write_aac
from tests.helpers.wav import write_wav


@pytest.fixture
def root(tmp_path: Path) -> Path:
    BUILDERS["urdu"](tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def foreign(root: Path) -> Path:
    """The corpus with a stereo file."""
    write_wav(root / "Sad" / "SM27_F4_S04.wav", seconds=0.1, channels=2)
    return root


def _lines(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    assert main(["prepare", *map(str, arguments), "--dry-run"]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_it_counts_what_preparing_then_finds(name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path / "root")
    said = dry_run(name, tmp_path / "root", audio_out=tmp_path / "audio", num_jobs=1)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["root"]
    done = prepare_corpus(
        name, tmp_path / "root", tmp_path / "out", audio_out=tmp_path / "audio", num_jobs=1
    )
    said_unreadable = len(said.unreadable)
    assert said.found.utterances + said_unreadable == done.found.utterances + len(done.unreadable)
    assert said.found.seconds == pytest.approx(done.found.seconds, rel=0.6)  # codec frames
    if len(done.unreadable) == said_unreadable:
        assert said.found.label_counts == done.found.label_counts
        assert said.found.speakers == done.found.speakers
    assert (said.copies is not None) == (tmp_path / "audio").exists()


def test_nothing_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install emotion2vec[video]")
    write_aac(tmp_path / "root" / "sad" / "a.m4a", seconds=2.0)
    write_wav(tmp_path / "root" / "sad" / "b.wav", seconds=1.0, channels=2)
    monkeypatch.setattr(source, "decode_container", None)
    monkeypatch.setattr(source.soundfile.SoundFile, "read", None)
    said = dry_run("folder", tmp_path / "root", num_jobs=1)
    assert said.found.seconds == pytest.approx(3.0, abs=0.1)
    assert said.formats == {".m4a, 48000 Hz x 1 channel": 1, "16000 Hz x 2 channels": 1}


def test_a_release_that_is_used_where_it_is(root: Path, capsys) -> None:
    lines = _lines(capsys, "urdu", "--root", root)
    assert lines[0] == f"files: 8: 8 of {AS_IT_IS}"
    assert lines[1] == "copies: none are needed, the manifest points at the release"
    assert lines[-1] == (
        "urdu: would write 8 utterances, 0.00 h, 8 speakers, angry 2, happy 2, neutral 2, sad 2; "
        "nothing was written (lengths from the headers)"
    )


def test_copies_their_room_and_the_free_room_are_shown(
    foreign: Path, tmp_path: Path, capsys
) -> None:
    audio = tmp_path / "audio"
    arguments = ["urdu", "--root", foreign, "--audio-out", audio]
    lines = _lines(capsys, *arguments)
    assert lines[0] == f"files: 8: 7 of {AS_IT_IS}, 1 of 16000 Hz x 2 channels"
    assert lines[1] == "copies: 8 FLAC files at 16 kHz mono, channel mean; 0 are there already"
    assert lines[2] == "room: about 33.0 kB (assumed: FLAC takes 0.65 of 16-bit samples)"
    assert lines[3].startswith("free: ")
    assert lines[3].endswith(f"B on the disk of {audio}")
    assert not audio.exists()


def test_copies_that_are_there_are_counted(foreign: Path, tmp_path: Path, capsys) -> None:
    audio = tmp_path / "audio"
    prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=audio, num_jobs=1)
    next(audio.rglob("*.flac")).unlink()
    lines = _lines(capsys, "urdu", "--root", foreign, "--audio-out", audio)
    assert lines[1] == "copies: 1 FLAC files at 16 kHz mono, channel mean; 7 are there already"


def test_the_folder_for_copies_is_asked_for(foreign: Path, capsys) -> None:
    lines = _lines(capsys, "urdu", "--root", foreign, "--audio-format", "wav", "--channel", "0")
    assert lines[1] == "copies: 8 WAV files at 16 kHz mono, channel 0; 0 are there already"
    assert lines[3] == "--audio-out DIR is needed for them"


def test_too_little_room_is_shown(
    foreign: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotion2vec.corpora.dry_run.free_bytes", lambda _: 999)
    lines = _lines(capsys, "urdu", "--root", foreign, "--audio-out", tmp_path / "audio")
    assert lines[3] == f"free: 999 bytes on the disk of {tmp_path / 'audio'}: NOT ENOUGH"


def test_segments_unreadable_and_other_files_are_shown(tmp_path: Path, capsys) -> None:
    BUILDERS["cmu_mosei"](tmp_path / "mosei")
    line = _lines(capsys, "cmu_mosei", "--root", tmp_path / "mosei")[0]
    assert line.endswith(" utterances are segments of them")
    BUILDERS["urdu"](tmp_path / "root")
    (tmp_path / "root" / "Sad" / "SM27_F4_S04.wav").write_bytes(b"RIFF not audio")
    write_wav(tmp_path / "root" / "Sad" / "odd name.wav", seconds=0.1)
    write_wav(tmp_path / "root" / "music" / "a.wav", seconds=0.1)
    lines = _lines(capsys, "urdu", "--root", tmp_path / "root")
    assert lines[0] == f"files: 7: 7 of {AS_IT_IS}"
    assert lines[1].startswith("cannot be read: 1 files, e.g. ")
    assert lines[1].endswith("SM27_F4_S04.wav: cannot be read as audio (Format not recognised)")
    assert lines[2] == "left out: 1 files; other audio below the root: 1 files (named above)"


def test_it_refuses_copies_of_another_channel(foreign: Path, tmp_path: Path) -> None:
    prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=tmp_path / "audio", num_jobs=1)
    with pytest.raises(CorpusError, match="holds copies of channel 'mean', not '0'"):
        dry_run("urdu", foreign, audio_out=tmp_path / "audio", channel=0)
