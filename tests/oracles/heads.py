"""The probe's heads from their definitions, one multiplication at a time.

An utterance is a list of frames; a frame is (D,), with several layers (L, D). `own` is a vector that all frames of an
utterance have behind them.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def linear_loops(layer: nn.Linear, value: Tensor) -> Tensor:
    """b + W x."""
    return torch.stack(
        [
            bias + sum((w * x for w, x in zip(weight, value, strict=True)), torch.zeros_like(bias))
            for weight, bias in zip(layer.weight, layer.bias, strict=True)
        ]
    )


def layer_sum_loops(logits: Tensor, frame_LD: Tensor) -> Tensor:
    """Sum over layers of exp(w_l) / sum exp(w) times the layer."""
    exponents = [torch.exp(logit) for logit in logits]
    total = sum(exponents[1:], exponents[0])
    parts = [exponent / total * layer for exponent, layer in zip(exponents, frame_LD, strict=True)]
    return sum(parts[1:], parts[0])


def mean_loops(values: Sequence[Tensor]) -> Tensor:
    """Sum divided by number."""
    return sum(values[1:], values[0]) / len(values)


def linear_head_loops(
    head: nn.Module, utterances: Sequence[Tensor], own: Sequence[Tensor]
) -> Tensor:
    """Linear, ReLU, mean over frames, Linear."""
    return _per_utterance(
        head, utterances, own, lambda value: torch.where(value > 0, value, 0 * value)
    )


def superb_head_loops(
    head: nn.Module, utterances: Sequence[Tensor], own: Sequence[Tensor]
) -> Tensor:
    """Linear, mean over frames, Linear."""
    return _per_utterance(head, utterances, own, lambda value: value)


def gru_head_loops(head: nn.Module, utterances: Sequence[Tensor], own: Sequence[Tensor]) -> Tensor:
    """Two GRU layers, one step after the other; the second one's last state, Linear."""
    rows = []
    for number, frames in enumerate(utterances):
        sequence = [_frame(head, frame, own, number) for frame in frames]
        for layer in range(2):
            sequence = _gru_layer(head.gru, layer, sequence)
        rows.append(linear_loops(head.output, sequence[-1]))
    return torch.stack(rows)


def _gru_layer(gru: nn.GRU, layer: int, sequence: Sequence[Tensor]) -> list[Tensor]:
    """r, z, n as Cho et al. (2014) in PyTorch's form: h' = (1 - z) n + z h."""
    w_in, w_state = getattr(gru, f"weight_ih_l{layer}"), getattr(gru, f"weight_hh_l{layer}")
    b_in, b_state = getattr(gru, f"bias_ih_l{layer}"), getattr(gru, f"bias_hh_l{layer}")
    state, states = w_state.new_zeros(gru.hidden_size), []
    for value in sequence:
        in_r, in_z, in_n = (w_in @ value + b_in).chunk(3)
        st_r, st_z, st_n = (w_state @ state + b_state).chunk(3)
        reset, update = torch.sigmoid(in_r + st_r), torch.sigmoid(in_z + st_z)
        new = torch.tanh(in_n + reset * st_n)
        state = (1 - update) * new + update * state
        states.append(state)
    return states


def _per_utterance(
    head: nn.Module,
    utterances: Sequence[Tensor],
    own: Sequence[Tensor],
    activation: Callable[[Tensor], Tensor],
) -> Tensor:
    rows = []
    for number, frames in enumerate(utterances):
        hidden = [
            activation(linear_loops(head.hidden, _frame(head, frame, own, number)))
            for frame in frames
        ]
        rows.append(linear_loops(head.output, mean_loops(hidden)))
    return torch.stack(rows)


def _frame(head: nn.Module, frame: Tensor, own: Sequence[Tensor], number: int) -> Tensor:
    if head.layers is not None:
        frame = layer_sum_loops(head.layers.logits, frame)
    return torch.cat([frame, own[number]]) if own else frame
