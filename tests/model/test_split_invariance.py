"""Eq. 9 on the whole effective batch: the same gradient however the batch is split (design 5)."""

import pytest
import torch

from emotion2vec.model.config import BACKBONES
from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.losses import LossCounts
from emotion2vec.structs import PretrainBatch
from tests.model.builders import make_batch, pick, tiny_model

LENGTHS = (6400, 4800, 6400, 4000)


def accumulated_gradients(
    model: Emotion2VecPretraining, micro_batches: list[PretrainBatch]
) -> dict[str, torch.Tensor]:
    model.zero_grad()
    outputs = [model(micro_batch) for micro_batch in micro_batches]
    effective = LossCounts(
        num_masked=sum(output.counts.num_masked for output in outputs),
        num_rows=sum(output.counts.num_rows for output in outputs),
    )
    for output in outputs:
        (model.combine(output, effective) / effective.num_masked).backward()
    return {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("alpha", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("sizes", [(2, 2), (1, 3), (1, 1, 1, 1)])
def test_gradient_does_not_depend_on_how_the_batch_is_split(
    sizes: tuple[int, ...], alpha: float, backbone: str
) -> None:
    model = tiny_model(backbone=backbone, utterance_loss_weight=alpha)
    batch = make_batch(LENGTHS)
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    parts = [
        pick(batch, slice(start, start + size)) for start, size in zip(starts, sizes, strict=True)
    ]
    whole, split = accumulated_gradients(model, [batch]), accumulated_gradients(model, parts)
    assert whole.keys() == split.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(split[name], gradient, rtol=1e-9, atol=1e-10)


def test_reduction_sum_of_the_released_code_does_depend_on_the_split() -> None:
    """Why `mean` is the default."""
    model = tiny_model(utterance_loss_reduction="sum")
    batch = make_batch(LENGTHS)
    halves = [pick(batch, slice(0, 2)), pick(batch, slice(2, 4))]
    whole, split = accumulated_gradients(model, [batch]), accumulated_gradients(model, halves)
    name = "student.context.tokens.embedding"
    assert (whole[name] - split[name]).abs().max() > 1e-3 * whole[name].abs().max()
