"""Samples of several channels -> one: their mean, or the channel that was asked for.

In: decoded samples (S, C). Out: waveform (S,) for `source.py` and `io.py`, after the checks that each needs.
"""

from numbers import Real
from pathlib import Path

import numpy as np
from torch import Tensor

from emotion2vec.errors import AudioError
from emotion2vec.structs import MIN_SAMPLES

MEAN = "mean"
_SAMPLE_RATES_HZ = range(1000, 1_000_001)


def parse_channel(channel: str | int) -> str | int:
    """Return `mean` or the number of a channel.

    Raises:
        ValueError: It is neither.

    >>> parse_channel("mean"), parse_channel("1"), parse_channel(0)
    ('mean', 1, 0)
    """
    if channel == MEAN:
        return MEAN
    text = str(channel)
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"channel must be 'mean' or a number from 0, but is {channel!r}")
    return int(text)


def mix_channels(samples_SC: np.ndarray, channel: str | int, source: Path | str) -> np.ndarray:
    """Average the channels or take one; a single channel is taken whatever is asked for.

    Args:
        samples_SC: Samples, (S, C), float32.
        channel: What `parse_channel` gives.
        source: How an error names the samples.

    Returns:
        Samples (S,), float32.

    Raises:
        AudioError: There is no such channel, or a sample that is used is not finite.
    """
    number = samples_SC.shape[1]
    if isinstance(channel, int) and number > 1:
        if channel >= number:
            raise AudioError(source, f"has {number} channels, so none is number {channel} (from 0)")
        samples_SC = samples_SC[:, channel : channel + 1]
    if not np.isfinite(samples_SC).all():
        bad = int((~np.isfinite(samples_SC)).sum())
        raise AudioError(source, f"holds {bad} samples that are not finite (NaN or infinity)")
    mono_S = samples_SC[:, 0] if samples_SC.shape[1] == 1 else samples_SC.mean(axis=1)
    return np.ascontiguousarray(mono_S, dtype=np.float32)


def check_rate(rate: object, source: Path | str) -> None:
    """Check that a sample rate is one of sound.

    Raises:
        AudioError: It is not a whole number from 1000 to 1000000 Hz.
    """
    is_number = isinstance(rate, Real) and not isinstance(rate, bool)
    if not (is_number and rate in _SAMPLE_RATES_HZ):
        limits = f"{_SAMPLE_RATES_HZ[0]} to {_SAMPLE_RATES_HZ[-1]} Hz"
        raise AudioError(
            source, f"has the sample rate {rate!r}; expected a whole number from {limits}"
        )


def require_length(waveform_S: Tensor, source: Path | str) -> Tensor:
    """Return the waveform (S,) when it is long enough for one frame.

    Raises:
        AudioError: It is shorter than 400 samples.
    """
    if waveform_S.numel() < MIN_SAMPLES:
        reason = f"is too short: {waveform_S.numel()} samples at 16 kHz, at least {MIN_SAMPLES} (25 ms) are needed"
        raise AudioError(source, reason)
    return waveform_S
