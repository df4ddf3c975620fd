"""The whole pre-training forward against the oracle that handles one utterance and clone at a time."""

import pytest
import torch

from emotion2vec.model.config import BACKBONES
from emotion2vec.model.emotion2vec import Emotion2VecPretraining, PretrainOutput
from emotion2vec.model.key_map import to_fairseq
from emotion2vec.structs import PretrainBatch
from tests.model.builders import alone, make_batch, oracle_pair, tiny_model
from tests.oracles.formulas import combined_loss
from tests.oracles.pretraining_forward import OracleLosses, OracleModel, pretraining_losses

UNPADDED = (6400, 6400)
PADDED = (6400, 4200)
CASES = [
    ({"utterance_method": "chunk", "utterance_target_norm": "layer"}, UNPADDED),
    ({"utterance_method": "chunk", "utterance_target_norm": "layer"}, PADDED),
    ({"utterance_method": "token", "utterance_target_norm": "none"}, UNPADDED),
    ({"utterance_method": "token", "num_utterance_tokens": 1}, PADDED),
    ({"utterance_method": "global", "num_utterance_tokens": 0}, UNPADDED),
    ({"utterance_method": "global", "num_utterance_tokens": 0}, PADDED),
    ({"utterance_target_norm": "instance", "average_top_k_layers": 1}, UNPADDED),
    ({"frame_target_norm": "layer", "utterance_target_norm": "none"}, PADDED),
    ({"frame_target_norm": "none", "prenet_depth": 0, "depth": 3}, UNPADDED),
    ({"backbone": "data2vec", "utterance_method": "chunk"}, UNPADDED),
    ({"backbone": "data2vec", "utterance_method": "chunk"}, PADDED),
    ({"backbone": "data2vec", "utterance_method": "token", "prenet_depth": 0, "depth": 3}, PADDED),
    ({"backbone": "data2vec", "utterance_method": "global", "num_utterance_tokens": 0}, UNPADDED),
    ({"backbone": "data2vec", "utterance_method": "global", "num_utterance_tokens": 0}, PADDED),
    ({"backbone": "data2vec", "utterance_method": "global"}, PADDED),
]


def run_oracle(
    model: Emotion2VecPretraining, batch: PretrainBatch
) -> tuple[OracleModel, OracleLosses]:
    student, teacher = oracle_pair(model)
    utterances = [alone(batch, b) for b in range(batch.waveform_BS.size(0))]
    waveforms = [utterance.waveform_BS[0] for utterance in utterances]
    masks = [utterance.masked_BCT[0] for utterance in utterances]
    return student, pretraining_losses(student, teacher, waveforms, masks)


def backward(model: Emotion2VecPretraining, output: PretrainOutput) -> dict[str, torch.Tensor]:
    """Differentiate Eq. 9; return gradients under fairseq's names."""
    (model.combine(output) / output.counts.num_masked).backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return to_fairseq(gradients, model.config)["model"]


@pytest.mark.parametrize(("overrides", "lengths"), CASES)
def test_losses_and_gradients_equal_the_oracle(
    overrides: dict[str, object], lengths: tuple[int, ...]
) -> None:
    model = tiny_model(**overrides)
    batch = make_batch(lengths)
    output = model(batch)
    oracle, expected = run_oracle(model, batch)

    assert output.counts.num_masked == expected.num_masked
    assert output.counts.num_rows == expected.num_rows
    torch.testing.assert_close(output.frame_sum, expected.frame_sum, rtol=1e-10, atol=0)
    torch.testing.assert_close(output.utterance_sum, expected.utterance_sum, rtol=1e-9, atol=1e-20)

    combined_loss(
        expected.frame_sum,
        expected.utterance_sum,
        num_masked=expected.num_masked,
        num_rows=expected.num_rows,
        alpha=1.0,
    ).backward()
    gradients = backward(model, output)
    assert gradients.keys() == {
        name for name, value in oracle.state.items() if value.grad is not None
    }
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, oracle.state[name].grad, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_features_of_every_layer_equal_the_oracle(backbone: str) -> None:
    model = tiny_model(backbone=backbone).eval()
    batch = make_batch((3200,))
    features = model.student.extract(batch.waveform_BS)
    oracle, _ = oracle_pair(model)
    with torch.no_grad():
        frames_TD = oracle.local_features(batch.waveform_BS[0])
        _, _, layers = oracle.encode(frames_TD, torch.zeros(len(frames_TD), dtype=torch.bool))
    assert len(features.layers) == len(features.tokens) == len(layers) == 4
    for tokens_BUD, frames_BTD, expected_ND in zip(
        features.tokens, features.layers, layers, strict=True
    ):
        torch.testing.assert_close(torch.cat([tokens_BUD, frames_BTD], dim=1)[0], expected_ND)


def test_frame_loss_without_tokens_and_without_utterance_loss_is_finite() -> None:
    model = tiny_model(num_utterance_tokens=0, utterance_loss_weight=0.0)
    output = model(make_batch(UNPADDED))
    loss = model.combine(output) / output.counts.num_masked
    torch.testing.assert_close(loss, output.frame_sum / output.counts.num_masked)
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


def test_alpha_zero_gives_the_gradient_of_the_frame_loss_alone() -> None:
    model = tiny_model(utterance_loss_weight=0.0)
    output = model(make_batch(UNPADDED))
    gradients = backward(model, output)
    oracle, expected = run_oracle(model, make_batch(UNPADDED))
    (expected.frame_sum / expected.num_masked).backward()
    for name, gradient in gradients.items():
        expected_gradient = oracle.state[name].grad
        if expected_gradient is not None:
            torch.testing.assert_close(gradient, expected_gradient, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_no_gradient_reaches_the_teacher(backbone: str) -> None:
    model = tiny_model(backbone=backbone)
    output = model(make_batch(UNPADDED))
    model.combine(output).backward()
    assert all(parameter.grad is None for parameter in model.teacher.parameters())
    assert not any(parameter.requires_grad for parameter in model.teacher.parameters())


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_trained_parameter_gets_a_gradient(backbone: str) -> None:
    model = tiny_model(backbone=backbone)
    output = model(make_batch(UNPADDED))
    model.combine(output).backward()
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert without == []


def test_teacher_stays_in_eval_mode_while_the_student_trains() -> None:
    model = tiny_model(encoder_dropout=0.5, prenet_dropout=0.5, layerdrop=0.5)
    model.train()
    assert model.student.training
    assert not any(module.training for module in model.teacher.modules())


@pytest.mark.parametrize("backbone", BACKBONES)
def test_clones_of_one_utterance_share_their_targets_but_not_their_masks(backbone: str) -> None:
    model = tiny_model(backbone=backbone)
    batch = make_batch((6400,))
    both = model(batch)
    singles = [
        model(PretrainBatch(batch.waveform_BS, None, batch.masked_BCT[:, c : c + 1]))
        for c in range(2)
    ]
    torch.testing.assert_close(both.frame_sum, sum(single.frame_sum for single in singles))
    torch.testing.assert_close(both.utterance_sum, sum(s.utterance_sum for s in singles))
    assert singles[0].frame_sum.item() != singles[1].frame_sum.item()
