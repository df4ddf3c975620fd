"""Which frames the student must predict.

In: number of frames and a random generator. Out: mask (T,), True = masked; every row of a batch gets the same count.
Paper: Section 3.1 ("masked l consecutive frames with probability p"), Section 4.2 (p = 0.5, l = 5).

DEVIATION from the words of the paper, as in data2vec 2.0: p = 0.5 is the share of frames that end up masked (spans are
drawn for p + `prob_adjust`, then single frames are added or removed at random until the count is exact). Reading p
literally as a start probability would mask 97 % of the frames.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


def num_masked_frames(num_frames: int, prob: float) -> int:
    """Count the frames to mask among `num_frames`.

    >>> num_masked_frames(49, 0.5)
    24
    """
    return int(num_frames * prob)


def draw_span_mask(
    num_frames: int,
    *,
    num_valid: int,
    num_masked: int,
    span_frames: int,
    prob: float,
    prob_adjust: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw one row's mask, (T,), bool.

    Args:
        num_frames: Width T of the mask.
        num_valid: Frames in front that are not padding; only these can be masked.
        num_masked: Exact number of frames to mask.
        span_frames: Length of a span, in frames.
        prob: Share of frames to mask.
        prob_adjust: Added to `prob` when counting spans: spans overlap.
        rng: The row's own generator.
    """
    num_spans = int(num_valid * (prob + prob_adjust) / span_frames)
    centres = rng.integers(0, num_valid, size=num_spans)
    offsets = np.arange(span_frames) - span_frames // 2
    covered = np.clip(centres[:, None] + offsets, 0, num_valid - 1)
    masked = np.zeros(num_frames, dtype=bool)
    masked[covered.ravel()] = True

    excess = int(masked.sum()) - num_masked
    if excess > 0:
        masked[rng.choice(np.flatnonzero(masked), excess, replace=False)] = False
    elif excess < 0:
        masked[rng.choice(np.flatnonzero(~masked[:num_valid]), -excess, replace=False)] = True
    return masked


def visible_first(masked_RT: Tensor) -> Tensor:
    """Return frame numbers (R, T) of each row: visible frames in order, then masked frames in order."""
    return torch.argsort(masked_RT.long(), dim=1, stable=True)


def visible_indices(masked_RT: Tensor) -> Tensor:
    """Return the frame numbers of the frames that are not masked, ascending, (R, V).

    Every row must hold the same number of masked frames.
    """
    num_visible = masked_RT.size(1) - int(masked_RT[0].sum())
    return visible_first(masked_RT)[:, :num_visible]


def gather_frames(frames_RTD: Tensor, indices_RV: Tensor) -> Tensor:
    """Pick frames by number: (R, T, D) and (R, V) -> (R, V, D)."""
    return frames_RTD.gather(1, indices_RV.unsqueeze(-1).expand(-1, -1, frames_RTD.size(-1)))


@dataclass(frozen=True)
class SpanMasker:
    """Masks of one configuration: how many frames, and which.

    Attributes:
        prob: Share of frames to mask.
        span_frames: Length of a span, in frames.
        prob_adjust: Added to `prob` when counting spans.
        num_clones: Masked versions C of each utterance.
    """

    prob: float
    span_frames: int
    prob_adjust: float
    num_clones: int

    def count(self, num_frames: int) -> int:
        """Count the frames masked in a row whose shortest utterance has `num_frames` valid frames."""
        return num_masked_frames(num_frames, self.prob)

    def draw(
        self, num_frames: int, *, num_valid: int, num_masked: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw one row's mask, (num_frames,), bool; see `draw_span_mask`."""
        return draw_span_mask(
            num_frames,
            num_valid=num_valid,
            num_masked=num_masked,
            span_frames=self.span_frames,
            prob=self.prob,
            prob_adjust=self.prob_adjust,
            rng=rng,
        )
