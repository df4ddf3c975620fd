"""Hours of audio in one file, without holding them: piece by piece from the disk.

In: a file and the ends of a segment. Out: statistics of the whole and any stretch of it at 16 kHz, for `encode.py`.
Decoding twice costs little beside the model. S samples.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from emotion2vec.audio.io import SILENCE_PEAK
from emotion2vec.audio.source import AudioFile
from emotion2vec.errors import AudioError

_NORM_EPS = 1e-5
_PIECE_SAMPLES = 1 << 22  # 16 MB of float32, 34 MB more while it is summed in float64

Read = Callable[[int, int], Tensor]


class LongAudio(Protocol):
    """Speech at 16 kHz that is read stretch by stretch."""

    def __len__(self) -> int:
        """Return its samples."""
        ...

    def opened(self) -> AbstractContextManager[Read]:
        """Return a context that gives `read(start, end) -> (end - start,)`."""
        ...

    def statistics(self) -> "WaveformStatistics":
        """Return what normalisation needs."""
        ...


@dataclass(frozen=True)
class WaveformStatistics:
    """Moments and range of a waveform.

    Attributes:
        mean: Its mean.
        variance: Its variance about that mean.
        low: Smallest sample.
        high: Largest sample.
    """

    mean: float
    variance: float
    low: float
    high: float

    @property
    def scale(self) -> float:
        """What `normalise_waveform` multiplies by."""
        return float((self.variance + _NORM_EPS) ** -0.5)

    @property
    def is_silent(self) -> bool:
        """`audio.io.is_silent` of the waveform."""
        return max(self.high - self.mean, self.mean - self.low) < SILENCE_PEAK


@dataclass(frozen=True)
class HeldAudio:
    """Long audio that a program holds already, (S,)."""

    waveform_S: Tensor

    def __len__(self) -> int:
        """Return its samples."""
        return len(self.waveform_S)

    @contextmanager
    def opened(self) -> Iterator[Read]:
        """Read by cutting."""
        yield lambda start, end: self.waveform_S[start:end]

    def statistics(self) -> WaveformStatistics:
        """Compute mean, variance and range."""
        with self.opened() as read:
            return measure(read, len(self))


@dataclass(frozen=True)
class StoredAudio:
    """A file, or a segment of one, that stays on the disk.

    MP3, video and m4a cannot be read from their middle: such a file is decoded whole while it is open.

    Attributes:
        path: The file.
        start: First sample at 16 kHz.
        end: Sample after the last.
        known: Its statistics.
    """

    path: Path
    start: int
    end: int
    known: WaveformStatistics

    def __len__(self) -> int:
        """Return its samples."""
        return self.end - self.start

    @contextmanager
    def opened(self) -> Iterator[Read]:
        """Open the file for reading stretches."""
        with AudioFile(self.path) as file:
            yield lambda start, end: file.read(self.start + start, self.start + end)

    def statistics(self) -> WaveformStatistics:
        """Return what was computed when it was first read."""
        return self.known


def examine(file: AudioFile, start: int, end: int) -> StoredAudio:
    """Read a long segment of an open file once, keeping its statistics only.

    Raises:
        AudioError: It cannot be decoded whole, or is silent.
    """
    known = measure(lambda first, last: file.read(start + first, start + last), end - start)
    if known.is_silent:
        raise AudioError(str(file.path), "is silent (peak below -72 dB of full scale)")
    return StoredAudio(file.path, start, end, known)


def measure(read: Read, num_samples: int) -> WaveformStatistics:
    """Compute mean, variance and range of a waveform piece by piece.

    Sums of squares are taken about each piece's own mean and joined: no digits are lost to a constant offset.
    """
    sums, squares, counts, lows, highs = [], [], [], [], []
    for start, end in _pieces(num_samples):
        piece_S = read(start, end)
        lows.append(float(piece_S.min()))
        highs.append(float(piece_S.max()))
        double_S = piece_S.double()
        sums.append(float(double_S.sum()))
        counts.append(end - start)
        squares.append(float(double_S.sub_(sums[-1] / counts[-1]).square_().sum()))
    mean = math.fsum(sums) / num_samples
    between = math.fsum(
        count * (total / count - mean) ** 2 for total, count in zip(sums, counts, strict=True)
    )
    variance = (math.fsum(squares) + between) / num_samples
    return WaveformStatistics(mean, variance, min(lows), max(highs))


def _pieces(num_samples: int) -> list[tuple[int, int]]:
    """Cut into nearly equal pieces: none is too short to be read."""
    number = -(-num_samples // _PIECE_SAMPLES)
    ends = [num_samples * (piece + 1) // number for piece in range(number)]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def to_waveform(audio: Tensor | LongAudio) -> Tensor:
    """Return all of it, (S,): for models that need the whole recording."""
    if isinstance(audio, Tensor):
        return audio
    with audio.opened() as read:
        return read(0, len(audio)).to(torch.float32)
