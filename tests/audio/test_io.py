"""Reading of files and arrays, and the sentence that each bad input gives."""

import contextlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from emotion2vec.audio.io import (
    audio_info,
    is_silent,
    normalise_waveform,
    read_audio,
    to_speech,
)
from emotion2vec.errors import AudioError
from tests.helpers.wav import speech_like, write_wav


def test_a_16_khz_mono_file_is_read_sample_for_sample(tmp_path: Path) -> None:
    written = write_wav(tmp_path / "a.wav", seconds=0.5)
    waveform_S = read_audio(tmp_path / "a.wav")
    assert waveform_S.dtype == torch.float32
    torch.testing.assert_close(waveform_S, torch.from_numpy(written[:, 0]), atol=4e-5, rtol=0)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".aiff"])
def test_formats_of_soundfile_are_read(tmp_path: Path, suffix: str) -> None:
    samples = speech_like(seconds=0.5, seed=1)
    soundfile.write(tmp_path / f"a{suffix}", samples, 16000)
    assert read_audio(tmp_path / f"a{suffix}").shape == (8000,)


def test_channels_are_averaged(tmp_path: Path) -> None:
    written = write_wav(tmp_path / "a.wav", seconds=0.3, channels=2)
    expected = torch.from_numpy(written.mean(axis=1))
    torch.testing.assert_close(read_audio(tmp_path / "a.wav"), expected, atol=4e-5, rtol=0)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 16001])
def test_the_header_tells_the_length_after_resampling(tmp_path: Path, rate: int) -> None:
    write_wav(tmp_path / "a.wav", seconds=0.317, sample_rate_hz=rate, channels=2)
    info = audio_info(tmp_path / "a.wav")
    assert (info.sample_rate_hz, info.num_channels) == (rate, 2)
    assert read_audio(tmp_path / "a.wav").numel() == info.num_samples_16k


@pytest.mark.parametrize("rate", [16000, 8000, 44100, 48000])
def test_a_segment_equals_the_cut_of_the_whole_file(tmp_path: Path, rate: int) -> None:
    write_wav(tmp_path / "a.wav", seconds=1.0, sample_rate_hz=rate)
    whole_S = read_audio(tmp_path / "a.wav")
    segment_S = read_audio(tmp_path / "a.wav", start_sample=4001, end_sample=9000)
    torch.testing.assert_close(segment_S, whole_S[4001:9000], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("file_format", "subtype"), [("MP3", "MPEG_LAYER_III"), ("WAV", "GSM610"), ("FLAC", "PCM_24")]
)
def test_a_segment_is_the_same_in_formats_that_cannot_jump(
    tmp_path: Path, file_format: str, subtype: str
) -> None:
    path = tmp_path / f"a.{file_format.lower()}"
    samples = speech_like(seconds=1.0, seed=0, sample_rate_hz=44100)
    soundfile.write(path, samples, 44100, format=file_format, subtype=subtype)
    whole_S = read_audio(path)
    segment_S = read_audio(path, start_sample=4001, end_sample=9000)
    torch.testing.assert_close(segment_S, whole_S[4001:9000], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("start", "end"), [(0, 8001), (-1, 800), (500, 500), (9000, None)])
def test_a_segment_outside_of_the_file_is_refused(
    tmp_path: Path, start: int, end: int | None
) -> None:
    write_wav(tmp_path / "a.wav", seconds=0.5)
    with pytest.raises(AudioError, match=r"a\.wav: has no segment .* it holds 8000 samples"):
        read_audio(tmp_path / "a.wav", start_sample=start, end_sample=end)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"no\.wav: does not exist"):
        read_audio(tmp_path / "no.wav")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="is not a file"):
        read_audio(tmp_path)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(AudioError, match=r"a\.wav: is empty \(0 bytes\)"):
        read_audio(tmp_path / "a.wav")


def test_a_file_without_samples_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0, np.float32), 16000)
    with pytest.raises(AudioError, match=r"a\.wav: is empty \(0 samples\)"):
        read_audio(tmp_path / "a.wav")


def test_a_file_that_is_not_audio_is_named_once_with_the_cause(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF not audio")
    with pytest.raises(AudioError, match="cannot be read as audio") as caught:
        read_audio(tmp_path / "a.wav")
    assert str(caught.value).count("a.wav") == 1
    assert "Format not recognised" in str(caught.value)


def test_a_truncated_wav_is_refused_with_the_number_of_missing_bytes(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", seconds=1.0)
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(content[: 44 + 20000])
    with pytest.raises(AudioError, match=r"is truncated: the header promises 12000 bytes more"):
        read_audio(tmp_path / "a.wav")


def test_a_header_with_an_impossible_rate_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(seconds=1.0, seed=0), 7)
    with pytest.raises(AudioError, match=r"a\.wav: has the sample rate 7; expected a whole number"):
        read_audio(tmp_path / "a.wav")


def test_a_truncated_aiff_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.aiff", speech_like(seconds=1.0, seed=0), 16000)
    content = (tmp_path / "a.aiff").read_bytes()
    (tmp_path / "a.aiff").write_bytes(content[:-1000])
    with pytest.raises(AudioError, match=r"promises 1000 bytes more"):
        read_audio(tmp_path / "a.aiff")


def test_a_truncated_rf64_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(seconds=1.0, seed=0), 16000, format="RF64")
    assert read_audio(tmp_path / "a.wav").numel() == 16000
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(content[:-1000])
    with pytest.raises(AudioError, match=r"promises 1000 bytes more"):
        read_audio(tmp_path / "a.wav")


