"""Eq. 3 (average of top layers, with target norms) and Eq. 6 (average over time) against loops."""

import pytest
import torch

from emotion2vec.model.targets import average_layers, pool_frames
from tests.model.helpers import assert_same_value_and_gradient, padding, seeded
from tests.oracles import formulas

SIZES = [(1, 1, 2, 3), (2, 4, 1, 5), (3, 5, 4, 2)]  # layers, B, T, D
NORMS = ["none", "layer", "instance"]


def make_layers(num_layers: int, *shape: int) -> list[torch.Tensor]:
    return [seeded(*shape, seed=i) * (i + 1) + i for i in range(num_layers)]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("sizes", SIZES)
def test_average_layers_equals_the_loops(sizes: tuple[int, ...], norm: str) -> None:
    num_layers, *shape = sizes
    assert_same_value_and_gradient(
        lambda *layers: average_layers(layers, top_k=num_layers, norm=norm),
        lambda *layers: formulas.average_layers_loops(layers, top_k=num_layers, norm=norm),
        make_layers(num_layers, *shape),
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("lengths", [(6, 4, 1), (2, 6, 5)])
def test_average_layers_of_valid_frames_equals_the_loops(
    lengths: tuple[int, ...], norm: str
) -> None:
    padding_BT = padding(lengths, 6)
    assert_same_value_and_gradient(
        lambda *x: average_layers(x, top_k=2, norm=norm, padding_BT=padding_BT),
        lambda *x: formulas.average_layers_loops(x, top_k=2, norm=norm, padding_BT=padding_BT),
        make_layers(3, 3, 6, 4),
        select=lambda target_BTD: target_BTD[~padding_BT],
    )


@pytest.mark.parametrize("norm", NORMS)
def test_average_layers_ignores_what_padded_frames_hold(norm: str) -> None:
    padding_BT = padding((5, 3), 5)
    layers = make_layers(2, 2, 5, 3)
    spoilt = [layer.masked_fill(padding_BT[..., None], 1e6) for layer in layers]
    expected, got = (
        average_layers(x, top_k=2, norm=norm, padding_BT=padding_BT)[~padding_BT]
        for x in (layers, spoilt)
    )
    torch.testing.assert_close(got, expected)


def test_average_layers_takes_the_top_layers_not_the_bottom_ones() -> None:
    layers = make_layers(4, 2, 3, 2)
    target = average_layers(layers, top_k=1, norm="none")
    torch.testing.assert_close(target, layers[3])


def test_average_layers_leaves_the_layers_as_they_were() -> None:
    layers = make_layers(3, 2, 3, 2)
    before = [layer.clone() for layer in layers]
    average_layers(layers, top_k=3, norm="none")
    for layer, copy in zip(layers, before, strict=True):
        assert torch.equal(layer, copy)


@pytest.mark.parametrize("norm", NORMS)
def test_average_layers_of_half_precision_is_float32(norm: str) -> None:
    layers = [layer.bfloat16() for layer in make_layers(2, 1, 4, 3)]
    assert average_layers(layers, top_k=2, norm=norm).dtype == torch.float32


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4), (3, 7, 2)])
def test_pool_frames_equals_the_loops(shape: tuple[int, ...]) -> None:
    assert_same_value_and_gradient(pool_frames, formulas.pool_frames_loops, [seeded(*shape)])


def test_pool_frames_of_padded_utterances_equals_the_loops() -> None:
    padding_BT = padding((4, 1, 6), 6)
    assert_same_value_and_gradient(
        lambda frames_BTD: pool_frames(frames_BTD, padding_BT),
        lambda frames_BTD: formulas.pool_frames_loops(frames_BTD, padding_BT),
        [seeded(3, 6, 2)],
    )


def test_instance_norm_makes_the_utterance_target_zero() -> None:
    """The degeneracy of the released setting: each channel has zero mean over time."""
    layers = make_layers(8, 2, 50, 16)
    target_BD = pool_frames(average_layers(layers, top_k=8, norm="instance"))
    assert target_BD.abs().max() < 1e-6


def test_layer_norm_keeps_the_utterance_target_away_from_zero() -> None:
    layers = [seeded(2, 50, 16, seed=i) + seeded(2, 1, 16, seed=100 + i) for i in range(8)]
    target_BD = pool_frames(average_layers(layers, top_k=8, norm="layer"))
    assert target_BD.square().mean().sqrt() > 1e-2
    assert target_BD.var(dim=0).mean() > 1e-3
