"""SUPERB's learned weighted sum of layers.

In: frames with all layers (F, L, D). Out: their sum weighted by a softmax, (F, D), for the heads. L layers.
Source: SUPERB (Yang et al., 2021), Section 2; the weights start equal.
"""

import torch
from torch import Tensor, nn


class LayerSum(nn.Module):
    """One weight a layer, positive and with sum 1."""

    def __init__(self, num_layers: int) -> None:
        """Start with the mean of the layers.

        Args:
            num_layers: Number of layers L.
        """
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(num_layers))

    def weights(self) -> Tensor:
        """Return the weights, (L,)."""
        return self.logits.softmax(0)

    def forward(self, frames_FLD: Tensor) -> Tensor:
        """Join the layers: (F, L, D) -> (F, D)."""
        return torch.einsum("fld,l->fd", frames_FLD, self.weights().to(frames_FLD.dtype))
