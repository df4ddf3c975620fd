"""Frozen features of all utterances, one after the other and once in memory, however many runs train on them.

In: rows that `inputs.py` loads. Out: `PackedFeatures` for `trainer.py` and the heads. N utterances, F frames, L layers,
D width, U width of an utterance's own vector, K labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

_CHUNK_FRAMES = 16384  # of a sum over all training frames in float64: 100 MB with 768 dimensions


@dataclass(frozen=True)
class Scale:
    """Brings features to mean 0 and variance 1.

    Attributes:
        mean: Of each dimension, (D,) or (L, D).
        inverse: 1 / standard deviation, of the same shape.
    """

    mean: Tensor
    inverse: Tensor

    def apply(self, values: Tensor) -> Tensor:
        """Scale values (..., D) or (..., L, D)."""
        return (values - self.mean) * self.inverse


@dataclass(frozen=True)
class PackedFeatures:
    """Features of all utterances, one after the other.

    Attributes:
        frames: Frames, (F, D); with several layers (F, L, D).
        lengths_N: Frames of each utterance, (N,) int64 on the CPU.
        labels_N: Label index of each utterance, (N,) int64 on the CPU.
        num_labels: Number of labels K.
        utterances_NU: A vector of each utterance that its frames share, (N, U); None where there is none.
        dtype: Precision in which frames are handed to a head.
        scales: Of the frames and of the utterances' vectors; None leaves both as they are.
    """

    frames: Tensor
    lengths_N: Tensor
    labels_N: Tensor
    num_labels: int
    utterances_NU: Tensor | None = None
    dtype: torch.dtype = torch.float32
    scales: tuple[Scale, Scale | None] | None = None

    @property
    def device(self) -> torch.device:
        """Where the frames are."""
        return self.frames.device

    @property
    def frame_dim(self) -> int:
        """Width D of a frame."""
        return int(self.frames.shape[-1])

    @property
    def utterance_dim(self) -> int:
        """Width U of an utterance's own vector; 0 where there is none."""
        return 0 if self.utterances_NU is None else int(self.utterances_NU.shape[1])

    @property
    def num_layers(self) -> int:
        """Number of layers L of a frame; 1 where frames are (F, D)."""
        return int(self.frames.shape[1]) if self.frames.dim() == 3 else 1

    def gather(self, indices: np.ndarray) -> "PackedFeatures":
        """Pick utterances, in the order given, scaled and in `dtype`."""
        chosen = torch.from_numpy(indices)
        ends_N = self.lengths_N.cumsum(0)
        starts, lengths = (ends_N - self.lengths_N)[chosen], self.lengths_N[chosen]
        frames = self.frames.index_select(0, _row_numbers(starts, lengths).to(self.device))
        utterances = self.utterances_NU
        if utterances is not None:
            utterances = utterances.index_select(0, chosen.to(self.device))
        if self.scales is not None:
            frames = self.scales[0].apply(frames)
            if utterances is not None and self.scales[1] is not None:
                utterances = self.scales[1].apply(utterances)
        return replace(
            self, frames=frames.to(self.dtype), lengths_N=lengths, labels_N=self.labels_N[chosen],
            utterances_NU=utterances, scales=None,
        )  # fmt: skip

    def standardised(self, train: np.ndarray) -> "PackedFeatures":
        """Scale each dimension to mean 0 and variance 1 over the training utterances' frames.

        The frames are not copied: what `gather` picks is scaled.
        """
        frames = _measure(part.frames for part in self._pieces(train))
        own = None
        if self.utterances_NU is not None:
            own = _measure([self.utterances_NU[torch.from_numpy(train).to(self.device)]])
        return replace(self, scales=(frames, own))

    def pieces(self, batch: np.ndarray, max_frames: int) -> list[np.ndarray]:
        """Cut a list of utterances into pieces of about so many frames, each at least one utterance."""
        ends = self.lengths_N.numpy()[batch].cumsum()
        cuts = np.flatnonzero(np.diff(ends // max_frames)) + 1
        return np.split(batch, cuts)

    def _pieces(self, train: np.ndarray) -> Iterator["PackedFeatures"]:
        plain = replace(self, scales=None, dtype=self.frames.dtype)
        for piece in self.pieces(train, _CHUNK_FRAMES // self.num_layers):
            yield plain.gather(piece)


def _row_numbers(starts: Tensor, lengths: Tensor) -> Tensor:
    """Number the rows of utterances: of utterance i starts[i] + 0, 1, ... lengths[i] - 1."""
    offsets = torch.repeat_interleave(starts - (lengths.cumsum(0) - lengths), lengths)
    return torch.arange(len(offsets)) + offsets


def _measure(parts: Iterator[Tensor] | list[Tensor]) -> Scale:
    """Take mean and deviation over the first axis of all parts together, in float64 (Chan's update)."""
    number, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for part in parts:
        values = part.double()
        part_mean = values.mean(0)
        part_squares = (values - part_mean).square().sum(0)
        total = number + len(values)
        shift = part_mean - mean.to(part_mean.device)
        squares = (
            squares.to(shift.device) + part_squares + shift.square() * number * len(values) / total
        )
        mean = mean.to(shift.device) + shift * len(values) / total
        number = total
    deviation = (squares / number).sqrt().clamp(min=1e-8)
    return Scale(mean.float(), (1 / deviation).float())
