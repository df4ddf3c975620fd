"""What a backbone's decoder is to pre-training: how masked frames are kept from the encoder, and how predicted.

In: projected frames (B, T, D) and a mask (R, T). Out: the encoder's output, then predictions (N, D) of the N masked
frames of all rows. Paper: Eq. 4, Section 4.1. Both parts exist in pre-training only; users keep the encoder without.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from emotion2vec.model.context import ContextEncoder, ContextOutput


class MaskedPrediction(nn.Module, ABC):
    """`decoder.ConvDecoder` for data2vec 2.0, `linear_decoder.LinearDecoder` for data2vec."""

    @abstractmethod
    def encode(
        self,
        context: ContextEncoder,
        frames_BTD: Tensor,
        masked_RT: Tensor,
        *,
        padding_RT: Tensor | None = None,
    ) -> ContextOutput:
        """Encode frames of which the masked ones are not to be seen (Eq. 4).

        Args:
            context: The student's backbone.
            frames_BTD: Projected frames, (B, T, D).
            masked_RT: True where a frame is masked, (R, T), as many in every row; R = B * C, the C clones of an
                utterance in a sequence.
            padding_RT: True where a frame is padding, (R, T).
        """

    @abstractmethod
    def forward(
        self, frames_RVD: Tensor, masked_RT: Tensor, *, padding_RT: Tensor | None = None
    ) -> Tensor:
        """Predict the masked frames of all rows, row by row: (N, D).

        Args:
            frames_RVD: The encoder's output at the V frames that `encode` gave it, (R, V, D).
            masked_RT: True where a frame is masked, (R, T).
            padding_RT: True where a frame is padding, (R, T).
        """
