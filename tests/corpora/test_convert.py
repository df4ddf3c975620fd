"""Copies at 16 kHz mono: what is in them, which are kept, and segments of long files."""

import errno
import os
import shutil
from pathlib import Path

import pytest
import soundfile
import torch

from emotion2vec.audio import source
from emotion2vec.audio.io import read_audio
from emotion2vec.audio.video import decode_container
from emotion2vec.corpora import convert
from emotion2vec.corpora.convert import plan_audio
from emotion2vec.corpora.copies import Recipe
from emotion2vec.corpora.prepare import Prepared, prepare_corpus
from emotion2vec.data.manifest import read_manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, CorpusError
from tests.corpora.releases import BUILDERS
from tests.corpora.releases.files import write_aac
from tests.helpers.wav import write_wav


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A corpus with one file at 44.1 kHz and one in stereo."""
    root = tmp_path / "root"
    BUILDERS["urdu"](root)
    write_wav(root / "Sad" / "SF10_F1_S01.wav", seconds=0.1, sample_rate_hz=44100)
    write_wav(root / "Sad" / "SM27_F4_S04.wav", seconds=0.1, channels=2)
    return root


def _prepare(root: Path, tmp_path: Path, **settings: object) -> Prepared:
    return prepare_corpus(
        "urdu",
        root,
        tmp_path / "out",
        **{"audio_out": tmp_path / "audio", "num_jobs": 1, **settings},
    )


def _convert(
    root: Path, rows: list[Utterance], audio_out: Path | None, **settings: object
) -> tuple[Path, list[Utterance | AudioError]]:
    plan = plan_audio(root, rows, Recipe("x", **settings), num_jobs=1)
    return convert.convert(plan, audio_out, num_jobs=1)


def _segments(path: str, *bounds: tuple[int, int]) -> list[Utterance]:
    return [
        Utterance(f"long/{index}", path, 0, start_sample=start, end_sample=end)
        for index, (start, end) in enumerate(bounds)
    ]


def test_another_format_needs_a_folder_for_the_copies(foreign: Path, tmp_path: Path) -> None:
    message = (
        r"2 of 8 files below '.*root' are not 16 kHz mono \(1 files of 44100 Hz x 1 channel, "
        r"1 files of 16000 Hz x 2 channels\): give --audio-out DIR"
    )
    with pytest.raises(CorpusError, match=message):
        _prepare(foreign, tmp_path, audio_out=None)


def test_all_files_are_converted_and_the_release_is_not_changed(
    foreign: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in foreign.rglob("*.wav")}
    _prepare(foreign, tmp_path, num_jobs=2)
    manifest = read_manifest(tmp_path / "out" / "all.tsv")
    assert manifest.root == tmp_path / "audio"
    for row in manifest.utterances:
        info = soundfile.info(manifest.root / row.path)
        assert (info.samplerate, info.channels, info.format) == (16000, 1, "FLAC")
        assert info.frames == row.num_samples == 1600
    assert before == {path: path.read_bytes() for path in foreign.rglob("*.wav")}


@pytest.mark.parametrize("audio_format", ["flac", "wav"])
def test_the_copy_sounds_like_the_original(
    foreign: Path, tmp_path: Path, audio_format: str
) -> None:
    _prepare(foreign, tmp_path, audio_format=audio_format)
    original_S = read_audio(foreign / "Sad" / "SF10_F1_S01.wav")
    copy_S = read_audio(tmp_path / "audio" / "Sad" / f"SF10_F1_S01.{audio_format}")
    assert float((original_S - copy_S).abs().max()) <= 2**-15


def test_the_channel_asked_for_is_copied(foreign: Path, tmp_path: Path) -> None:
    _prepare(foreign, tmp_path, channel="1")
    original_S = read_audio(foreign / "Sad" / "SM27_F4_S04.wav", channel=1)
    copy_S = read_audio(tmp_path / "audio" / "Sad" / "SM27_F4_S04.flac")
    assert torch.equal(original_S, copy_S)


def test_a_channel_that_a_file_does_not_have_leaves_it_out(foreign: Path, tmp_path: Path) -> None:
    done = _prepare(foreign, tmp_path, channel=2)
    (error,) = done.unreadable
    assert str(error).endswith("SM27_F4_S04.wav: has 2 channels, so none is number 2 (from 0)")
    assert done.found.utterances == 7


def _written(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Record which copies are written from now on."""
    written = []
    write = convert.write_audio
    monkeypatch.setattr(
        convert,
        "write_audio",
        lambda target, *arguments: (written.append(target), write(target, *arguments)),
    )
    return written


