"""The data2vec backbone against fairseq's own data2vec: same weights, input and masks.

Losses within 1e-5, gradients within 1e-4 of their largest entry, teacher after three updates within 1e-6.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from emotion2vec.model.config import ModelConfig
from emotion2vec.model.emotion2vec import Emotion2VecPretraining, PretrainOutput
from emotion2vec.model.factory import build_pretraining_model
from emotion2vec.model.key_map import from_fairseq, to_fairseq
from emotion2vec.structs import PretrainBatch, frame_padding
from tests.helpers import fairseq_data2vec
from tests.model.builders import NO_RANDOMNESS

pytest.importorskip("fairseq", reason="fairseq is not installed: nothing to compare with")
pytestmark = pytest.mark.fairseq

logger = logging.getLogger(__name__)

OUR_BASE = ModelConfig(
    backbone="data2vec", prenet_depth=0, depth=12, utterance_loss_weight=0.0, num_utterance_tokens=0,
    ema_end_decay=0.9999, ema_anneal_end_step=30_000, **NO_RANDOMNESS,
)  # fmt: skip
OUR_SMALL = replace(
    OUR_BASE, conv_dim=32, embed_dim=48, num_heads=6, depth=3, average_top_k_layers=2
)


@dataclass(frozen=True)
class Pair:
    """Our model and theirs with the same weights, and a batch for both."""

    ours: Emotion2VecPretraining
    theirs: Any
    batch: PretrainBatch

    def run_ours(self) -> PretrainOutput:
        return self.ours(self.batch)

    def run_theirs(self) -> dict[str, Any]:
        batch = self.batch
        return self.theirs(
            batch.waveform_BS, padding_mask=batch.padding_BS, mask_indices=batch.masked_BCT[:, 0]
        )


def make_pair(
    config: ModelConfig, sizes: dict[str, Any], lengths: tuple[int, ...] = (16000, 16000)
) -> Pair:
    theirs = fairseq_data2vec.reference_model(**{**fairseq_data2vec.NO_DROPOUT, **sizes}).train()
    spread_weights(theirs)
    theirs.set_num_updates(0)
    ours = build_pretraining_model(config)
    sections = {"model": dict(theirs.named_parameters()), "_ema": theirs.ema.fp32_params}
    ours.load_state_dict(from_fairseq(sections, config), strict=True)
    waveform_BS, padding_BS, masked_BT = fairseq_data2vec.reference_batch(lengths)
    padded = padding_BS if bool(padding_BS.any()) else None
    torch.manual_seed(6)  # what is drawn later, rounding with it, is the same after whatever tests
    return Pair(ours.train(), theirs, PretrainBatch(waveform_BS, padded, masked_BT[:, None]))


@torch.no_grad()
def spread_weights(reference: Any) -> None:
    """Move norms and biases off their initial 1 and 0: the parity would not see a swap."""
    torch.manual_seed(5)
    for parameter in reference.parameters():
        if parameter.dim() == 1:
            parameter.add_(0.1 * torch.randn_like(parameter))


def keep_padding_out_of_positions(pair: Pair) -> None:
    """Zero padded frames before each of fairseq's convolutional positions, which let them leak in."""
    assert pair.batch.padding_BS is not None
    padding_B1T = frame_padding(pair.batch.padding_BS).unsqueeze(1)

    def zero(_: Any, inputs: tuple[Tensor]) -> Tensor:
        return inputs[0].masked_fill(padding_B1T, 0.0)

    for encoder in (pair.theirs.encoder, pair.theirs.ema.model):
        for conv in encoder.pos_conv:
            conv.register_forward_pre_hook(zero)


def assert_loss_and_gradients_match(pair: Pair) -> None:
    output, reference = pair.run_ours(), pair.run_theirs()
    expected = reference["losses"]["regression"]
    assert output.counts.num_masked == reference["sample_size"]
    relative = abs(output.frame_sum.item() / expected.item() - 1)
    assert relative < 1e-5
    for name in ("target_var", "pred_var"):
        assert getattr(output.diagnostics, name).item() == pytest.approx(
            reference[name].item(), rel=1e-5
        )
    (output.frame_sum / output.counts.num_masked).backward()
    (expected / reference["sample_size"]).backward()
    worst = assert_gradients_match(pair)
    logger.info("relative difference: loss %.1e, worst gradient %.1e", relative, worst)


def assert_gradients_match(pair: Pair) -> float:
    """Compare every gradient; return the largest difference relative to its tensor's largest entry."""
    theirs = {name: p.grad for name, p in pair.theirs.named_parameters() if p.grad is not None}
    expected = from_fairseq({"model": theirs}, pair.ours.config)
    ours = {name: p.grad for name, p in pair.ours.named_parameters() if p.grad is not None}
    assert ours.keys() == expected.keys()
    worst = 0.0
    for name, gradient in expected.items():
        largest = gradient.abs().max()
        difference = float((ours[name] - gradient).abs().max() / largest)
        assert difference < 1e-4, f"{name}: {difference:.2e}"
        worst = max(worst, difference)
    return worst


