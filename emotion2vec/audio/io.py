"""Any audio file or array -> mono float32 speech at 16 kHz.

In: path, or array with its rate. Out: waveform (S,) for `data/dataset.py` and `features/extractor.py`.
Paper: Section 4.1 (single channel, 16 kHz). S samples, C channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from emotion2vec.audio.headers import missing_bytes
from emotion2vec.audio.resample import (
    context_blocks,
    resample_to_16k,
    resampled_length,
    resampling_blocks,
)
from emotion2vec.audio.video import CONTAINER_SUFFIXES, decode_container
from emotion2vec.errors import AudioError
from emotion2vec.structs import MIN_SAMPLES, SAMPLE_RATE_HZ

_INTEGER_SCALES = {"int8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31, "int64": 2.0**63}
_MAX_CHANNELS = 64
_SAMPLE_RATES_HZ = range(1000, 1_000_001)
_BLOCK_SAMPLES = 1 << 20
# 8 steps of 16-bit audio: the dither of an empty recording, far below any speech
SILENCE_PEAK = 2.0**-12


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says.

    Attributes:
        sample_rate_hz: Rate of the file.
        num_channels: Channels of the file.
        num_samples: Samples of one channel at the file's rate.
    """

    sample_rate_hz: int
    num_channels: int
    num_samples: int

    @property
    def num_samples_16k(self) -> int:
        """Samples at 16 kHz: exactly as many as `read_audio` returns."""
        return resampled_length(self.num_samples, self.sample_rate_hz)


def audio_info(path: Path | str) -> AudioInfo:
    """Read a file's header (a video or m4a file is decoded: its header is not exact).

    Raises:
        AudioError: The file is missing, unreadable, empty or truncated.
    """
    path = Path(path)
    _require_file(path)
    if path.suffix.lower() in CONTAINER_SUFFIXES:
        samples_SC, rate = decode_container(path)
        info = AudioInfo(rate, samples_SC.shape[1], samples_SC.shape[0])
    else:
        try:
            header = soundfile.info(str(path))
        except (soundfile.SoundFileError, OSError) as error:
            raise AudioError(path, f"cannot be read as audio ({_plain(error, path)})") from error
        _check_rate(header.samplerate, path)
        info = AudioInfo(header.samplerate, header.channels, header.frames)
    if (missing := missing_bytes(path)) > 0:
        reason = f"is truncated: the header promises {missing} bytes more than the file holds"
        raise AudioError(path, reason)
    if info.num_samples == 0:
        raise AudioError(path, "is empty (0 samples)")
    return info


