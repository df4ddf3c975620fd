"""The data2vec backbone: Table 2's count, and the public checkpoint's names and shapes through the key map."""

import functools

import pytest
import torch

from emotion2vec.model.config import ModelConfig
from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.factory import build_pretraining_model
from emotion2vec.model.key_map import to_fairseq
from tests.helpers.shared_data import require_shared
from tests.model.test_parameters import Shapes, affine, count, read_key_table

WIDTH, CONV = 768, 512


@functools.cache
def base_model(num_tokens: int) -> Emotion2VecPretraining:
    method = "chunk" if num_tokens else "global"
    config = ModelConfig(
        backbone="data2vec", prenet_depth=0, depth=12, num_utterance_tokens=num_tokens,
        utterance_method=method,
    )  # fmt: skip
    with torch.device("meta"):
        return build_pretraining_model(config)


def transformer_shapes(stem: str) -> Shapes:
    """What student and teacher both have."""
    shapes = affine(f"{stem}layer_norm", WIDTH)
    for i in range(5):
        shapes |= affine(f"{stem}pos_conv.{i}.0", WIDTH, WIDTH // 16, 95 // 5)
    for i in range(12):
        name = f"{stem}layers.{i}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= affine(f"{name}.self_attn.{part}", WIDTH, WIDTH)
        shapes |= affine(f"{name}.self_attn_layer_norm", WIDTH)
        shapes |= affine(f"{name}.fc1", 4 * WIDTH, WIDTH)
        shapes |= affine(f"{name}.fc2", WIDTH, 4 * WIDTH)
        shapes |= affine(f"{name}.final_layer_norm", WIDTH)
    return shapes


def student_shapes() -> Shapes:
    shapes: Shapes = {"mask_emb": (WIDTH,), **transformer_shapes("encoder.")}
    for i, kernel in enumerate((10, 3, 3, 3, 3, 2, 2)):
        shapes[f"feature_extractor.conv_layers.{i}.0.weight"] = (CONV, CONV if i else 1, kernel)
        shapes |= affine(f"feature_extractor.conv_layers.{i}.2.1", CONV)
    shapes |= affine("layer_norm", CONV) | affine("post_extract_proj", WIDTH, CONV)
    return shapes | affine("final_proj", WIDTH, WIDTH)


def our_shapes(num_tokens: int) -> dict[str, Shapes]:
    model = base_model(num_tokens)
    return {
        section: {name: tuple(value.shape) for name, value in tensors.items()}
        for section, tensors in to_fairseq(model.state_dict(), model.config).items()
    }


def test_base_model_has_the_parameters_of_table_2() -> None:
    model = base_model(0)
    assert count(model.student) + count(model.decoder) == 93_754_880
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 93_754_880


def test_ten_tokens_add_their_vectors_only() -> None:
    model = base_model(10)
    assert count(model.student) + count(model.decoder) == 93_754_880 + 10 * WIDTH


def test_mask_embedding_and_head_belong_to_the_decoder_and_not_to_what_users_keep() -> None:
    model = base_model(0)
    assert count(model.decoder) == WIDTH + WIDTH * WIDTH + WIDTH
    names = {name for name, _ in model.decoder.named_parameters()}
    assert names == {"mask_embedding", "proj.weight", "proj.bias"}


def test_student_has_the_names_and_shapes_that_the_architecture_gives() -> None:
    assert our_shapes(0)["model"] == student_shapes()


def test_teacher_has_positions_norm_and_layers_and_nothing_else() -> None:
    assert our_shapes(0)["_ema"] == transformer_shapes("")


def test_utterance_tokens_are_the_only_names_that_data2vec_does_not_have() -> None:
    tokens = {"extra_tokens": (1, 10, WIDTH)}
    assert our_shapes(10) == {
        "model": student_shapes() | tokens,
        "_ema": transformer_shapes("") | tokens,
    }


@pytest.mark.shared_data
def test_every_tensor_of_the_public_checkpoint_is_reached_through_the_key_map() -> None:
    assert our_shapes(0) == read_key_table(require_shared("reference/data2vec_audio_base.keys.tsv"))
