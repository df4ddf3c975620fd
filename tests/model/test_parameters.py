"""Parameter counts of Table 2, and the public checkpoint's names and shapes through the key map."""

import functools
from pathlib import Path

import pytest
import torch

from emotion2vec.model.config import BACKBONES, ModelConfig
from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.factory import build_pretraining_model
from emotion2vec.model.key_map import from_fairseq, to_fairseq
from tests.helpers.shared_data import require_shared
from tests.model.builders import tiny_config, tiny_model

Shapes = dict[str, tuple[int, ...]]
AUDIO = "modality_encoders.AUDIO"
WIDTH, CONV, HEADS, TOKENS, DECODER = 768, 512, 12, 10, 384


@functools.cache
def base_model(num_tokens: int) -> Emotion2VecPretraining:
    method = "chunk" if num_tokens else "global"
    config = ModelConfig(num_utterance_tokens=num_tokens, utterance_method=method)
    with torch.device("meta"):
        return build_pretraining_model(config)


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def affine(name: str, *weight: int) -> Shapes:
    """A weight and its bias: of a linear layer, a convolution or a norm."""
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}


def block_shapes(name: str) -> Shapes:
    return {
        **affine(f"{name}.norm1", WIDTH),
        **affine(f"{name}.attn.qkv", 3 * WIDTH, WIDTH),
        **affine(f"{name}.attn.proj", WIDTH, WIDTH),
        **affine(f"{name}.norm2", WIDTH),
        **affine(f"{name}.mlp.fc1", 4 * WIDTH, WIDTH),
        **affine(f"{name}.mlp.fc2", WIDTH, 4 * WIDTH),
    }


def backbone_shapes() -> Shapes:
    """What student and teacher both have."""
    shapes: Shapes = {
        f"{AUDIO}.extra_tokens": (1, TOKENS, WIDTH),
        f"{AUDIO}.alibi_scale": (1, 1, HEADS, 1, 1),
        **affine(f"{AUDIO}.context_encoder.norm", WIDTH),
    }
    for i in range(1, 6):
        shapes |= affine(f"{AUDIO}.relative_positional_encoder.{i}.0", WIDTH, WIDTH // 16, 95 // 5)
    for i in range(4):
        shapes |= block_shapes(f"{AUDIO}.context_encoder.blocks.{i}")
    for i in range(8):
        shapes |= block_shapes(f"blocks.{i}")
    return shapes


def student_shapes() -> Shapes:
    shapes = backbone_shapes()
    for i, kernel in enumerate((10, 3, 3, 3, 3, 2, 2)):
        name = f"{AUDIO}.local_encoder.conv_layers.{i}"
        shapes[f"{name}.0.weight"] = (CONV, CONV if i else 1, kernel)
        shapes |= affine(f"{name}.2.1", CONV)
    shapes |= affine(f"{AUDIO}.project_features.1", CONV)
    shapes |= affine(f"{AUDIO}.project_features.2", WIDTH, CONV)
    for i in range(4):
        width = DECODER if i else WIDTH
        shapes |= affine(f"{AUDIO}.decoder.blocks.{i}.0", DECODER, width // 16, 7)
    return shapes | affine(f"{AUDIO}.decoder.proj", WIDTH, DECODER)


def our_shapes() -> dict[str, Shapes]:
    model = base_model(TOKENS)
    sections = to_fairseq(model.state_dict(), model.config)
    return {
        section: {name: tuple(value.shape) for name, value in tensors.items()}
        for section, tensors in sections.items()
    }


@pytest.mark.parametrize(
    ("num_tokens", "with_decoder", "without_decoder"),
    [(0, 93_783_308, 93_163_532), (10, 93_790_988, 93_171_212)],
)
def test_base_model_has_the_parameters_of_table_2(
    num_tokens: int, with_decoder: int, without_decoder: int
) -> None:
    model = base_model(num_tokens)
    assert count(model.student) + count(model.decoder) == with_decoder
    assert count(model.student) == without_decoder


def test_only_parameters_outside_the_teacher_are_trained() -> None:
    model = base_model(10)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == 93_790_988


def test_student_has_the_names_and_shapes_that_the_architecture_gives() -> None:
    assert our_shapes()["model"] == student_shapes()


def test_teacher_has_the_backbone_and_neither_feature_extractor_nor_decoder() -> None:
    assert our_shapes()["_ema"] == backbone_shapes()


@pytest.mark.shared_data
def test_every_tensor_of_the_public_checkpoint_is_reached_through_the_key_map() -> None:
    table = require_shared("reference/emotion2vec_base.keys.tsv")
    assert our_shapes() == read_key_table(table)


def read_key_table(table: Path) -> dict[str, Shapes]:
    sections: dict[str, Shapes] = {}
    for line in table.read_text().splitlines():
        section, name, shape, _ = line.split("\t")
        sizes = tuple(int(size) for size in shape.strip("()").split(",") if size.strip())
        sections.setdefault(section, {})[name] = sizes
    return sections


@pytest.mark.parametrize("backbone", BACKBONES)
def test_key_map_loses_nothing_on_the_way_there_and_back(backbone: str) -> None:
    model = tiny_model(backbone=backbone)
    state = model.state_dict()
    sections = to_fairseq(state, model.config)
    back = from_fairseq(sections, model.config)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)
    num_values = sum(v.numel() for tensors in sections.values() for v in tensors.values())
    assert num_values == sum(value.numel() for value in state.values())


@pytest.mark.parametrize("backbone", BACKBONES)
def test_key_map_leaves_out_what_it_does_not_know(backbone: str) -> None:
    model = tiny_model(backbone=backbone)
    sections = to_fairseq(model.state_dict(), model.config)
    sections["model"]["recon_proj.weight"] = torch.zeros(1)
    sections["model"]["blocks.99.norm1.weight"] = torch.zeros(1)
    sections["model"]["encoder.layers.99.self_attn.q_proj.weight"] = torch.zeros(1)
    sections["_ema"]["final_proj.weight"] = torch.zeros(1)
    sections["_ema"][f"{AUDIO}.decoder.proj.weight"] = torch.zeros(1)
    assert from_fairseq(sections, model.config).keys() == model.state_dict().keys()


def test_key_map_gives_what_a_checkpoint_without_teacher_and_tokens_has() -> None:
    config = tiny_config(num_utterance_tokens=0, utterance_method="global")
    model = build_pretraining_model(config)
    sections = to_fairseq(model.state_dict(), config)
    found = from_fairseq({"model": sections["model"]}, tiny_config())
    wanted = {name for name in model.state_dict() if not name.startswith("teacher.")}
    assert found.keys() == wanted


def test_key_map_refuses_a_tensor_that_fairseq_does_not_have() -> None:
    with pytest.raises(KeyError, match="no fairseq name for 'student.context.unknown'"):
        to_fairseq({"student.context.unknown": torch.zeros(1)}, tiny_config())


def test_key_map_leaves_out_an_attention_projection_of_which_a_part_is_missing() -> None:
    model = tiny_model(backbone="data2vec")
    sections = to_fairseq(model.state_dict(), model.config)
    del sections["model"]["encoder.layers.0.self_attn.k_proj.weight"]
    found = from_fairseq(sections, model.config)
    assert model.state_dict().keys() - found.keys() == {"student.context.layers.0.attn.qkv.weight"}