def read_audio(
    path: Path | str, *, start_sample: int | None = None, end_sample: int | None = None
) -> Tensor:
    """Read a file, or a segment of one, as mono speech at 16 kHz.

    Args:
        path: Any format that soundfile reads; video and m4a where PyAV is installed.
        start_sample: First sample of the segment, counted at 16 kHz; None is 0.
        end_sample: Sample after the segment's last, counted at 16 kHz; None is the file's end.

    Returns:
        Waveform (S,), float32: mean of the channels, no gain.

    Raises:
        AudioError: The file is missing, unreadable, empty, truncated, not finite, or the segment lies outside
            of it or is shorter than 400 samples.
    """
    path = Path(path)
    if path.suffix.lower() in CONTAINER_SUFFIXES:
        _require_file(path)
        samples_SC, rate = decode_container(path)
        waveform_S = resample_to_16k(_mono(samples_SC, path), rate)
        start, end = _segment(path, start_sample, end_sample, waveform_S.numel())
        return _require_length(waveform_S[start:end], path)
    info = audio_info(path)
    start, end = _segment(path, start_sample, end_sample, info.num_samples_16k)
    source, target = resampling_blocks(info.sample_rate_hz)
    # read whole blocks around the segment: it then has the same samples as a cut of the whole file
    margin = context_blocks(info.sample_rate_hz) if info.sample_rate_hz != SAMPLE_RATE_HZ else 0
    first_block = max(0, start // target - margin)
    stop = min(info.num_samples, (-(-end // target) + margin) * source)
    samples_SC = _read_samples(path, first_block * source, stop)
    waveform_S = resample_to_16k(_mono(samples_SC, path), info.sample_rate_hz)
    offset = first_block * target
    return _require_length(waveform_S[start - offset : end - offset], path)


def to_speech(array: np.ndarray | Tensor, sample_rate_hz: int, *, source: str = "array") -> Tensor:
    """Turn samples that a program already holds into mono speech at 16 kHz.

    Args:
        array: Samples (S,), (C, S) or (S, C); floats in [-1, 1] or signed integers of full scale.
        sample_rate_hz: Rate of the samples.
        source: How an error names the array.

    Returns:
        Waveform (S,), float32.

    Raises:
        AudioError: Wrong type or shape, impossible rate, empty, not finite or shorter than 400 samples.
    """
    _check_rate(sample_rate_hz, source)
    if isinstance(array, Tensor):
        # NumPy has no bfloat16
        array = (array.float() if array.is_floating_point() else array).detach().cpu().numpy()
    samples = np.asarray(array)
    if samples.dtype.name in _INTEGER_SCALES:
        samples = samples / _INTEGER_SCALES[samples.dtype.name]
    elif not np.issubdtype(samples.dtype, np.floating):
        reason = f"must hold floats or signed integers, but holds {samples.dtype.name}"
        raise AudioError(source, reason)
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and min(samples.shape) > _MAX_CHANNELS):
        raise AudioError(
            source, f"must have the shape (S,), (C, S) or (S, C), but has {samples.shape}"
        )
    if samples.size == 0:
        raise AudioError(source, "is empty (0 samples)")
    # the shorter side is the channels: (S,) or (C, S) or (S, C) -> (S, C)
    samples_SC = samples[:, None] if samples.ndim == 1 else samples
    samples_SC = samples_SC.T if samples_SC.shape[0] < samples_SC.shape[1] else samples_SC
    waveform_S = _mono(samples_SC.astype(np.float32, copy=False), source)
    return _require_length(resample_to_16k(waveform_S, int(sample_rate_hz)), source)


def normalise_waveform(waveform_S: Tensor) -> Tensor:
    """Give a clip zero mean and unit variance (silence stays zero).

    Args:
        waveform_S: Speech, (S,) or (..., S): each row is normalised over its own samples.

    Returns:
        Same shape, float32.
    """
    return torch.nn.functional.layer_norm(waveform_S.float(), waveform_S.shape[-1:])


def is_silent(waveform_S: Tensor) -> bool:
    """Tell whether a clip holds nothing but (almost) a constant: peak below -72 dB of full scale.

    Checks, training and extraction all ask this function.

    Args:
        waveform_S: Speech, (S,).
    """
    if waveform_S.numel() == 0:
        return True
    # the peak of the clip without its mean, in no more memory than the clip itself: it may be hours long
    mean = float(waveform_S.mean())
    return max(float(waveform_S.max()) - mean, mean - float(waveform_S.min())) < SILENCE_PEAK


def _check_rate(rate: object, source: Path | str) -> None:
    is_number = isinstance(rate, Real) and not isinstance(rate, bool)
    if not (is_number and rate in _SAMPLE_RATES_HZ):
        limits = f"{_SAMPLE_RATES_HZ[0]} to {_SAMPLE_RATES_HZ[-1]} Hz"
        raise AudioError(
            source, f"has the sample rate {rate!r}; expected a whole number from {limits}"
        )


def _segment(path: Path, start: int | None, end: int | None, num_samples: int) -> tuple[int, int]:
    """Fill in the ends of a segment and check that it lies within the file."""
    start = 0 if start is None else start
    end = num_samples if end is None else end
    if not 0 <= start < end <= num_samples:
        reason = f"has no segment {start}..{end}: it holds {num_samples} samples at 16 kHz"
        raise AudioError(path, reason)
    return start, end


def _require_file(path: Path) -> None:
    if not path.exists():
        raise AudioError(path, "does not exist")
    if not path.is_file():
        raise AudioError(path, "is not a file")
    if path.stat().st_size == 0:
        raise AudioError(path, "is empty (0 bytes)")


def _plain(error: Exception, path: Path) -> str:
    """Cut libsndfile's message down to the cause: the path stands in front of ours already."""
    text: str = getattr(error, "error_string", None) or str(error)
    text = str(text).replace(f"Error opening {str(path)!r}: ", "")
    return text.removeprefix("Error : ").strip().rstrip(".")


def _read_samples(path: Path, start: int, stop: int) -> np.ndarray:
    """Decode the samples [start, stop) of the file's own rate, (S, C) float32."""
    try:
        with soundfile.SoundFile(str(path)) as file:
            # a frame of MP3 needs those before it, and a few formats cannot jump at all
            can_jump = file.seekable() and file.format != "MP3"
            first = file.seek(start) if can_jump else 0
            blocks = list(_read_blocks(file, stop - first))
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(path, f"cannot be decoded ({_plain(error, path)})") from error
    samples_SC = np.concatenate(blocks)[start - first :]
    if len(samples_SC) != stop - start:
        reason = f"is truncated: decoding gives {len(samples_SC)} of {stop - start} samples"
        raise AudioError(path, reason)
    return samples_SC


def _read_blocks(file: soundfile.SoundFile, num_samples: int) -> Iterator[np.ndarray]:
    """Decode block by block: a damaged header may promise more samples than any memory holds."""
    yield np.zeros((0, file.channels), np.float32)
    while num_samples > 0:
        block_SC = file.read(min(num_samples, _BLOCK_SAMPLES), dtype="float32", always_2d=True)
        if len(block_SC) == 0:
            return
        yield block_SC
        num_samples -= len(block_SC)


def _mono(samples_SC: np.ndarray, source: Path | str) -> Tensor:
    """Check that all samples are finite and average the channels, (S, C) -> (S,)."""
    if not np.isfinite(samples_SC).all():
        number = int((~np.isfinite(samples_SC)).sum())
        raise AudioError(source, f"holds {number} samples that are not finite (NaN or infinity)")
    mono_S = samples_SC[:, 0] if samples_SC.shape[1] == 1 else samples_SC.mean(axis=1)
    return torch.from_numpy(np.ascontiguousarray(mono_S, dtype=np.float32))


def _require_length(waveform_S: Tensor, source: Path | str) -> Tensor:
    if waveform_S.numel() < MIN_SAMPLES:
        reason = f"is too short: {waveform_S.numel()} samples at 16 kHz, at least {MIN_SAMPLES} (25 ms) are needed"
        raise AudioError(source, reason)
    return waveform_S
