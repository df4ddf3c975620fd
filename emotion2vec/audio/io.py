"""Any audio file or array -> mono float32 speech at 16 kHz.

In: path, or array with its rate. Out: waveform (S,) for `data/dataset.py` and `features/extractor.py`.
Paper: Section 4.1 (single channel, 16 kHz). S samples, C channels.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emotion2vec.audio.mono import MEAN, check_rate, mix_channels, require_length
from emotion2vec.audio.resample import resample_to_16k
from emotion2vec.audio.source import AudioFile, AudioInfo
from emotion2vec.errors import AudioError

_INTEGER_SCALES = {"int8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31, "int64": 2.0**63}
_MAX_CHANNELS = 64
# 8 steps of 16-bit audio: the dither of an empty recording, far below any speech
SILENCE_PEAK = 2.0**-12


def audio_info(path: Path | str) -> AudioInfo:
    """Read a file's header (a video or m4a file is decoded: its header is not exact).

    Raises:
        AudioError: The file is missing, unreadable, empty or truncated.
    """
    with AudioFile(path) as file:
        return file.info


def read_audio(
    path: Path | str,
    *,
    start_sample: int | None = None,
    end_sample: int | None = None,
    channel: str | int = MEAN,
) -> Tensor:
    """Read a file, or a segment of one, as mono speech at 16 kHz.

    Args:
        path: Any format that soundfile reads; video and m4a where PyAV is installed.
        start_sample: First sample of the segment, counted at 16 kHz; None is 0.
        end_sample: Sample after the segment's last, counted at 16 kHz; None is the file's end.
        channel: `mean` of the channels, or the number of the one to take, from 0; a file with a single channel is
            taken as it is.

    Returns:
        Waveform (S,), float32, no gain.

    Raises:
        AudioError: The file is missing, unreadable, empty, truncated, not finite or has no such channel, or the
            segment lies outside of it or is shorter than 400 samples.
    """
    with AudioFile(path, channel=channel) as file:
        return file.read(start_sample, end_sample)


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
    check_rate(sample_rate_hz, source)
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
    mono_S = mix_channels(samples_SC.astype(np.float32, copy=False), MEAN, source)
    waveform_S = resample_to_16k(torch.from_numpy(mono_S), int(sample_rate_hz))
    return require_length(waveform_S, source)


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
    low, high = waveform_S.aminmax()
    return max(float(high) - mean, mean - float(low)) < SILENCE_PEAK