def test_a_second_run_keeps_complete_copies_and_makes_the_rest(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _prepare(foreign, tmp_path)
    copies = sorted((tmp_path / "audio").rglob("*.flac"))
    copies[0].unlink()
    copies[1].write_bytes(b"cut short")
    original = foreign / copies[2].relative_to(tmp_path / "audio").with_suffix(".wav")
    newer = copies[2].stat().st_mtime_ns + 10**9
    os.utime(original, ns=(newer, newer))
    written = _written(monkeypatch)
    _prepare(foreign, tmp_path)
    assert sorted(written) == copies[:3]


def test_copies_of_another_release_are_not_taken_for_this_ones(
    foreign: Path, tmp_path: Path
) -> None:
    _prepare(foreign, tmp_path)
    other = Path(shutil.copytree(foreign, tmp_path / "other"))
    original = other / "Sad" / "SF10_F1_S01.wav"
    write_wav(original, seconds=0.2, sample_rate_hz=44100)
    os.utime(original, ns=(0, 0))
    _prepare(other, tmp_path)
    assert soundfile.info(tmp_path / "audio" / "Sad" / "SF10_F1_S01.flac").frames == 3200


def test_complete_copies_in_a_folder_that_may_not_be_written_to_are_used(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _prepare(foreign, tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(convert, "write_audio", refuse)
    monkeypatch.setattr("emotion2vec.corpora.copies.write_text", refuse)
    assert _prepare(foreign, tmp_path).found.utterances == 8


def test_a_write_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        convert.write_audio(tmp_path / "x" / "a.flac", torch.zeros(400), "flac")
    assert list((tmp_path / "x").iterdir()) == []


@pytest.mark.parametrize("rate", [16000, 48000])
def test_segments_of_a_long_file_become_files_of_their_own(tmp_path: Path, rate: int) -> None:
    write_wav(tmp_path / "root" / "long.wav", seconds=1.0, sample_rate_hz=rate)
    rows = _segments("long.wav", (0, 4000), (4000, 9000))
    folder, done = _convert(tmp_path / "root", rows, tmp_path / "audio")
    assert [row.path for row in done] == ["long/0.flac", "long/1.flac"]
    assert [row.num_samples for row in done] == [4000, 5000]
    assert [(row.start_sample, row.end_sample) for row in done] == [(None, None)] * 2
    whole_S = read_audio(tmp_path / "root" / "long.wav")
    copy_S = read_audio(folder / "long/1.flac")
    assert float((copy_S - whole_S[4000:9000]).abs().max()) <= 2**-15


def test_a_release_of_segments_needs_a_folder_for_them(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", seconds=1.0)
    message = r"2 utterances below '.*' are segments of longer files: give --audio-out DIR"
    with pytest.raises(CorpusError, match=message):
        _convert(tmp_path, _segments("long.wav", (0, 4000), (4000, 9000)), None)


def test_a_video_is_decoded_once_for_all_its_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install emotion2vec[video]")
    write_aac(tmp_path / "root" / "long.mp4", seconds=2.0)
    bounds = [(400 * index, 400 * index + 800) for index in range(70)]
    calls = []
    monkeypatch.setattr(
        source,
        "decode_container",
        lambda path, **kwargs: calls.append(path) or decode_container(path, **kwargs),
    )
    _, done = _convert(tmp_path / "root", _segments("long.mp4", *bounds), tmp_path / "audio")
    assert [row.num_samples for row in done] == [800] * 70
    assert len(calls) == 1
    _, again = _convert(tmp_path / "root", _segments("long.mp4", *bounds), tmp_path / "audio")
    assert again == done
    assert len(calls) == 1


def test_many_segments_keep_their_order(tmp_path: Path) -> None:
    rows = []
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / "root" / name, seconds=3.0)
        rows += _segments(name, *[(400 * index, 400 * index + 500 + index) for index in range(100)])
    rows = [
        Utterance(f"{row.path}/{row.id}", row.path, 0, None, None, None, None, None, *bounds)
        for row in rows[::2] + rows[1::2]
        for bounds in [(row.start_sample, row.end_sample)]
    ]
    plan = plan_audio(tmp_path / "root", rows, Recipe("x"), num_jobs=2)
    _, done = convert.convert(plan, tmp_path / "audio", num_jobs=2)
    assert [row.id for row in done] == [row.id for row in rows]
    assert [row.num_samples for row in done] == [r.end_sample - r.start_sample for r in rows]


@pytest.mark.parametrize("name", ["long.wav", "long.mp4"])
def test_a_segment_that_ends_a_little_after_its_file_is_cut_there(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    if name.endswith("mp4"):
        pytest.importorskip("av", reason="needs PyAV: pip install emotion2vec[video]")
        write_aac(tmp_path / "root" / name, seconds=1.0)
    else:
        write_wav(tmp_path / "root" / name, seconds=1.0)
    whole = read_audio(tmp_path / "root" / name).numel()
    rows = _segments(name, (8000, whole + 4000), (8000, whole + 8001))
    for _ in range(2):  # the second run must take the copy of the first
        caplog.clear()
        _, (cut, refused) = _convert(tmp_path / "root", rows, tmp_path / "audio")
        assert cut.num_samples == whole - 8000
        assert isinstance(refused, AudioError)
        assert f"has no segment 8000..{whole + 8001}: it holds {whole} samples" in str(refused)
        assert "1 segments end up to 0.25 s after their file and were cut there" in caplog.text


def test_a_file_that_cannot_be_read_is_an_error_of_each_of_its_segments(tmp_path: Path) -> None:
    write_wav(tmp_path / "root" / "good.wav", seconds=1.0)
    (tmp_path / "root" / "bad.wav").write_bytes(b"RIFF not audio")
    rows = [*_segments("bad.wav", (0, 800), (800, 1600)), *_segments("good.wav", (0, 800))]
    _, done = _convert(tmp_path / "root", rows, tmp_path / "audio")
    assert [isinstance(item, AudioError) for item in done] == [True, True, False]
