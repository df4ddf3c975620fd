"""Eqs. 5, 8 and 9 against loops, and the split of Eq. 9 into micro-batches."""

import pytest
import torch

from emotion2vec.model.losses import LossCounts, combine_losses, squared_error_sum
from tests.model.helpers import assert_same_value_and_gradient, seeded
from tests.oracles import formulas


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (5, 16), (7, 3)])
def test_squared_error_sum_equals_the_loops(shape: tuple[int, int]) -> None:
    assert_same_value_and_gradient(
        squared_error_sum, formulas.squared_error_loops, [seeded(*shape), seeded(*shape, seed=1)]
    )


def test_squared_error_sum_of_half_precision_is_summed_in_float32() -> None:
    prediction_ND = torch.full((4096, 64), 0.5, dtype=torch.bfloat16)
    loss = squared_error_sum(prediction_ND, torch.zeros(4096, 64))
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(4096 * 64 * 0.25 / 8)


def test_squared_error_sum_of_no_rows_is_zero() -> None:
    assert float(squared_error_sum(torch.zeros(0, 8), torch.zeros(0, 8))) == 0.0


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("counts", [LossCounts(1, 1), LossCounts(48, 2), LossCounts(7, 16)])
def test_combined_losses_of_one_micro_batch_are_equation_9(
    counts: LossCounts, alpha: float
) -> None:
    def divided(frame_sum: torch.Tensor, utterance_sum: torch.Tensor) -> torch.Tensor:
        loss = combine_losses(
            frame_sum, utterance_sum, counts=counts, effective=counts, frame_weight=1.0,
            alpha=alpha, reduction="mean",
        )  # fmt: skip
        return loss / counts.num_masked

    def equation_9(frame_sum: torch.Tensor, utterance_sum: torch.Tensor) -> torch.Tensor:
        return formulas.combined_loss(
            frame_sum,
            utterance_sum,
            num_masked=counts.num_masked,
            num_rows=counts.num_rows,
            alpha=alpha,
        )

    assert_same_value_and_gradient(divided, equation_9, [seeded(1)[0], seeded(1, seed=1)[0]])


@pytest.mark.parametrize("split", [[4], [1, 3], [2, 2], [1, 1, 1, 1]])
def test_combined_losses_of_uneven_micro_batches_add_up_to_equation_9(split: list[int]) -> None:
    frame_sums, utterance_sums = seeded(4).abs(), seeded(4, seed=1).abs()
    masked, rows = [3, 20, 8, 50], [2, 2, 6, 4]
    effective = LossCounts(sum(masked), sum(rows))
    total, start = torch.zeros((), dtype=torch.float64), 0
    for size in split:
        part = slice(start, start + size)
        total += combine_losses(
            frame_sums[part].sum(), utterance_sums[part].sum(),
            counts=LossCounts(sum(masked[part]), sum(rows[part])), effective=effective,
            frame_weight=1.0, alpha=0.7, reduction="mean",
        )  # fmt: skip
        start += size
    expected = formulas.combined_loss(
        frame_sums.sum(),
        utterance_sums.sum(),
        num_masked=sum(masked),
        num_rows=sum(rows),
        alpha=0.7,
    )
    torch.testing.assert_close(total / effective.num_masked, expected)


def test_combined_losses_with_reduction_sum_add_up_the_utterance_terms() -> None:
    counts = LossCounts(num_masked=48, num_rows=2)
    loss = combine_losses(
        torch.tensor(96.0), torch.tensor(5.0), counts=counts, effective=counts, frame_weight=1.0,
        alpha=0.5, reduction="sum",
    )  # fmt: skip
    assert float(loss) / counts.num_masked == pytest.approx(96.0 / 48 + 0.5 * 5.0)


def test_combined_losses_scale_the_frame_loss_by_its_weight() -> None:
    counts = LossCounts(num_masked=10, num_rows=2)
    loss = combine_losses(
        torch.tensor(30.0), torch.tensor(4.0), counts=counts, effective=counts, frame_weight=0.0,
        alpha=1.0, reduction="mean",
    )  # fmt: skip
    assert float(loss) / counts.num_masked == pytest.approx(4.0 / 2)