def take_updates(pair: Pair, num_updates: int) -> None:
    """Take the same steps on both, each followed by its teacher's update.

    Plain gradient descent: Adam would blow rounding errors of tiny gradients up to whole steps, and the copied
    positions bring the student's steps into the teacher undamped.
    """
    optimizers = [
        torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.03)
        for model in (pair.ours, pair.theirs)
    ]
    for update in range(1, num_updates + 1):
        for optimizer in optimizers:
            optimizer.zero_grad()
        output, reference = pair.run_ours(), pair.run_theirs()
        (output.frame_sum / output.counts.num_masked).backward()
        (reference["losses"]["regression"] / reference["sample_size"]).backward()
        for optimizer in optimizers:
            optimizer.step()
        pair.ours.update_teacher(update)
        pair.theirs.set_num_updates(update)


def teacher_difference(pair: Pair) -> float:
    expected = pair.theirs.ema.fp32_params
    averages = to_fairseq(pair.ours.state_dict(), pair.ours.config)["_ema"]
    assert averages.keys() == expected.keys()
    return max(float((value - expected[name]).abs().max()) for name, value in averages.items())


def test_small_model_has_fairseqs_loss_and_gradients() -> None:
    assert_loss_and_gradients_match(make_pair(OUR_SMALL, fairseq_data2vec.SMALL))


def test_small_model_has_fairseqs_loss_and_gradients_with_padding() -> None:
    """Where fairseq lets padding in, it is kept out: of positions by hooks, of target statistics by their norm."""
    sizes = {
        **fairseq_data2vec.SMALL,
        "instance_norm_target_layer": False,
        "layer_norm_target_layer": True,
    }
    config = replace(OUR_SMALL, frame_target_norm="layer")
    pair = make_pair(config, sizes, lengths=(16000, 11000, 7300))
    keep_padding_out_of_positions(pair)
    assert_loss_and_gradients_match(pair)


@pytest.mark.parametrize(
    ("start", "end", "anneal_updates"), [(0.999, 0.9999, 30_000), (0.9, 0.95, 2)]
)
def test_small_models_teacher_equals_fairseqs_after_three_updates(
    start: float, end: float, anneal_updates: int
) -> None:
    annealing = {"ema_decay": start, "ema_end_decay": end, "ema_anneal_end_step": anneal_updates}
    pair = make_pair(replace(OUR_SMALL, **annealing), {**fairseq_data2vec.SMALL, **annealing})
    before = {name: value.clone() for name, value in pair.ours.teacher.state_dict().items()}
    take_updates(pair, 3)
    difference = teacher_difference(pair)
    logger.info("largest difference of the teachers: %.1e", difference)
    assert difference < 1e-6
    after = pair.ours.teacher.state_dict()
    moved = {name: float((after[name] - before[name]).abs().max()) for name in before}
    assert min(moved.values()) > 0
    assert max(m for name, m in moved.items() if ".layers." in name) > 1e-6


def test_teachers_positions_are_the_students_and_its_layers_are_not() -> None:
    pair = make_pair(OUR_SMALL, fairseq_data2vec.SMALL)
    take_updates(pair, 2)
    for model, name in ((pair.ours.student.context, "ours"), (pair.theirs.encoder, "theirs")):
        section = {"ours": pair.ours.teacher.context, "theirs": pair.theirs.ema.model}[name]
        student = dict(model.named_parameters())
        for key, average in section.named_parameters():
            copied = key.startswith(("positions.", "pos_conv."))
            assert torch.equal(average, student[key]) == copied, (name, key)


def test_extracted_features_are_fairseqs_in_every_layer() -> None:
    pair = make_pair(OUR_SMALL, fairseq_data2vec.SMALL)
    pair.ours.eval()
    pair.theirs.eval()
    with torch.no_grad():
        expected = pair.theirs.extract_features(pair.batch.waveform_BS, None, mask=False)
    features = pair.ours.student.extract(pair.batch.waveform_BS)
    torch.testing.assert_close(features.layers[-1], expected["x"], rtol=1e-4, atol=1e-5)
    for layer, theirs in zip(features.layers[1:], expected["layer_results"], strict=True):
        torch.testing.assert_close(layer, theirs[0].transpose(0, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_base_model_equals_fairseqs_in_loss_gradients_and_teacher() -> None:
    pair = make_pair(OUR_BASE, {}, lengths=(8000, 8000))
    assert_loss_and_gradients_match(pair)
    take_updates(pair, 3)
    difference = teacher_difference(pair)
    logger.info("largest difference of the teachers: %.1e", difference)
    assert difference < 1e-6
