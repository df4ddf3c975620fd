"""Mask embedding and linear prediction, as in data2vec: nothing is dropped.

In: projected frames (B, T, D), then the encoder's output at all frames. Out: predictions at masked frames (N, D).
Paper: Section 4.1, "data2vec"; Baevski et al. (2022).
"""

import torch
from torch import Tensor, nn

from emotion2vec.model.context import ContextEncoder, ContextOutput
from emotion2vec.model.prediction import MaskedPrediction


class LinearDecoder(MaskedPrediction):
    """A learned vector in place of each masked frame; a linear layer on the encoder's output there."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mask_embedding = nn.Parameter(torch.rand(dim))  # uniform, as in data2vec
        self.proj = nn.Linear(dim, dim)

    def encode(
        self,
        context: ContextEncoder,
        frames_BTD: Tensor,
        masked_RT: Tensor,
        *,
        padding_RT: Tensor | None = None,
    ) -> ContextOutput:
        """Replace masked frames before positions are added, and encode all T frames; see `MaskedPrediction`."""
        embedding_D = self.mask_embedding.to(frames_BTD.dtype)
        # (B, C, T, 1), (D,) and (B, 1, T, D) -> (B * C, T, D): clones share the utterance's frames until here
        masked_BCT1 = masked_RT.reshape(frames_BTD.size(0), -1, masked_RT.size(1), 1)
        hidden_BCTD = torch.where(masked_BCT1, embedding_D, frames_BTD.unsqueeze(1))
        return context(hidden_BCTD.flatten(0, 1), padding_RT=padding_RT)

    def forward(
        self,
        frames_RVD: Tensor,
        masked_RT: Tensor,
        *,
        padding_RT: Tensor | None = None,  # noqa: ARG002 - no frame sees another here
    ) -> Tensor:
        """Predict the masked frames of all rows from the encoder's output at the same places: (N, D).

        Args:
            frames_RVD: Encoder's output at all frames (V = T), (R, T, D).
            masked_RT: True where a frame is masked, (R, T).
            padding_RT: Not needed.
        """
        return self.proj(frames_RVD[masked_RT])
