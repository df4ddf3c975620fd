"""The two losses and their sum.

In: predictions and targets, one row each. Out: scalar sums, and what to differentiate for one micro-batch.
Paper: Eq. 5 (utterance), Eq. 8 (frame), Eq. 9 (sum).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LossCounts:
    """How many terms a loss holds, in a micro-batch or in a whole effective batch.

    Attributes:
        num_masked: Masked frames, the M of Eq. 8, over all utterances and clones.
        num_rows: Utterances times clones.
    """

    num_masked: int
    num_rows: int


def squared_error_sum(prediction_ND: Tensor, target_ND: Tensor) -> Tensor:
    """Sum (prediction - target)^2 over rows and channels, times 1 / sqrt(D); a scalar, float32 at least.

    Eqs. 5 and 8 without their mean over rows, which `combine_losses` takes over the whole effective batch.
    The factor 1 / sqrt(D) is data2vec's `loss_scale`.

    Args:
        prediction_ND: Student's predictions, (N, D).
        target_ND: Teacher's targets, (N, D).
    """
    dtype = torch.promote_types(prediction_ND.dtype, torch.float32)
    error_ND = prediction_ND.to(dtype) - target_ND.to(dtype)
    return error_ND.square().sum() / math.sqrt(prediction_ND.size(-1))


def combine_losses(
    frame_sum: Tensor,
    utterance_sum: Tensor,
    *,
    counts: LossCounts,
    effective: LossCounts,
    frame_weight: float,
    alpha: float,
    reduction: str,
) -> Tensor:
    """Return what to differentiate for one micro-batch, to be divided by the effective batch's `num_masked`.

    Summed over the micro-batches of an effective batch (every device, every accumulation step) and divided by
    `effective.num_masked`, this is Eq. 9 on the whole of it, L = L_frm + alpha * L_utt, however it was split.

    Args:
        frame_sum: Sum of Eq. 8's terms in this micro-batch.
        utterance_sum: Sum of Eq. 5's terms in this micro-batch.
        counts: Terms in this micro-batch.
        effective: Terms in the whole effective batch.
        frame_weight: Weight of the frame loss; 1 in Eq. 9.
        alpha: Weight of the utterance loss.
        reduction: `mean` over utterances and clones is Eq. 9. DEVIATION `sum`: the released code adds the
            utterance terms of a micro-batch up, which multiplies alpha by its number of utterances and clones.
    """
    if reduction == "sum":
        utterance_factor: float = counts.num_masked
    else:
        utterance_factor = effective.num_masked / effective.num_rows
    return frame_weight * frame_sum + alpha * utterance_factor * utterance_sum
