"""Channels, segments and headers of one file."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from emotion2vec.audio.io import read_audio
from emotion2vec.audio.mono import parse_channel
from emotion2vec.audio.source import AudioFile
from emotion2vec.errors import AudioError
from tests.helpers.wav import speech_like, write_wav


@pytest.mark.parametrize(("channel", "column"), [(0, 0), (1, 1), ("1", 1)])
def test_one_channel_can_be_taken(tmp_path: Path, channel: str | int, column: int) -> None:
    written = write_wav(tmp_path / "a.wav", seconds=0.3, channels=2)
    waveform_S = read_audio(tmp_path / "a.wav", channel=channel)
    expected_S = torch.from_numpy(np.ascontiguousarray(written[:, column]))
    torch.testing.assert_close(waveform_S, expected_S, atol=4e-5, rtol=0)


def test_a_file_with_a_single_channel_is_taken_whatever_the_channel(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", seconds=0.3)
    assert torch.equal(read_audio(tmp_path / "a.wav", channel=1), read_audio(tmp_path / "a.wav"))


def test_a_channel_that_a_file_does_not_have_is_one_sentence(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", seconds=0.3, channels=2)
    with pytest.raises(AudioError, match=r"a\.wav: has 2 channels, so none is number 2 \(from 0\)"):
        read_audio(tmp_path / "a.wav", channel=2)


@pytest.mark.parametrize("channel", ["left", "-1", "1.5", "", -1, "\u0661"])
def test_a_channel_is_mean_or_a_number(channel: str | int) -> None:
    with pytest.raises(ValueError, match="channel must be 'mean' or a number from 0, but is"):
        parse_channel(channel)


def test_a_bad_sample_in_another_channel_does_not_matter(tmp_path: Path) -> None:
    samples = np.stack([speech_like(seconds=0.3, seed=0), np.full(4800, np.nan)], axis=1)
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    assert torch.isfinite(read_audio(tmp_path / "a.wav", channel=0)).all()
    with pytest.raises(AudioError, match="holds 4800 samples that are not finite"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3"])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_segments_in_any_order_are_cuts_of_the_whole_file(
    tmp_path: Path, suffix: str, rate: int
) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, speech_like(seconds=1.0, seed=0, sample_rate_hz=rate), rate)
    whole_S = read_audio(path)
    with AudioFile(path) as file:
        for start, end in [(8000, 12000), (0, 4000), (3001, 9000), (None, None), (15000, None)]:
            torch.testing.assert_close(file.read(start, end), whole_S[start:end], atol=1e-6, rtol=0)


def test_a_segment_may_end_a_little_after_the_file_when_that_is_allowed(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", seconds=0.5)
    with AudioFile(tmp_path / "a.wav") as file:
        assert file.read(4000, 9000, max_overrun=1000).numel() == 4000
        with pytest.raises(AudioError, match=r"has no segment 4000\.\.9001: it holds 8000"):
            file.read(4000, 9001, max_overrun=1000)


def test_a_file_below_a_locked_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(AudioError, match=r"a\.wav: cannot be read \(Permission denied\)"):
        AudioFile(tmp_path / "a.wav")


def test_a_path_through_a_file_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(AudioError, match=r"b\.wav: does not exist"):
        AudioFile(tmp_path / "a" / "b.wav")
