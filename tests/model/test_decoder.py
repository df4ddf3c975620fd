"""Restoring frames and the convolutional decoder against loops (Section 4.1)."""

import pytest
import torch

from emotion2vec.model.decoder import ConvDecoder, restore_frames
from tests.model.helpers import assert_same_value_and_gradient, seeded
from tests.oracles import formulas
from tests.oracles.pretraining_forward import conv_norm_gelu

MASKED_RT = torch.tensor([[0, 1, 1, 0, 1, 0, 0], [1, 0, 0, 1, 0, 0, 1]]).bool()


def test_restored_frames_equal_the_loops_without_noise() -> None:
    fill_RTD = torch.zeros(2, 7, 3, dtype=torch.float64)
    assert_same_value_and_gradient(
        lambda visible_RVD: restore_frames(visible_RVD, MASKED_RT, 0.0),
        lambda visible_RVD: formulas.restore_frames_loops(visible_RVD, MASKED_RT, fill_RTD),
        [seeded(2, 4, 3)],
    )


def test_restored_frames_leave_visible_frames_free_of_noise() -> None:
    visible_RVD = seeded(2, 4, 3)
    restored_RTD = restore_frames(visible_RVD, MASKED_RT, 5.0)
    assert torch.equal(restored_RTD[~MASKED_RT], visible_RVD.reshape(-1, 3))


def test_restored_frames_hold_noise_of_the_given_deviation_where_masked() -> None:
    torch.manual_seed(0)
    masked_RT = torch.arange(400)[None] % 2 == 0
    restored_RTD = restore_frames(torch.zeros(1, 200, 64), masked_RT, 0.01)
    noise = restored_RTD[masked_RT]
    assert noise.std().item() == pytest.approx(0.01, rel=0.03)
    assert noise.mean().item() == pytest.approx(0.0, abs=5e-4)


@pytest.mark.parametrize(
    ("dim", "decoder_dim", "layers", "kernel", "groups"),
    [(6, 4, 1, 3, 1), (6, 4, 2, 7, 2), (4, 4, 3, 5, 4)],
)
def test_decoder_equals_the_loops_at_masked_frames(
    dim: int, decoder_dim: int, layers: int, kernel: int, groups: int
) -> None:
    torch.manual_seed(0)
    decoder = ConvDecoder(
        dim,
        decoder_dim=decoder_dim,
        num_layers=layers,
        kernel=kernel,
        groups=groups,
        input_dropout=0.0,
        noise_std=0.0,
    ).double()
    parameters = [p for name, p in decoder.named_parameters() if "proj" not in name]

    def oracle(visible_RVD: torch.Tensor) -> torch.Tensor:
        fill_RTD = visible_RVD.new_zeros(2, 7, dim)
        outputs = []
        for restored_TD in formulas.restore_frames_loops(visible_RVD, MASKED_RT, fill_RTD):
            x_TD = restored_TD
            for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
                new_TD = conv_norm_gelu(x_TD, weight, bias, groups=groups)
                x_TD = new_TD + x_TD if new_TD.shape == x_TD.shape else new_TD
            outputs.append(x_TD @ decoder.proj.weight.T + decoder.proj.bias)
        return torch.stack(outputs)[MASKED_RT]

    assert_same_value_and_gradient(
        lambda visible_RVD: decoder(visible_RVD, MASKED_RT),
        oracle,
        [seeded(2, 4, dim)],
    )
