"""Any sample rate -> 16 kHz.

In: mono waveform (S,) of `io.py`. Out: waveform (S',) with S' = ceil(S * 16000 / rate), exactly.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from emotion2vec.audio.torchaudio_compat import import_torchaudio
from emotion2vec.structs import SAMPLE_RATE_HZ

# torchaudio's defaults, repeated because `context_blocks` must know how far the filter reaches
_FILTER_ZERO_CROSSINGS = 6
_ROLLOFF = 0.99
# torchaudio holds a filter for every phase: beyond this many phases that is hundreds of megabytes
_MAX_PHASES = 2000
_CHUNK = 1 << 16


def resampled_length(num_samples: int, sample_rate_hz: int) -> int:
    """Return the number of samples at 16 kHz.

    >>> resampled_length(44100, 44100), resampled_length(44101, 44100), resampled_length(5, 8000)
    (16000, 16001, 10)
    """
    return -(-num_samples * SAMPLE_RATE_HZ // sample_rate_hz)


def resampling_blocks(sample_rate_hz: int) -> tuple[int, int]:
    """Return (samples at the source rate, samples at 16 kHz) of the shortest common period.

    >>> resampling_blocks(44100), resampling_blocks(48000)
    ((441, 160), (3, 1))
    """
    divisor = math.gcd(sample_rate_hz, SAMPLE_RATE_HZ)
    return sample_rate_hz // divisor, SAMPLE_RATE_HZ // divisor


def context_blocks(sample_rate_hz: int) -> int:
    """Return how many source blocks beside a segment the filter touches (rounded up)."""
    source, target = resampling_blocks(sample_rate_hz)
    reach = math.ceil(_FILTER_ZERO_CROSSINGS * source / (min(source, target) * _ROLLOFF))
    return -(-reach // source) + 1


def resample_to_16k(waveform_S: Tensor, sample_rate_hz: int) -> Tensor:
    """Resample with a windowed sinc (torchaudio's, Hann window).

    Args:
        waveform_S: Mono waveform at `sample_rate_hz`, (S,), float32.
        sample_rate_hz: Its rate, > 0.

    Returns:
        Waveform at 16 kHz, (ceil(S * 16000 / rate),), float32.
    """
    if sample_rate_hz == SAMPLE_RATE_HZ:
        return waveform_S
    length = resampled_length(waveform_S.numel(), sample_rate_hz)
    source, target = resampling_blocks(sample_rate_hz)
    if max(source, target) > _MAX_PHASES:
        return _resample_any_ratio(waveform_S, sample_rate_hz, length)
    # torchaudio rounds the length in float32; zeros behind the end change no value and give us enough to cut
    padded_S = torch.nn.functional.pad(waveform_S, (0, 16 * source))
    resampled: Tensor = _resampler(source, target)(padded_S)
    return resampled[:length].contiguous()


@lru_cache(maxsize=8)
def _resampler(source: int, target: int) -> torch.nn.Module:
    """Build torchaudio's resampler once for each pair of rates."""
    transform: torch.nn.Module = import_torchaudio().transforms.Resample(
        source, target, lowpass_filter_width=_FILTER_ZERO_CROSSINGS, rolloff=_ROLLOFF
    )
    return transform


def _resample_any_ratio(waveform_S: Tensor, sample_rate_hz: int, length: int) -> Tensor:
    """Evaluate the same windowed sinc directly at each output time: for rates with too many phases."""
    cutoff = min(1.0, SAMPLE_RATE_HZ / sample_rate_hz) * _ROLLOFF
    reach = math.ceil(_FILTER_ZERO_CROSSINGS / cutoff)
    padded_S = torch.nn.functional.pad(waveform_S, (reach, reach + 1))
    offsets = torch.arange(-reach, reach + 1)
    chunks = []
    for start in range(0, length, _CHUNK):
        index = torch.arange(start, min(start + _CHUNK, length))
        # integer arithmetic keeps the fraction exact however long the file is
        whole = torch.div(index * sample_rate_hz, SAMPLE_RATE_HZ, rounding_mode="floor")
        fraction = (index * sample_rate_hz % SAMPLE_RATE_HZ).double() / SAMPLE_RATE_HZ
        distance = (offsets[None, :] - fraction[:, None]) * cutoff
        window = torch.cos(distance.clamp(-6, 6) * math.pi / _FILTER_ZERO_CROSSINGS / 2) ** 2
        weights = (torch.sinc(distance) * window * cutoff).float()
        # pad(reach) in front: the sample at `whole + offset` lies at `whole + offset + reach`
        positions = (whole[:, None] + offsets[None, :] + reach).clamp(max=padded_S.numel() - 1)
        chunks.append((padded_S[positions] * weights).sum(dim=1))
    return torch.cat(chunks) if chunks else waveform_S.new_zeros(0)
