"""Padding never matters: not for features, losses or gradients, whatever padded samples hold."""

import pytest
import torch

from emotion2vec.model.config import BACKBONES
from emotion2vec.model.factory import build_encoder
from tests.model.builders import alone, make_batch, pick, tiny_config, tiny_model

LENGTHS = (6400, 4000, 2500)


@pytest.fixture(params=BACKBONES)
def backbone(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("num_tokens", [0, 3])
def test_features_of_a_clip_do_not_depend_on_its_batch(backbone: str, num_tokens: int) -> None:
    torch.manual_seed(0)
    method = "chunk" if num_tokens else "global"
    config = tiny_config(
        backbone=backbone, num_utterance_tokens=num_tokens, utterance_method=method, embed_dim=32
    )
    encoder = build_encoder(config).eval()
    batch = make_batch(LENGTHS)
    together = encoder.extract(batch.waveform_BS.float(), batch.padding_BS)
    assert together.padding_BT is not None
    for b in range(len(LENGTHS)):
        single = encoder.extract(alone(batch, b).waveform_BS.float())
        valid_T = ~together.padding_BT[b]
        for layer, expected in zip(together.layers, single.layers, strict=True):
            assert (layer[b, valid_T] - expected[0]).abs().max() < 1e-5
        for tokens, expected in zip(together.tokens, single.tokens, strict=True):
            torch.testing.assert_close(tokens[b], expected[0], atol=1e-5, rtol=0)


def test_number_of_valid_frames_is_that_of_the_clip_alone(backbone: str) -> None:
    encoder = tiny_model(backbone=backbone).student
    for length in range(400, 1700, 37):
        batch = make_batch((2000, length))
        padding_BT = encoder.extract(batch.waveform_BS, batch.padding_BS).padding_BT
        assert padding_BT is not None
        expected = encoder.extract(alone(batch, 1).waveform_BS).layers[0].size(1)
        assert int((~padding_BT[1]).sum()) == expected


@pytest.mark.parametrize("fill", [3.0, -1e4])
def test_features_do_not_depend_on_what_padded_samples_hold(backbone: str, fill: float) -> None:
    model = tiny_model(backbone=backbone).eval()
    clean, spoilt = (
        model.student.extract(batch.waveform_BS, batch.padding_BS)
        for batch in (make_batch(LENGTHS), make_batch(LENGTHS, fill=fill))
    )
    assert clean.padding_BT is not None
    for layer, expected in zip(spoilt.layers, clean.layers, strict=True):
        torch.testing.assert_close(layer[~clean.padding_BT], expected[~clean.padding_BT])


@pytest.mark.parametrize("method", ["chunk", "token", "global"])
@pytest.mark.parametrize("norm", ["layer", "instance", "none"])
def test_losses_do_not_depend_on_what_padded_samples_hold(
    backbone: str, method: str, norm: str
) -> None:
    model = tiny_model(
        backbone=backbone,
        utterance_method=method,
        utterance_target_norm=norm,
        frame_target_norm=norm,
    )
    clean, spoilt = model(make_batch(LENGTHS)), model(make_batch(LENGTHS, fill=50.0))
    torch.testing.assert_close(spoilt.frame_sum, clean.frame_sum)
    torch.testing.assert_close(spoilt.utterance_sum, clean.utterance_sum, rtol=1e-6, atol=1e-20)


def test_gradients_do_not_depend_on_what_padded_samples_hold(backbone: str) -> None:
    gradients = []
    for fill in (0.0, 50.0):
        model = tiny_model(backbone=backbone)
        model.combine(model(make_batch(LENGTHS, fill=fill))).backward()
        gradients.append([p.grad for p in model.parameters() if p.grad is not None])
    for clean, spoilt in zip(*gradients, strict=True):
        torch.testing.assert_close(spoilt, clean)


def test_losses_of_a_padded_batch_are_the_sums_of_its_utterances_alone(backbone: str) -> None:
    model = tiny_model(backbone=backbone)
    batch = make_batch(LENGTHS)
    together = model(batch)
    singles = [model(alone(batch, b)) for b in range(len(LENGTHS))]
    torch.testing.assert_close(together.frame_sum, sum(s.frame_sum for s in singles))
    torch.testing.assert_close(together.utterance_sum, sum(s.utterance_sum for s in singles))


def test_padding_mask_without_padding_changes_nothing(backbone: str) -> None:
    model = tiny_model(backbone=backbone)
    batch = make_batch(LENGTHS)
    row = pick(batch, slice(0, 1))
    assert row.padding_BS is not None
    assert not row.padding_BS.any()
    torch.testing.assert_close(model(row).frame_sum, model(alone(batch, 0)).frame_sum)
