"""Sound of video and m4a files: with PyAV, and the sentence without it."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion2vec.audio.io import audio_info, read_audio
from emotion2vec.errors import AudioError
from tests.helpers.wav import speech_like


def _write_m4a(path: Path, *, seconds: float, rate: int) -> np.ndarray:
    av = pytest.importorskip("av", reason="needs PyAV: pip install emotion2vec[video]")
    samples = speech_like(seconds=seconds, seed=0, sample_rate_hz=rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return samples


def test_an_m4a_file_is_read(tmp_path: Path) -> None:
    samples = _write_m4a(tmp_path / "a.m4a", seconds=1.0, rate=16000)
    waveform_S = read_audio(tmp_path / "a.m4a")
    assert audio_info(tmp_path / "a.m4a").num_samples_16k == waveform_S.numel()
    assert abs(waveform_S.numel() - 16000) < 2100  # a codec frame at each end
    spectrum = torch.fft.rfft(waveform_S[:16000], 16000).abs()
    expected = torch.fft.rfft(torch.from_numpy(samples), 16000).abs()
    assert torch.corrcoef(torch.stack([spectrum, expected]))[0, 1] > 0.9


def test_a_damaged_m4a_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install emotion2vec[video]")
    (tmp_path / "a.m4a").write_bytes(b"not a container")
    with pytest.raises(AudioError, match=r"a\.m4a: cannot be decoded"):
        read_audio(tmp_path / "a.m4a")


def test_without_pyav_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").write_bytes(b"anything")
    with pytest.raises(
        AudioError, match=r"a\.mp4: \.mp4 files need PyAV: pip install emotion2vec\[video\]"
    ):
        read_audio(tmp_path / "a.mp4")
