"""Backbone B: positions, utterance tokens and transformer layers, over all frames or over the visible ones.

In: projected frames (R, T, D). Out: hidden states (R, U+V, D) of every layer.
Paper: Eqs. 3 and 4, Section 4.1. On data2vec 2.0 the student calls it with a mask; teacher and feature extraction,
and on data2vec the student too (its frames hold a mask embedding already), call it without.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotion2vec.model.masking import gather_frames, visible_indices
from emotion2vec.model.positions import AlibiBias, ConvPositions, NoBias
from emotion2vec.model.transformer import TransformerLayer, keep_layer
from emotion2vec.model.utterance_tokens import UtteranceTokens


@dataclass(frozen=True)
class ContextOutput:
    """What the backbone returns; N = U tokens in front + V frames.

    Attributes:
        hidden: Input of the first layer, then the output of every layer that ran, each (R, N, D).
        ffn: Feed-forward output of every layer that ran, each (R, N, D).
        padding_RV: True where a frame is padding, (R, V); None when nothing is padded.
        num_tokens: U.
    """

    hidden: tuple[Tensor, ...]
    ffn: tuple[Tensor, ...]
    padding_RV: Tensor | None
    num_tokens: int

    @property
    def tokens_RUD(self) -> Tensor:
        """Outputs of the utterance tokens, U^S of Eq. 4, (R, U, D)."""
        return self.hidden[-1][:, : self.num_tokens]

    @property
    def frames_RVD(self) -> Tensor:
        """Outputs of the frames, Y^S of Eq. 4, (R, V, D)."""
        return self.hidden[-1][:, self.num_tokens :]


class ContextEncoder(nn.Module):
    """The part of the network that student and teacher both have."""

    def __init__(
        self,
        positions: ConvPositions,
        tokens: UtteranceTokens,
        alibi: AlibiBias | NoBias,
        layers: Sequence[TransformerLayer],
        *,
        input_norm: nn.LayerNorm,
        input_dropout: float,
        layer_drops: Sequence[float],
    ) -> None:
        super().__init__()
        self.positions = positions
        self.tokens = tokens
        self.alibi = alibi
        self.input_norm = input_norm
        self.input_dropout = nn.Dropout(input_dropout)
        self.layers = nn.ModuleList(layers)
        self.layer_drops = tuple(layer_drops)

    def forward(
        self,
        frames_RTD: Tensor,
        *,
        padding_RT: Tensor | None = None,
        masked_RT: Tensor | None = None,
    ) -> ContextOutput:
        """Encode frames in context; with a mask, only the visible ones are encoded (Eq. 4).

        Args:
            frames_RTD: Projected frames, (R, T, D).
            padding_RT: True where the frame is padding, (R, T).
            masked_RT: True where the frame is hidden from the encoder, (R, T), as many in every row.
        """
        if masked_RT is None:
            places_RV = torch.arange(frames_RTD.size(1), device=frames_RTD.device)[None]
            visible_RVD = frames_RTD + self.positions(frames_RTD, padding_RT)
            padding_RV = padding_RT
        else:
            places_RV = visible_indices(masked_RT)
            zeroed_RTD = frames_RTD.masked_fill(masked_RT.unsqueeze(-1), 0.0)
            placed_RTD = frames_RTD + self.positions(zeroed_RTD, padding_RT)
            visible_RVD = gather_frames(placed_RTD, places_RV)
            padding_RV = None if padding_RT is None else padding_RT.gather(1, places_RV)
        hidden_RND = self.input_dropout(self.input_norm(self.tokens(visible_RVD)))
        bias_RHNN = self._attention_bias(places_RV, padding_RV)
        return self._run_layers(hidden_RND, bias_RHNN, padding_RV)

    def _attention_bias(self, places_RV: Tensor, padding_RV: Tensor | None) -> Tensor:
        """ALiBi if there is one, and -inf to padded keys: broadcasts to (R, H, N, N)."""
        bias_RHNN = self.alibi(places_RV, self.tokens.num_tokens)
        if padding_RV is None:
            return bias_RHNN
        padding_RN = nn.functional.pad(padding_RV, (self.tokens.num_tokens, 0))
        return bias_RHNN.masked_fill(padding_RN[:, None, None, :], float("-inf"))

    def _run_layers(
        self, hidden_RND: Tensor, bias_RHNN: Tensor, padding_RV: Tensor | None
    ) -> ContextOutput:
        hidden, ffn = [hidden_RND], []
        for layer, drop in zip(self.layers, self.layer_drops, strict=True):
            if self.training and not keep_layer(drop):
                continue
            hidden_RND, ffn_RND = layer(hidden_RND, bias_RHNN)
            hidden.append(hidden_RND)
            ffn.append(ffn_RND)
        return ContextOutput(tuple(hidden), tuple(ffn), padding_RV, self.tokens.num_tokens)
