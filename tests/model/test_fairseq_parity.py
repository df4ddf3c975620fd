"""The model against fairseq's own data2vec 2.0: same weights, input, masks and noise.

Losses within 1e-5, gradients within 1e-4 of their largest entry, teacher after three updates within 1e-6.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor

from emotion2vec.model.config import ModelConfig
from emotion2vec.model.emotion2vec import Emotion2VecPretraining, PretrainOutput
from emotion2vec.model.factory import build_pretraining_model
from emotion2vec.model.key_map import from_fairseq, to_fairseq
from emotion2vec.structs import PretrainBatch
from tests.helpers import fairseq_data2vec2
from tests.model.builders import oracle_settings
from tests.oracles.pretraining_forward import OracleModel, pretraining_losses

pytest.importorskip("fairseq", reason="fairseq is not installed: nothing to compare with")
pytestmark = pytest.mark.fairseq

logger = logging.getLogger(__name__)

NOISE_SEED = 11
OUR_SMALL = ModelConfig(
    conv_dim=32, embed_dim=48, num_heads=6, prenet_depth=2, depth=3, clone_batch=2, decoder_dim=32,
    average_top_k_layers=2,
)  # fmt: skip
OUR_BASE = ModelConfig()


def stable_argsort(values: Tensor, dim: int) -> Tensor:
    return torch.argsort(values, dim=dim, stable=True)


@dataclass(frozen=True)
class Pair:
    """Our model and theirs with the same weights, and a batch for both."""

    ours: Emotion2VecPretraining
    theirs: Any
    batch: PretrainBatch
    masked_RT: Tensor

    def run_ours(self) -> PretrainOutput:
        torch.manual_seed(NOISE_SEED)
        return self.ours(self.batch)

    def run_theirs(self) -> dict[str, Any]:
        torch.manual_seed(NOISE_SEED)
        # Their sort is not stable; its order decides nothing but which masked frame gets which noise.
        with mock.patch.object(Tensor, "argsort", stable_argsort):
            return self.theirs(self.batch.waveform_BS, precomputed_mask=self.masked_RT)

    def our_parameters(self) -> dict[str, Tensor]:
        return to_fairseq(dict(self.ours.named_parameters()), self.ours.config)["model"]

    def their_parameters(self) -> dict[str, Tensor]:
        return {name: p for name, p in self.theirs.named_parameters() if p.requires_grad}


def our_model(config: ModelConfig, theirs: Any) -> Emotion2VecPretraining:
    model = build_pretraining_model(config)
    sections = {"model": dict(theirs.named_parameters()), "_ema": theirs.ema.fp32_params}
    model.load_state_dict(from_fairseq(sections, config), strict=True)
    return model.train()


def make_pair(
    config: ModelConfig,
    sizes: dict[str, Any],
    *,
    num_tokens: int,
    batch: tuple[int, int] = (2, 16000),
    **theirs: Any,
) -> Pair:
    """Build both models; `batch` is (utterances, samples), `theirs` further settings of fairseq's."""
    reference = fairseq_data2vec2.reference_model(
        num_extra_tokens=num_tokens,
        **{**sizes, **fairseq_data2vec2.NO_DROPOUT, **theirs},
    ).train()
    spread_weights(reference)
    reference.set_num_updates(0)
    quiet = {
        "encoder_dropout": 0.0, "attention_dropout": 0.0, "post_mlp_drop": 0.0, "prenet_dropout": 0.0,
        "layerdrop": 0.0, "prenet_layerdrop": 0.0, "decoder_input_dropout": 0.0,
    }  # fmt: skip
    method = {} if num_tokens else {"utterance_method": "global"}
    config = replace(config, num_utterance_tokens=num_tokens, **quiet, **method)
    waveform_BS, masked_RT = fairseq_data2vec2.reference_batch(
        num_utterances=batch[0], num_samples=batch[1], num_clones=config.clone_batch
    )
    masked_BCT = masked_RT.bool().view(batch[0], config.clone_batch, -1)
    return Pair(
        our_model(config, reference),
        reference,
        PretrainBatch(waveform_BS, None, masked_BCT),
        masked_RT,
    )


