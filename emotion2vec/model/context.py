"""Backbone B: positions, utterance tokens and transformer layers, over all frames or over the visible ones.

In: projected frames (B, T, D), R = B rows or C clones of each. Out: hidden states (R, U+V, D) of every layer.
Paper: Eqs. 3 and 4, Section 4.1. On data2vec 2.0 the student calls it with a mask; teacher and feature extraction,
and on data2vec the student too (its frames hold a mask embedding already), call it without.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from emotion2vec.model.blockwise import KeptPositions
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


@dataclass(frozen=True)
class MemoryUse:
    """What is kept for the backward pass.

    Attributes:
        attention: `plain` keeps attention weights, `blockwise` computes them again; `auto` is blockwise on a GPU.
        checkpoint_layers: Keep the input of each layer only, and run the layer again.
    """

    attention: str = "auto"
    checkpoint_layers: bool = False


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
        memory: MemoryUse | None = None,
    ) -> None:
        super().__init__()
        self.memory = memory or MemoryUse()
        self.positions = positions
        self.tokens = tokens
        self.alibi = alibi
        self.input_norm = input_norm
        self.input_dropout = nn.Dropout(input_dropout)
        self.layers = nn.ModuleList(layers)
        self.layer_drops = tuple(layer_drops)

    def forward(
        self,
        frames_BTD: Tensor,
        *,
        padding_RT: Tensor | None = None,
        masked_RT: Tensor | None = None,
    ) -> ContextOutput:
        """Encode frames in context; with a mask, only the visible ones are encoded (Eq. 4).

        Args:
            frames_BTD: Projected frames, (B, T, D); B = R but for clones, see `masked_RT`.
            padding_RT: True where the frame is padding, (R, T).
            masked_RT: True where the frame is hidden from the encoder, (R, T), as many in every row. R may be B * C:
                C rows in a sequence are masked versions of one utterance, whose frames are not copied.
        """
        if masked_RT is None:
            places_RV = torch.arange(frames_BTD.size(1), device=frames_BTD.device)[None]
            visible_RVD = frames_BTD + self._run(self.positions, frames_BTD, padding_RT)
            padding_RV = padding_RT
        else:
            places_RV = visible_indices(masked_RT)
            visible_RVD = self._place_visible(frames_BTD, masked_RT, places_RV, padding_RT)
            padding_RV = None if padding_RT is None else padding_RT.gather(1, places_RV)
        hidden_RND = self.input_dropout(self.input_norm(self.tokens(visible_RVD)))
        bias = self._attention_bias(places_RV, padding_RV)
        return self._run_layers(hidden_RND, bias, padding_RV)

    def _place_visible(
        self, frames_BTD: Tensor, masked_RT: Tensor, places_RV: Tensor, padding_RT: Tensor | None
    ) -> Tensor:
        """Add positions that masked frames do not reach to the visible frames, (R, V, D)."""
        utterances = frames_BTD.size(0)
        # (B, 1, T, D) and (B, C, T, 1) -> (B * C, T, D): the clones of an utterance share its frames until here
        masked_BCT1 = masked_RT.reshape(utterances, -1, masked_RT.size(1), 1)
        zeroed_RTD = frames_BTD.unsqueeze(1).masked_fill(masked_BCT1, 0.0).flatten(0, 1)
        positions_RTD = self._run(self.positions, zeroed_RTD, padding_RT)
        clones = masked_BCT1.size(1)
        shared_BCTD = frames_BTD.unsqueeze(1).expand(-1, clones, -1, -1)
        places_BCVD = places_RV.reshape(utterances, clones, -1, 1)
        visible_BCVD = shared_BCTD.gather(2, places_BCVD.expand(-1, -1, -1, frames_BTD.size(2)))
        return visible_BCVD.flatten(0, 1) + gather_frames(positions_RTD, places_RV)

    def _attention_bias(
        self, places_RV: Tensor, padding_RV: Tensor | None
    ) -> Tensor | KeptPositions:
        """ALiBi if there is one, and -inf to padded keys: broadcasts to (R, H, N, N), or what to compute it from."""
        num_tokens = self.tokens.num_tokens
        padding_RN = None
        if padding_RV is not None:
            padding_RN = nn.functional.pad(padding_RV, (num_tokens, 0))
        if isinstance(self.alibi, AlibiBias) and self._is_blockwise(places_RV.device):
            positions_RN = nn.functional.pad(places_RV, (num_tokens, 0))
            return KeptPositions(self.alibi.scaled_slopes(), positions_RN, num_tokens, padding_RN)
        bias_RHNN = self.alibi(places_RV, num_tokens)
        if padding_RN is None:
            return bias_RHNN
        return bias_RHNN.masked_fill(padding_RN[:, None, None, :], float("-inf"))

    def _is_blockwise(self, device: torch.device) -> bool:
        """Tell whether attention runs in blocks: only where a backward pass would keep its weights."""
        choice = self.memory.attention
        chosen = choice == "blockwise" or (choice == "auto" and device.type == "cuda")
        return chosen and torch.is_grad_enabled()

    def _run(self, module: nn.Module, *inputs: Any) -> Any:
        """Apply a module; with checkpoints its inner results are computed again in the backward pass."""
        if self.memory.checkpoint_layers and torch.is_grad_enabled():
            return checkpoint(module, *inputs, use_reentrant=False)
        return module(*inputs)

    def _run_layers(
        self, hidden_RND: Tensor, bias: Tensor | KeptPositions, padding_RV: Tensor | None
    ) -> ContextOutput:
        hidden, ffn = [hidden_RND], []
        for layer, drop in zip(self.layers, self.layer_drops, strict=True):
            if self.training and not keep_layer(drop):
                continue
            hidden_RND, ffn_RND = self._run(layer, hidden_RND, bias)
            hidden.append(hidden_RND)
            ffn.append(ffn_RND)
        return ContextOutput(tuple(hidden), tuple(ffn), padding_RV, self.tokens.num_tokens)
