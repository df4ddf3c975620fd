"""ALiBi slopes and bias against the rule written out; convolutional positions against loops."""

import pytest
import torch

from emotion2vec.model.positions import AlibiBias, ConvPositions, NoBias, alibi_slopes
from tests.model.helpers import assert_same_value_and_gradient, padding, seeded
from tests.oracles import formulas
from tests.oracles.pretraining_forward import conv_norm_gelu


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4, 6, 8, 12, 16])
def test_alibi_slopes_follow_the_rule(num_heads: int) -> None:
    expected = torch.tensor(formulas.alibi_slopes_by_rule(num_heads), dtype=torch.float64)
    torch.testing.assert_close(alibi_slopes(num_heads).double(), expected)


def test_alibi_slopes_of_twelve_heads_are_those_of_the_base_model() -> None:
    expected = [2.0 ** -(h + 1) for h in range(8)] + [2.0 ** -(h + 0.5) for h in range(4)]
    torch.testing.assert_close(alibi_slopes(12).double(), torch.tensor(expected).double())


@pytest.mark.parametrize("num_heads", [1, 3, 4])
@pytest.mark.parametrize("num_tokens", [0, 1, 3])
def test_alibi_bias_equals_the_loops(num_tokens: int, num_heads: int) -> None:
    positions_RV = torch.tensor([[0, 1, 4, 9], [2, 3, 5, 6]])
    bias = AlibiBias(num_heads).double()

    def function(scale_H: torch.Tensor) -> torch.Tensor:
        replaced = {"scale": scale_H.reshape(1, 1, num_heads, 1, 1)}
        return torch.func.functional_call(bias, replaced, (positions_RV, num_tokens))

    def oracle(scale_H: torch.Tensor) -> torch.Tensor:
        return formulas.alibi_bias_loops(positions_RV, num_tokens=num_tokens, scale_H=scale_H)

    assert_same_value_and_gradient(function, oracle, [seeded(num_heads).abs() + 0.1])


def test_alibi_bias_is_zero_for_a_head_whose_scale_is_negative() -> None:
    bias = AlibiBias(2)
    with torch.no_grad():
        bias.scale.view(-1)[0] = -0.3
    output_RHNN = bias(torch.arange(5)[None], 0)
    assert torch.equal(output_RHNN[:, 0], torch.zeros(1, 5, 5))
    assert output_RHNN[:, 1].min() < 0


def test_alibi_bias_starts_with_one_scale_of_one_for_each_head() -> None:
    assert torch.equal(AlibiBias(12).scale.detach(), torch.ones(1, 1, 12, 1, 1))


@pytest.mark.parametrize(("width", "depth", "groups"), [(9, 3, 1), (15, 3, 2), (4, 2, 4)])
def test_conv_positions_equal_the_loops(width: int, depth: int, groups: int) -> None:
    torch.manual_seed(0)
    positions = ConvPositions(8, width=width, depth=depth, groups=groups).double()
    parameters = list(positions.parameters())  # weight, bias, weight, bias, ...

    def oracle(frames_RTD: torch.Tensor) -> torch.Tensor:
        rows = []
        for frames_TD in frames_RTD:
            hidden_TD = frames_TD
            for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
                hidden_TD = conv_norm_gelu(hidden_TD, weight, bias, groups=groups)
            rows.append(hidden_TD)
        return torch.stack(rows)

    assert_same_value_and_gradient(positions, oracle, [seeded(2, 7, 8)])


def test_conv_positions_of_a_padded_row_are_those_of_the_row_alone() -> None:
    torch.manual_seed(0)
    positions = ConvPositions(8, width=15, depth=3, groups=2).double()
    frames_RTD = seeded(2, 9, 8)
    together = positions(frames_RTD, padding((9, 5), 9))
    torch.testing.assert_close(together[1:, :5], positions(frames_RTD[1:, :5]))
    torch.testing.assert_close(together[:1], positions(frames_RTD[:1]))


def test_no_bias_is_zero_for_every_token_and_frame() -> None:
    bias = NoBias()(torch.tensor([[0, 1, 4]]), 2)
    assert torch.equal(bias, torch.zeros(1, 1, 1, 5))
    assert not list(NoBias().parameters())