@torch.no_grad()
def spread_weights(reference: Any) -> None:
    """Move norms, biases and ALiBi scales off their initial 1 and 0: the parity would not see a swap."""
    torch.manual_seed(5)
    for parameter in reference.parameters():
        if parameter.dim() == 1 or parameter.dim() == 5:
            parameter.add_(0.1 * torch.randn_like(parameter))


def assert_gradients_match(pair: Pair) -> float:
    """Compare every gradient; return the largest difference relative to its tensor's largest entry."""
    ours, theirs = pair.our_parameters(), pair.their_parameters()
    assert ours.keys() == theirs.keys()
    worst = 0.0
    for name, parameter in theirs.items():
        if parameter.grad is None:
            assert ours[name].grad is None or not ours[name].grad.any(), name
            continue
        difference = (ours[name].grad - parameter.grad).abs().max() / parameter.grad.abs().max()
        assert difference < 1e-4, f"{name}: {float(difference):.2e}"
        worst = max(worst, float(difference))
    return worst


def assert_frame_loss_and_gradients_match(pair: Pair) -> None:
    output, reference = pair.run_ours(), pair.run_theirs()
    expected = reference["losses"]["AUDIO_regression"].sum()
    assert output.counts.num_masked == int(reference["sample_size"])
    relative = abs(output.frame_sum.item() / expected.item() - 1)
    assert relative < 1e-5
    (output.frame_sum / output.counts.num_masked).backward()
    (expected / reference["sample_size"]).backward()
    worst = assert_gradients_match(pair)
    logger.info("relative difference: loss %.1e, worst gradient %.1e", relative, worst)
    assert output.diagnostics.target_var.item() == pytest.approx(
        reference["target_var"].item(), rel=1e-5
    )
    assert output.diagnostics.pred_var.item() == pytest.approx(
        reference["pred_var"].item(), rel=1e-5
    )


def teacher_difference_after_updates(pair: Pair, num_updates: int) -> float:
    """Take optimizer steps on both and return the largest difference between the two teachers."""
    ours, theirs = pair.our_parameters(), pair.their_parameters()
    # a small eps would make steps of gradients that are nothing but rounding, which differs from processor to processor
    settings = {"lr": 1e-3, "betas": (0.9, 0.98), "eps": 1e-3}
    optimizers = [
        torch.optim.Adam([parameters[name] for name in sorted(theirs)], **settings)
        for parameters in (ours, theirs)
    ]
    for update in range(1, num_updates + 1):
        for optimizer in optimizers:
            optimizer.zero_grad()
        output, reference = pair.run_ours(), pair.run_theirs()
        (output.frame_sum / output.counts.num_masked).backward()
        (reference["losses"]["AUDIO_regression"].sum() / reference["sample_size"]).backward()
        for optimizer in optimizers:
            optimizer.step()
        pair.ours.update_teacher(update)
        pair.theirs.set_num_updates(update)
    expected = pair.theirs.ema.fp32_params
    averages = to_fairseq(pair.ours.state_dict(), pair.ours.config)["_ema"]
    assert averages.keys() == expected.keys()
    return max(float((value - expected[name]).abs().max()) for name, value in averages.items())


@pytest.mark.parametrize("num_tokens", [0, 10])
def test_small_model_has_fairseqs_frame_loss_and_gradients(num_tokens: int) -> None:
    pair = make_pair(OUR_SMALL, fairseq_data2vec2.SMALL_SIZES, num_tokens=num_tokens)
    assert_frame_loss_and_gradients_match(pair)


