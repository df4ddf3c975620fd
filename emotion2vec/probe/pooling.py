"""Mean over the frames of each utterance.

In: frames of several utterances one after the other, (F, H). Out: one vector each, (B, H), for `head.py`. The same
as a masked mean over padded (B, T, H), without computing padding. Paper: Section 4.3.
"""

import torch
from torch import Tensor


def mean_over_utterances(frames_FH: Tensor, lengths_B: Tensor) -> Tensor:
    """Average the frames of each utterance; sums are taken in one order, so that runs can be repeated.

    Args:
        frames_FH: Frames of all utterances, one utterance after the other, (F, H).
        lengths_B: Frames of each utterance, (B,), all > 0, with sum F.

    Returns:
        Means, (B, H).
    """
    if frames_FH.is_cuda:  # index_add adds in any order there
        return sum_segments(frames_FH, lengths_B) / lengths_B[:, None]
    owner_F = torch.repeat_interleave(lengths_B, output_size=len(frames_FH))
    sums_BH = frames_FH.new_zeros(len(lengths_B), frames_FH.shape[1]).index_add(
        0, owner_F, frames_FH
    )
    return sums_BH / lengths_B[:, None]


def sum_segments(frames_FH: Tensor, lengths_B: Tensor) -> Tensor:
    """Sum the frames of each utterance, one after the other, (B, H); four times slower than index_add on a CPU."""
    return torch.segment_reduce(frames_FH, "sum", lengths=lengths_B, axis=0, unsafe=True)
