"""Every fast path against the plain one: same value and gradient in float64; checkpoints bit by bit."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from emotion2vec.errors import ConfigError
from emotion2vec.model.blockwise import KeptPositions, blockwise_attention
from emotion2vec.model.channels_last import strided_conv, use_channels_last
from emotion2vec.model.config import ModelConfig
from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.factory import build_encoder, build_pretraining_model
from emotion2vec.model.frontend import ConvFrontend
from emotion2vec.model.positions import AlibiBias
from emotion2vec.structs import PretrainBatch, num_frames, padding_from_lengths
from tests.model.helpers import assert_same_value_and_gradient, seeded

SMALL = ModelConfig(
    conv_dim=8, embed_dim=16, num_heads=4, prenet_depth=1, depth=2, clone_batch=2, decoder_dim=16,
    decoder_layers=3, conv_pos_groups=4, decoder_groups=4, average_top_k_layers=2, num_utterance_tokens=3,
)  # fmt: skip
QUIET = {
    "encoder_dropout": 0.0, "attention_dropout": 0.0, "post_mlp_drop": 0.0, "prenet_dropout": 0.0, "layerdrop": 0.0,
    "prenet_layerdrop": 0.0, "decoder_input_dropout": 0.0,
}  # fmt: skip
DATA2VEC = {"backbone": "data2vec", "mask_rule": "spans", "ema_decay": 0.999}
NO_TOKENS = {"num_utterance_tokens": 0, "utterance_method": "global"}
LENGTHS = (9000, 6500)


def make_batch(*, padded: bool, clones: int = 2) -> PretrainBatch:
    samples = max(LENGTHS)
    frames = [num_frames(length) for length in (LENGTHS if padded else (samples,) * 2)]
    masked_BCT = torch.zeros(2, clones, max(frames), dtype=torch.bool)
    generator = torch.Generator().manual_seed(3)
    for utterance, valid in enumerate(frames):
        for clone in range(clones):
            masked_BCT[utterance, clone, torch.randperm(valid, generator=generator)[:8]] = True
    padding_BS = padding_from_lengths(torch.tensor(LENGTHS), samples) if padded else None
    waveform_BS = seeded(2, samples)
    if padding_BS is not None:
        waveform_BS = waveform_BS.masked_fill(padding_BS, 0.0)
    return PretrainBatch(waveform_BS, padding_BS, masked_BCT)


def make_model(config: ModelConfig) -> Emotion2VecPretraining:
    torch.manual_seed(0)
    model = build_pretraining_model(config).double().train()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("alibi.scale"):  # heads that differ, one of them clamped
                parameter.copy_(torch.tensor([1.5, 0.5, -0.2, 1.0]).view_as(parameter))
    return model


def losses_and_gradients(config: ModelConfig, batch: PretrainBatch) -> dict[str, Tensor]:
    model = make_model(config)
    torch.manual_seed(1)
    output = model(batch)
    (model.combine(output) / output.counts.num_masked).backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert gradients
    return {"frame": output.frame_sum, "utterance": output.utterance_sum, **gradients}


def assert_models_agree(
    plain: ModelConfig, fast: ModelConfig, batch: PretrainBatch, *, exactly: bool = False
) -> dict[str, Tensor]:
    expected, got = (losses_and_gradients(config, batch) for config in (plain, fast))
    assert got.keys() == expected.keys()
    tolerance: dict[str, Any] = {"rtol": 0, "atol": 0} if exactly else {"rtol": 1e-8, "atol": 1e-10}
    for name, value in expected.items():
        torch.testing.assert_close(
            got[name], value, **tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )
    return got


@pytest.mark.parametrize(("kernel", "stride"), [(10, 5), (3, 2), (2, 2), (4, 2), (1, 1)])
def test_a_strided_convolution_on_views_equals_torchs(kernel: int, stride: int) -> None:
    weight = seeded(6, 5, kernel, seed=1)

    def plain(frames_NC: Tensor, weight_OCK: Tensor) -> Tensor:
        filled = torch.cat([frames_NC, frames_NC.new_zeros(kernel - stride, 5)])
        return nn.functional.conv1d(filled.t(), weight_OCK, stride=stride).t()

    assert_same_value_and_gradient(
        lambda x, w: strided_conv(x, w, stride=stride), plain, [seeded(stride * 7, 5), weight]
    )


@pytest.mark.parametrize("samples", [400, 401, 719, 720, 3200, 3519, 4000])
def test_the_channels_last_frontend_equals_the_plain_one_for_every_remainder_of_samples(
    samples: int,
) -> None:
    torch.manual_seed(0)
    frontend = ConvFrontend(conv_dim=8, embed_dim=16, convolutions="plain").double()
    for parameter in frontend.parameters():
        nn.init.normal_(parameter, std=0.5)

    def run(convolutions: str) -> Any:
        def function(waveform_BS: Tensor) -> Tensor:
            frontend.convolutions = convolutions
            return frontend(waveform_BS)

        return function

    assert_same_value_and_gradient(run("channels_last"), run("plain"), [seeded(3, samples)])


def test_too_few_samples_are_refused_on_both_paths() -> None:
    for convolutions in ("plain", "channels_last"):
        frontend = ConvFrontend(conv_dim=8, embed_dim=16, convolutions=convolutions)
        with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input"):
            frontend(torch.zeros(1, 399))


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("backbone", [{}, DATA2VEC])
def test_channels_last_convolutions_give_the_plain_losses_and_gradients(
    padded: bool, backbone: dict[str, Any]
) -> None:
    plain = replace(SMALL, convolutions="plain", **QUIET, **backbone)
    fast = replace(plain, convolutions="channels_last")
    assert_models_agree(plain, fast, make_batch(padded=padded))


def test_channels_last_positions_and_decoder_take_even_kernels() -> None:
    plain = replace(SMALL, convolutions="plain", conv_pos_width=20, decoder_kernel=6, **QUIET)
    assert plain.conv_pos_width // plain.conv_pos_depth == 4
    assert_models_agree(
        plain, replace(plain, convolutions="channels_last"), make_batch(padded=True)
    )


def test_channels_last_in_float32_differs_by_rounding_only() -> None:
    torch.manual_seed(0)
    frontend = ConvFrontend(conv_dim=64, embed_dim=32, convolutions="plain")
    waveform_BS = seeded(2, 16000).float()
    expected = frontend(waveform_BS)
    frontend.convolutions = "channels_last"
    assert (frontend(waveform_BS) - expected).abs().max() < 1e-5


def test_bfloat16_autocast_reaches_the_channels_last_products() -> None:
    frames_NC, weight = seeded(20, 4).float(), seeded(6, 4, 3).float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = strided_conv(frames_NC, weight, stride=2)
    output.sum().backward()
    assert output.dtype == torch.bfloat16
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_auto_is_channels_last_on_a_cpu_and_plain_while_an_exporter_traces() -> None:
    seen = []

    def function(frames: Tensor) -> Tensor:
        seen.append(use_channels_last("auto", frames))
        return frames * 2

    function(torch.zeros(2))
    torch.jit.trace(function, torch.zeros(2))
    assert seen[:2] == [True, False]
    assert not use_channels_last("auto", torch.zeros(2, device="meta"))
    assert use_channels_last("channels_last", torch.zeros(2, device="meta"))


def alibi_oracle(
    query: Tensor, key: Tensor, value: Tensor, kept: KeptPositions, factor: Tensor | None = None
) -> Tensor:
    """Loop over rows and heads: softmax of scores, one query at a time."""
    rows, heads, length, width = query.shape
    output = torch.zeros_like(value)
    for row in range(rows):
        positions = kept.positions_RN[min(row, kept.positions_RN.size(0) - 1)]
        for head in range(heads):
            for i in range(length):
                scores = []
                for j in range(length):
                    frames = min(i, j) >= kept.num_tokens
                    distance = abs(int(positions[i]) - int(positions[j])) if frames else 0
                    score = query[row, head, i] @ key[row, head, j] / width**0.5
                    scores.append(score - kept.scaled_H[head] * distance)
                weights = torch.stack(scores)
                if kept.padding_RN is not None:
                    weights = weights.masked_fill(kept.padding_RN[row], float("-inf"))
                weights = weights.softmax(0)
                if factor is not None:
                    weights = weights * factor[row, head, i]
                output[row, head, i] = weights @ value[row, head]
    return output


def kept_positions(scaled_H: Tensor, *, tokens: int, padded: bool, shared: bool) -> KeptPositions:
    places = torch.tensor([[0, 2, 3, 7], [1, 2, 5, 9], [0, 1, 2, 3]])[: 1 if shared else 3]
    padding = padding_from_lengths(torch.tensor([4, 3, 2]), 4) if padded else None
    return KeptPositions(
        scaled_H,
        nn.functional.pad(places, (tokens, 0)),
        tokens,
        None if padding is None else nn.functional.pad(padding, (tokens, 0)),
    )


@pytest.mark.parametrize("block_elements", [1, 2 * 6 * 4, 2 * 6 * 6 * 2, 2**20])
@pytest.mark.parametrize("tokens", [0, 2])
@pytest.mark.parametrize(("padded", "shared"), [(False, False), (True, False), (False, True)])
def test_blockwise_attention_equals_a_loop_with_gradient_of_the_scale(
    block_elements: int, tokens: int, padded: bool, shared: bool
) -> None:
    inputs = [seeded(3, 2, 4 + tokens, 5, seed=seed) for seed in range(3)]

    def kept(scaled_H: Tensor) -> KeptPositions:
        return kept_positions(scaled_H, tokens=tokens, padded=padded, shared=shared)

    assert_same_value_and_gradient(
        lambda q, k, v, s: blockwise_attention(
            q, k, v, kept(s), dropout=0.0, block_elements=block_elements
        ),
        lambda q, k, v, s: alibi_oracle(q, k, v, kept(s)),
        [*inputs, torch.tensor([0.7, 0.1], dtype=torch.float64)],
    )


def test_blockwise_dropout_has_the_gradient_of_the_mask_that_the_forward_pass_drew() -> None:
    inputs = [seeded(3, 2, 6, 5, seed=seed) for seed in range(3)]
    inputs.append(torch.tensor([0.7, 0.1], dtype=torch.float64))

    def function(query: Tensor, key: Tensor, value: Tensor, scaled_H: Tensor) -> Tensor:
        torch.manual_seed(5)
        kept = kept_positions(scaled_H, tokens=2, padded=True, shared=False)
        return blockwise_attention(query, key, value, kept, dropout=0.4, block_elements=24)

    leaves = [value.clone().requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(function, leaves)


def test_a_backward_pass_inside_autocast_sees_the_forward_passs_weights() -> None:
    def gradients(*, inside: bool) -> list[Tensor]:
        leaves = [seeded(3, 2, 6, 5, seed=seed).float().requires_grad_() for seed in range(3)]
        leaves.append(torch.tensor([0.7, 0.1], requires_grad=True))
        kept = kept_positions(leaves[3], tokens=2, padded=True, shared=False)
        output = blockwise_attention(*leaves[:3], kept, dropout=0.0)
        with torch.autocast("cpu", torch.bfloat16, enabled=inside):
            output.square().sum().backward()
        return [leaf.grad for leaf in leaves if leaf.grad is not None]

    for inside, outside in zip(gradients(inside=True), gradients(inside=False), strict=True):
        assert torch.equal(inside, outside)


def test_blockwise_dropout_keeps_the_share_and_the_mean() -> None:
    torch.manual_seed(0)
    query = torch.zeros(4, 2, 64, 8, dtype=torch.float64)
    kept = KeptPositions(torch.zeros(2, dtype=torch.float64), torch.zeros(1, 64), 0, None)
    value = torch.eye(64, dtype=torch.float64).expand(4, 2, 64, 64)
    weights = blockwise_attention(query, query, value, kept, dropout=0.25)
    dropped = (weights == 0).double().mean().item()
    assert dropped == pytest.approx(0.25, abs=0.01)
    assert weights.mean().item() == pytest.approx(1 / 64, rel=0.02)
    again = blockwise_attention(query, query, value, kept, dropout=0.25)
    assert not torch.equal(weights, again), "each call draws anew"


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("settings", [{}, NO_TOKENS, DATA2VEC])
def test_blockwise_models_have_the_plain_losses_and_gradients(
    padded: bool, settings: dict[str, Any]
) -> None:
    plain = replace(SMALL, attention="plain", **{**QUIET, **settings})
    fast = replace(plain, attention="blockwise")
    gradients = assert_models_agree(plain, fast, make_batch(padded=padded))
    scale = gradients.get("student.context.alibi.scale")
    assert (scale is None) == (settings is DATA2VEC)
    assert scale is None or scale.flatten().count_nonzero() == 3, "the clamped head has none"


def saved_shapes(config: ModelConfig) -> list[tuple[int, ...]]:
    """Shapes of every tensor that a training step keeps for its backward pass."""
    model, batch, shapes = make_model(config), make_batch(padded=False), []

    def pack(tensor: Tensor) -> Tensor:
        shapes.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(batch)
    return shapes


def test_blockwise_attention_keeps_no_tensor_of_attention_weights() -> None:
    frames = num_frames(max(LENGTHS)) - 8 + 3  # visible, and tokens
    squares = {
        name: [s for s in saved_shapes(replace(SMALL, attention=name)) if s[-2:] == (frames,) * 2]
        for name in ("plain", "blockwise")
    }
    assert squares["plain"]
    assert squares["blockwise"] == []


@pytest.mark.parametrize("attention", ["plain", "blockwise"])
@pytest.mark.parametrize("convolutions", ["plain", "channels_last"])
@pytest.mark.parametrize("backbone", [{}, DATA2VEC])
def test_checkpoints_change_no_bit_with_dropout_and_layer_drop(
    attention: str, convolutions: str, backbone: dict[str, Any]
) -> None:
    config = replace(
        SMALL, attention=attention, convolutions=convolutions, layerdrop=0.3, **backbone
    )
    saved = replace(config, checkpoint_layers=True)
    assert_models_agree(config, saved, make_batch(padded=True), exactly=True)


@pytest.mark.parametrize("settings", [{}, DATA2VEC])
def test_fast_paths_under_bfloat16_autocast_stay_within_its_rounding(
    settings: dict[str, Any],
) -> None:
    plain = replace(SMALL, attention="plain", convolutions="plain", **{**QUIET, **settings})
    fast = replace(plain, attention="blockwise", convolutions="channels_last")
    batch = make_batch(padded=True)
    batch = replace(batch, waveform_BS=batch.waveform_BS.float())
    results = []
    for config in (plain, fast):
        model = make_model(config).float()
        torch.manual_seed(1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = model(batch)
        model.combine(output).backward()
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        results.append((output.frame_sum.item(), torch.cat(gradients)))
    (expected, expected_gradient), (got, gradient) = results
    assert got == pytest.approx(expected, rel=0.01)
    assert torch.cosine_similarity(gradient, expected_gradient, dim=0) > 0.995


def test_checkpoints_keep_less() -> None:
    kept = [len(saved_shapes(replace(SMALL, checkpoint_layers=flag))) for flag in (False, True)]
    assert kept[1] < kept[0] / 2


def test_features_are_computed_without_checkpoints_and_blocks() -> None:
    torch.manual_seed(0)
    encoder = build_encoder(replace(SMALL, attention="blockwise", checkpoint_layers=True)).eval()
    plain = build_encoder(replace(SMALL, attention="plain")).eval()
    plain.load_state_dict(encoder.state_dict())
    waveform_BS = seeded(2, 4000).float()
    for one, other in zip(
        encoder.extract(waveform_BS).layers, plain.extract(waveform_BS).layers, strict=True
    ):
        assert torch.equal(one, other)


def test_clones_share_their_utterances_frames_bit_by_bit() -> None:
    model, batch = make_model(replace(SMALL, **QUIET)), make_batch(padded=True)
    frames_BTD = model.student.frontend(batch.waveform_BS).detach()
    masked_RT = batch.masked_BCT.flatten(0, 1)
    context = model.student.context
    results = []
    for copies in (1, 2):
        leaf = frames_BTD.clone().requires_grad_()
        hidden = context(leaf.repeat_interleave(copies, 0), masked_RT=masked_RT).hidden[-1]
        hidden.square().sum().backward()
        results.append((hidden, leaf.grad))
    (shared, shared_gradient), (copied, copied_gradient) = results
    assert torch.equal(shared, copied)
    torch.testing.assert_close(shared_gradient, copied_gradient, rtol=1e-12, atol=1e-12)


def test_scaled_slopes_follow_the_learned_scale() -> None:
    alibi = AlibiBias(4).double()
    with torch.no_grad():
        alibi.scale[0, 0, 1] = -1.0
        alibi.scale[0, 0, 2] = 3.0
    expected = [2.0**-2, 0.0, 3 * 2.0**-6, 2.0**-8]
    assert alibi.scaled_slopes().tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("field", "value"), [("attention", "flash"), ("convolutions", "fast"), ("checkpoint_layers", 1)]
)
def test_an_unknown_path_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{field} must be .*, but is {value!r}"):
        replace(SMALL, **{field: value}).validate()