def test_a_header_that_promises_more_than_memory_holds_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.flac", seconds=0.5)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21:26] = bytes([content[21] | 0x0F, 0xFF, 0xFF, 0xFF, 0xFF])  # 2**36 - 1 samples
    (tmp_path / "a.flac").write_bytes(bytes(content))
    with pytest.raises(AudioError, match=r"a\.flac: (cannot be decoded|is truncated)"):
        read_audio(tmp_path / "a.flac")


def test_random_damage_gives_speech_or_an_audio_error_and_nothing_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "a.wav"
    for file_format in ("WAV", "FLAC", "AIFF", "OGG"):
        soundfile.write(path, speech_like(seconds=0.1, seed=0), 16000, format=file_format)
        healthy = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(40):
            damaged = healthy.copy()
            damaged[rng.integers(0, min(100, len(healthy)), 3)] = rng.integers(0, 256, 3)
            path.write_bytes(damaged[: rng.integers(1, len(damaged) + 1)].tobytes())
            with contextlib.suppress(AudioError):
                assert torch.isfinite(read_audio(path)).all()


def test_a_truncated_flac_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.flac", seconds=1.0)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"a\.flac: (cannot be decoded|is truncated)"):
        read_audio(tmp_path / "a.flac")


def test_a_wav_that_was_streamed_has_no_known_size_and_is_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", seconds=0.5)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    position = content.index(b"data") + 4
    content[position : position + 4] = struct.pack("<I", 0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(bytes(content))
    assert read_audio(tmp_path / "a.wav").numel() == 8000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_counted(tmp_path: Path, value: float) -> None:
    samples = speech_like(seconds=0.5, seed=0)
    samples[[3, 70]] = value
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"a\.wav: holds 2 samples that are not finite"):
        read_audio(tmp_path / "a.wav")


def test_a_clip_of_399_samples_is_too_short_and_400_are_enough(tmp_path: Path) -> None:
    samples = speech_like(seconds=1.0, seed=0)
    soundfile.write(tmp_path / "short.wav", samples[:399], 16000)
    soundfile.write(tmp_path / "long.wav", samples[:400], 16000)
    with pytest.raises(AudioError, match=r"short\.wav: is too short: 399 samples .* at least 400"):
        read_audio(tmp_path / "short.wav")
    assert read_audio(tmp_path / "long.wav").numel() == 400


def test_silence_is_read_and_stays_zero_when_normalised(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000, np.float32), 16000)
    waveform_S = read_audio(tmp_path / "a.wav")
    assert is_silent(waveform_S)
    assert torch.equal(normalise_waveform(waveform_S), torch.zeros(8000))


def test_a_constant_is_silent_and_quiet_speech_is_not() -> None:
    assert is_silent(torch.full((800,), 0.3))
    assert not is_silent(0.01 * torch.from_numpy(speech_like(seconds=0.5, seed=0)))


def test_normalisation_gives_zero_mean_and_unit_variance() -> None:
    waveform_S = torch.from_numpy(speech_like(seconds=0.5, seed=0)) + 0.2
    normalised_S = normalise_waveform(waveform_S).double()
    assert abs(float(normalised_S.mean())) < 1e-5
    assert float(normalised_S.var(correction=0)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("shape", [(8000,), (1, 8000), (8000, 1), (2, 8000), (8000, 2)])
def test_arrays_of_every_usual_shape_become_mono(shape: tuple[int, ...]) -> None:
    assert to_speech(np.full(shape, 0.25), 16000).shape == (8000,)


def test_integer_arrays_are_scaled_to_full_scale() -> None:
    waveform_S = to_speech(np.full(8000, -(2**15), np.int16), 16000)
    assert torch.equal(waveform_S, torch.full((8000,), -1.0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.int16])
def test_tensors_of_every_usual_type_become_float32(dtype: torch.dtype) -> None:
    assert to_speech(torch.ones(8000, dtype=dtype), 16000).dtype == torch.float32


def test_an_array_equals_its_file(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", seconds=0.5, sample_rate_hz=44100)
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert torch.equal(to_speech(samples, rate), read_audio(tmp_path / "a.wav"))


def test_an_array_does_not_change_when_its_speech_is_changed() -> None:
    samples = speech_like(seconds=0.5, seed=0)
    before = samples.copy()
    normalise_waveform(to_speech(samples, 16000)).mul_(0)
    assert np.array_equal(samples, before)


@pytest.mark.parametrize(
    ("array", "rate", "message"),
    [
        (np.zeros(8000), 0, "has the sample rate 0"),
        (np.zeros(8000), 44100.5, "has the sample rate 44100.5"),
        (np.zeros(8000), None, "has the sample rate None"),
        (
            np.zeros(8000),
            8,
            "has the sample rate 8; expected a whole number from 1000 to 1000000 Hz",
        ),
        (np.zeros(0), 16000, r"is empty \(0 samples\)"),
        (np.zeros((2, 3, 4)), 16000, r"must have the shape .* but has \(2, 3, 4\)"),
        (np.zeros((500, 600)), 16000, r"must have the shape .* but has \(500, 600\)"),
        (np.zeros(8000, complex), 16000, "must hold floats or signed integers"),
        (np.zeros(100), 16000, "is too short: 100 samples"),
        (np.full(8000, np.nan), 16000, "holds 8000 samples that are not finite"),
    ],
)
def test_a_bad_array_is_refused(array: np.ndarray, rate: int, message: str) -> None:
    with pytest.raises(AudioError, match=f"clip 3: {message}"):
        to_speech(array, rate, source="clip 3")


def test_the_error_survives_a_worker_process(tmp_path: Path) -> None:
    error = pickle.loads(pickle.dumps(AudioError(tmp_path / "a.wav", "is silent")))
    assert (error.source, error.reason) == (tmp_path / "a.wav", "is silent")
