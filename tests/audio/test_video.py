"""Sound of video and m4a files: with PyAV, and the sentence without it."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion2vec.audio import source
from emotion2vec.audio.io import audio_info, read_audio
from emotion2vec.audio.source import AudioFile
from emotion2vec.audio.video import container_info, decode_container
from emotion2vec.errors import AudioError
from tests.corpora.releases.files import write_aac
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


def test_the_header_tells_rate_channels_and_about_the_length(tmp_path: Path) -> None:
    _write_m4a(tmp_path / "a.m4a", seconds=1.5, rate=48000)
    info = container_info(tmp_path / "a.m4a")
    assert (info.sample_rate_hz, info.num_channels) == (48000, 1)
    assert info.seconds == pytest.approx(1.5, abs=0.1)


def test_a_container_without_sound_is_named(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="needs PyAV: pip install emotion2vec[video]")
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 32, 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    for read in (read_audio, container_info):
        with pytest.raises(AudioError, match=r"a\.mp4: holds no audio stream"):
            read(tmp_path / "a.mp4")


def test_a_channel_of_a_container_can_be_chosen(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install emotion2vec[video]")
    path = tmp_path / "a.m4a"
    write_aac(path, seconds=0.5, layout="stereo")
    left_S, right_S = (read_audio(path, channel=channel) for channel in (0, 1))
    assert not torch.equal(left_S, right_S)
    torch.testing.assert_close(read_audio(path), (left_S + right_S) / 2, atol=1e-6, rtol=0)
    with pytest.raises(AudioError, match=r"a\.m4a: has 2 channels, so none is number 2"):
        read_audio(path, channel=2)


def test_segments_of_a_container_are_cuts_of_what_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_m4a(tmp_path / "a.m4a", seconds=1.0, rate=48000)
    whole_S = read_audio(tmp_path / "a.m4a")
    calls = []
    monkeypatch.setattr(
        source,
        "decode_container",
        lambda *args, **kwargs: calls.append(args) or decode_container(*args, **kwargs),
    )
    with AudioFile(tmp_path / "a.m4a") as file:
        assert torch.equal(file.read(0, 4000), whole_S[:4000])
        assert torch.equal(file.read(3000, 9000), whole_S[3000:9000])
    assert len(calls) == 1


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
