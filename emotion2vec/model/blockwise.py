"""Attention in blocks, whose ALiBi is computed from the kept positions, and again in the backward pass.

In: queries, keys, values (R, H, N, d) and where their frames stand. Out: (R, H, N, d).
No tensor of (R, H, N, N) outlives a block; the learned scale gets its gradient. The plain path, `transformer.py`,
keeps three to five of them in each layer.
Paper: none; ALiBi with a learned scale is data2vec 2.0's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK_ELEMENTS = 2**24  # attention weights in a block: 64 MiB in float32


@dataclass(frozen=True)
class KeptPositions:
    """What ALiBi and padding are computed from; N = U tokens in front + V frames.

    Attributes:
        scaled_H: Slope * learned scale of each head, (H,).
        positions_RN: Frame number of each frame, (R, N), anything at the tokens; R may be 1 to serve every row.
        num_tokens: U; the bias to and from tokens is zero.
        padding_RN: True where a key is padding, (R, N); None when nothing is padded.
    """

    scaled_H: Tensor
    positions_RN: Tensor
    num_tokens: int
    padding_RN: Tensor | None


@dataclass(frozen=True)
class _Settings:
    num_tokens: int
    head_scale: float
    dropout: float
    seed: int
    block_elements: int


class _Inputs(NamedTuple):
    """What both passes read; the last two as in `KeptPositions`."""

    query: Tensor
    key: Tensor
    value: Tensor
    scaled_H: Tensor
    positions_RN: Tensor
    padding_RN: Tensor | None


@dataclass(frozen=True)
class _Block:
    """Some rows and queries; r rows, n queries.

    Attributes:
        rows: Which rows.
        queries: Which queries.
        weights: Attention weights, (r, H, n, N).
        distance: |i - j| of frames, zero to and from tokens, (r or 1, 1, n, N).
        kept: What dropout multiplies the weights by, 0 or 1 / (1 - p), (r, H, n, N); None without dropout.
    """

    rows: slice
    queries: slice
    weights: Tensor
    distance: Tensor
    kept: Tensor | None

    def dropped_weights(self, dtype: torch.dtype) -> Tensor:
        """Return the weights after dropout."""
        return (self.weights if self.kept is None else self.weights * self.kept).to(dtype)


def blockwise_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    kept: KeptPositions,
    *,
    dropout: float,
    block_elements: int = BLOCK_ELEMENTS,
) -> Tensor:
    """Return softmax(Q K' / sqrt(d) - scale * slope * |i - j|) V, (R, H, N, d).

    Dropout draws from a generator whose seed comes from torch's CPU generator: checkpointed, as layer drop is. Its
    numbers are not those that the plain path draws.

    Args:
        query: (R, H, N, d).
        key: (R, H, N, d).
        value: (R, H, N, d).
        kept: Positions and padding.
        dropout: Share of attention weights that are dropped; 0 outside training.
        block_elements: Attention weights that a block may hold; one query of one row is the least.
    """
    seed = int(torch.randint(2**62, ())) if dropout else 0
    settings = _Settings(kept.num_tokens, query.size(-1) ** -0.5, dropout, seed, block_elements)
    inputs = _Inputs(query, key, value, kept.scaled_H, kept.positions_RN, kept.padding_RN)
    output: Tensor = _BlockwiseAttention.apply(settings, *inputs)  # type: ignore[no-untyped-call]
    return output


class _BlockwiseAttention(torch.autograd.Function):
    """Saves queries, keys, values and positions; both passes compute the weights of one block at a time."""

    @staticmethod
    def forward(ctx: Any, settings: _Settings, *tensors: Any) -> Tensor:
        """Attend block by block."""
        inputs = _Inputs(*tensors)
        ctx.save_for_backward(*inputs)
        ctx.settings = settings
        output = torch.empty_like(inputs.value, memory_format=torch.contiguous_format)
        with torch.autocast(output.device.type, enabled=False):
            for block in _blocks(inputs, settings):
                attended = block.dropped_weights(output.dtype) @ inputs.value[block.rows]
                output[block.rows, :, block.queries] = attended
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of query, key, value and scaled slopes."""
        # as in the forward pass, wherever backward() is called: both must see the same weights
        with torch.autocast(gradients[0].device.type, enabled=False):
            return _BlockwiseAttention._backward(ctx, gradients[0])

    @staticmethod
    def _backward(ctx: Any, to_output: Tensor) -> tuple[Tensor | None, ...]:
        inputs = _Inputs(*ctx.saved_tensors)
        query, key, value = inputs[:3]
        scale = ctx.settings.head_scale
        sums = torch.promote_types(query.dtype, torch.float32)
        to_query = torch.empty_like(query, memory_format=torch.contiguous_format)
        to_key, to_value = torch.zeros_like(key, dtype=sums), torch.zeros_like(value, dtype=sums)
        to_scaled_H = torch.zeros_like(inputs.scaled_H)
        for block in _blocks(inputs, ctx.settings):
            rows, queries = block.rows, block.queries
            gradient = to_output[rows, :, queries]
            to_value[rows] += block.dropped_weights(value.dtype).transpose(-2, -1) @ gradient
            to_scores = _gradient_of_scores(block, gradient @ value[rows].transpose(-2, -1))
            to_scaled_H -= (to_scores * block.distance).sum(dim=(0, 2, 3))
            to_scores = to_scores.to(query.dtype)
            to_query[rows, :, queries] = (to_scores @ key[rows]) * scale
            to_key[rows] += to_scores.transpose(-2, -1) @ (query[rows, :, queries] * scale)
        return None, to_query, to_key.to(key), to_value.to(value), to_scaled_H, None, None


def _blocks(inputs: _Inputs, settings: _Settings) -> Iterator[_Block]:
    """Compute block after block; both passes see the same ones, dropout included."""
    generator = None
    if settings.dropout:
        generator = torch.Generator(inputs.query.device).manual_seed(settings.seed)
    for rows, queries in _places(inputs.query, settings.block_elements):
        distance = _distance(inputs.positions_RN, settings.num_tokens, rows, queries)
        distance = distance.to(inputs.scaled_H.dtype)
        query = inputs.query[rows, :, queries] * settings.head_scale
        scores = query @ inputs.key[rows].transpose(-2, -1)
        scores = scores - inputs.scaled_H[:, None, None] * distance
        if inputs.padding_RN is not None:
            padding = inputs.padding_RN[rows]
            scores = scores.masked_fill(padding[:, None, None, :], float("-inf"))
        weights = F.softmax(scores, dim=-1)
        yield _Block(rows, queries, weights, distance, _draw_kept(weights, settings, generator))


def _places(query: Tensor, block_elements: int) -> Iterator[tuple[slice, slice]]:
    """Cut rows, and queries where one row is too large, so that a block holds at most `block_elements` weights."""
    num_rows, num_heads, length, _ = query.shape
    rows = max(1, block_elements // (num_heads * length * length))
    queries = min(length, max(1, block_elements // (num_heads * length)))
    for row in range(0, num_rows, rows):
        for first in range(0, length, queries):
            yield slice(row, row + rows), slice(first, first + queries)


def _distance(positions_RN: Tensor, num_tokens: int, rows: slice, queries: slice) -> Tensor:
    """Return |i - j| of some rows' and queries' frames, (r or 1, 1, n, N); zero to and from tokens."""
    keys_RN = positions_RN if positions_RN.size(0) == 1 else positions_RN[rows]
    distance_RnN = (keys_RN[:, queries, None] - keys_RN[:, None, :]).abs()
    distance_RnN[:, :, :num_tokens] = 0
    distance_RnN[:, : max(0, num_tokens - queries.start)] = 0
    return distance_RnN[:, None]


def _gradient_of_scores(block: _Block, to_dropped: Tensor) -> Tensor:
    """Go back through dropout and softmax: dS = P * (dP - sum_j P dP), (r, H, n, N)."""
    to_weights = to_dropped.to(block.weights.dtype)
    if block.kept is not None:
        to_weights = to_weights * block.kept
    product = block.weights * to_weights
    return product - block.weights * product.sum(dim=-1, keepdim=True)


def _draw_kept(
    weights: Tensor, settings: _Settings, generator: torch.Generator | None
) -> Tensor | None:
    if generator is None:
        return None
    keep = 1.0 - settings.dropout
    return torch.empty_like(weights).bernoulli_(keep, generator=generator).div_(keep)
