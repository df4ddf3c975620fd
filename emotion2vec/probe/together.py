"""Gradients of several runs: each run's batch cut into pieces for a CPU's cache, or all batches at once for a GPU.

In: heads with a batch each. Out: gradients in the heads' weights, and each batch's summed loss. Both ways compute the
same (`tests/probe/test_together.py`). A runs, B utterances, F frames, H hidden width, K labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emotion2vec.probe.head import ProbeHead, project_frames
from emotion2vec.probe.packed import PackedFeatures
from emotion2vec.probe.pooling import mean_over_utterances
from emotion2vec.probe.recipe import Head, loss_sum


@dataclass(frozen=True)
class Share:
    """What one run contributes to a step.

    Attributes:
        head: Its head.
        features: All utterances, scaled as its fold wants.
        batch: The utterances of its batch, (B,).
        weights_K: Weight of each label in the loss.
    """

    head: Head
    features: PackedFeatures
    batch: np.ndarray
    weights_K: Tensor

    def total_weight(self) -> float:
        """Return what the summed loss is divided by: the batch's size where labels weigh the same."""
        return float(self.weights_K[self.features.labels_N[torch.from_numpy(self.batch)]].sum())


def backward_in_pieces(shares: Sequence[Share]) -> Tensor:
    """Go through one run after the other, a piece that fits the cache at a time; returns the summed losses (A,)."""
    losses = torch.zeros(len(shares))
    for number, share in enumerate(shares):
        total = share.total_weight()
        for piece in _pieces(share):
            chosen = share.features.gather(piece)
            labels_B = chosen.labels_N.to(chosen.device)
            loss = loss_sum(share.head(chosen), labels_B, share.weights_K)
            # gradients of the pieces add up to that of the batch's mean loss
            torch.autograd.backward(loss / total)
            losses[number] += loss.detach().cpu()
    return losses


def backward_together(shares: Sequence[Share]) -> Tensor:
    """Compute all runs at once; returns the summed losses (A,) on the features' device, without waiting for them."""
    batches = [share.features.gather(share.batch) for share in shares]
    all_logits = logits_together([share.head for share in shares], batches)
    losses = [
        loss_sum(logits_BK, batch.labels_N.to(batch.device), share.weights_K)
        for share, batch, logits_BK in zip(shares, batches, all_logits, strict=True)
    ]
    means = [loss / share.total_weight() for loss, share in zip(losses, shares, strict=True)]
    torch.autograd.backward(torch.stack(means).sum())
    return torch.stack([loss.detach() for loss in losses])


def logits_together(heads: Sequence[Head], batches: Sequence[PackedFeatures]) -> list[Tensor]:
    """Return each head's logits (B, K) of its own batch; what has no weights is computed for all runs at once."""
    linear = [head for head in heads if type(head) is ProbeHead]
    if len(linear) < len(heads):
        return [head(batch) for head, batch in zip(heads, batches, strict=True)]
    hidden_FH = torch.cat(
        [
            project_frames(head.hidden, head.layers, batch)
            for head, batch in zip(linear, batches, strict=True)
        ]
    )
    lengths_B = torch.cat([batch.lengths_N for batch in batches]).to(hidden_FH.device)
    means_BH = mean_over_utterances(
        torch.relu(hidden_FH).to(heads[0].output.weight.dtype), lengths_B
    )
    parts = torch.split(means_BH, [len(batch.lengths_N) for batch in batches])
    return [head.output(part) for head, part in zip(heads, parts, strict=True)]


def _pieces(share: Share) -> list[np.ndarray]:
    if share.head.cached_frames is None:
        return [share.batch]
    return share.features.pieces(
        share.batch, max(1, share.head.cached_frames // share.features.num_layers)
    )