@pytest.mark.parametrize(
    ("start", "end", "anneal_updates"), [(0.999, 0.99999, 20_000), (0.9, 0.95, 2)]
)
def test_small_models_teacher_equals_fairseqs_after_three_updates(
    start: float, end: float, anneal_updates: int
) -> None:
    annealing = {"ema_decay": start, "ema_end_decay": end, "ema_anneal_end_step": anneal_updates}
    config = replace(OUR_SMALL, **annealing)
    pair = make_pair(config, fairseq_data2vec2.SMALL_SIZES, num_tokens=0, **annealing)
    before = {name: value.clone() for name, value in pair.ours.teacher.state_dict().items()}
    difference = teacher_difference_after_updates(pair, 3)
    logger.info("largest difference of the teachers: %.1e", difference)
    assert difference < 1e-6
    after = pair.ours.teacher.state_dict()
    assert max(float((after[name] - before[name]).abs().max()) for name in before) > 1e-6


def test_released_utterance_loss_is_fairseqs_cls_loss_with_one_token() -> None:
    """The last token against the mean of the frame targets, the terms of a batch added up."""
    config = replace(
        OUR_SMALL,
        utterance_method="token",
        utterance_target_norm="none",
        frame_target_norm="none",
        utterance_loss_reduction="sum",
    )
    raw = {"instance_norm_target_layer": False, "cls_loss": 1.0}
    pair = make_pair(config, fairseq_data2vec2.SMALL_SIZES, num_tokens=3, **raw)
    output, reference = pair.run_ours(), pair.run_theirs()
    expected = sum(term.sum() for term in reference["losses"].values())
    combined = pair.ours.combine(output)
    assert combined.item() == pytest.approx(expected.item(), rel=1e-5)
    (combined / output.counts.num_masked).backward()
    (expected / reference["sample_size"]).backward()
    assert_gradients_match(pair)


@pytest.mark.parametrize("num_tokens", [0, 10])
def test_extracted_features_are_fairseqs(num_tokens: int) -> None:
    pair = make_pair(OUR_SMALL, fairseq_data2vec2.SMALL_SIZES, num_tokens=num_tokens)
    pair.ours.eval()
    pair.theirs.eval()
    waveform_BS = pair.batch.waveform_BS
    with torch.no_grad():
        expected = pair.theirs.extract_features(waveform_BS, mask=False, remove_extra_tokens=False)
    features = pair.ours.student.extract(waveform_BS)
    ours = torch.cat([features.tokens[-1], features.layers[-1]], dim=1)
    torch.testing.assert_close(ours, expected["x"], rtol=1e-4, atol=1e-5)


def test_oracle_itself_has_fairseqs_losses() -> None:
    """The slow forward that the other tests trust, against fairseq, in float64."""
    sizes = {**fairseq_data2vec2.SMALL_SIZES, "modalities.audio.mask_noise_std": 0.0}
    pair = make_pair(
        OUR_SMALL,
        sizes,
        num_tokens=3,
        batch=(2, 5000),
        instance_norm_target_layer=False,
        cls_loss=1.0,
    )
    settings = replace(
        oracle_settings(pair.ours.config),
        method="token",
        target_norm="none",
        utterance_target_norm="none",
    )
    student, teacher = (
        OracleModel({name: value.detach().double() for name, value in state.items()}, settings)
        for state in (pair.their_parameters(), pair.theirs.ema.fp32_params)
    )
    losses = pretraining_losses(
        student, teacher, list(pair.batch.waveform_BS.double()), list(pair.batch.masked_BCT)
    )
    reference = pair.run_theirs()
    frame = reference["losses"]["AUDIO_regression"].sum().item()
    utterance = (reference["losses"]["cls"].sum() / reference["sample_size"]).item()
    assert losses.frame_sum.item() == pytest.approx(frame, rel=1e-5)
    assert losses.utterance_sum.item() == pytest.approx(utterance, rel=1e-5)


@pytest.mark.slow
def test_base_model_equals_fairseqs_in_loss_gradients_and_teacher() -> None:
    pair = make_pair(OUR_BASE, {}, num_tokens=0, batch=(1, 8000))
    assert_frame_loss_and_gradients_match(pair)
    difference = teacher_difference_after_updates(pair, 3)
    logger.info("largest difference of the teachers: %.1e", difference)
    assert difference < 1e-6
