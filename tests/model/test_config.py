"""The model's config: the paper's numbers as defaults, and every problem named at once."""

from dataclasses import fields
from typing import Any

import pytest

from emotion2vec.errors import ConfigError
from emotion2vec.model.config import ModelConfig

PAPER_AND_RELEASED = {
    "backbone": "data2vec2", "mask_rule": "share",
    "conv_dim": 512, "embed_dim": 768, "num_heads": 12, "mlp_ratio": 4, "prenet_depth": 4, "depth": 8,
    "norm_eps": 1e-5, "conv_pos_width": 95, "conv_pos_depth": 5, "conv_pos_groups": 16,
    "alibi_scale": 1.0, "encoder_dropout": 0.1, "attention_dropout": 0.1, "activation_dropout": 0.0,
    "post_mlp_drop": 0.1, "prenet_dropout": 0.1, "layerdrop": 0.05, "prenet_layerdrop": 0.05,
    "clone_batch": 8, "mask_prob": 0.5, "mask_length": 5, "mask_prob_adjust": 0.05,
    "mask_noise_std": 0.01, "decoder_dim": 384, "decoder_groups": 16, "decoder_kernel": 7,
    "decoder_layers": 4, "decoder_input_dropout": 0.1, "num_utterance_tokens": 10,
    "utterance_method": "chunk", "utterance_target_norm": "layer", "frame_target_norm": "instance",
    "utterance_loss_reduction": "mean", "utterance_loss_weight": 1.0, "frame_loss_weight": 1.0,
    "average_top_k_layers": 8, "ema_decay": 0.999, "ema_end_decay": 0.99999,
    "ema_anneal_end_step": 20000, "min_target_var": 0.1, "min_pred_var": 0.01,
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), PAPER_AND_RELEASED.items())
def test_default_is_the_paper_s_or_the_released_value(name: str, value: Any) -> None:
    assert getattr(ModelConfig(), name) == value


def test_default_config_is_valid() -> None:
    assert ModelConfig.from_mapping({}) == ModelConfig()


def test_every_field_says_what_it_is() -> None:
    assert [f.name for f in fields(ModelConfig) if not f.metadata.get("help")] == []


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"utterance_method": "mean"},
            r"utterance_method must be one of .*'chunk'.* but is 'mean'",
        ),
        ({"backbone": "wavlm"}, r"backbone must be one of .*'data2vec'.* but is 'wavlm'"),
        ({"mask_rule": "all"}, r"mask_rule must be one of .*'spans'.* but is 'all'"),
        ({"utterance_target_norm": "batch"}, r"utterance_target_norm must be one of .* is 'batch'"),
        (
            {"utterance_loss_reduction": "max"},
            r"utterance_loss_reduction must be one of .* is 'max'",
        ),
        ({"mask_prob": 1.5}, r"mask_prob must be between 0 and 1, but is 1\.5"),
        ({"ema_decay": 0.0}, r"ema_decay must be between 0 and 1, but is 0\.0"),
        ({"layerdrop": 1.0}, r"layerdrop must be at least 0 and below 1, but is 1\.0"),
        ({"clone_batch": 0}, r"clone_batch must be at least 1, but is 0"),
        ({"num_heads": 7}, r"embed_dim=768 must be a multiple of num_heads=7"),
        ({"decoder_dim": 100}, r"decoder_dim=100 must be a multiple of decoder_groups=16"),
        ({"average_top_k_layers": 9}, r"average_top_k_layers must be from 1 to depth=8, but is 9"),
        ({"num_utterance_tokens": 0}, r"utterance_method=chunk needs num_utterance_tokens >= 1"),
        (
            {"frame_loss_weight": 0.0, "utterance_loss_weight": 0.0},
            r"frame_loss_weight and utterance_loss_weight are both 0: nothing to learn",
        ),
    ],
)
def test_impossible_value_is_named_with_what_is_allowed(
    overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**overrides).validate()


@pytest.mark.parametrize(
    "overrides",
    [
        {"utterance_method": "global", "num_utterance_tokens": 0},
        {"utterance_loss_weight": 0.0, "num_utterance_tokens": 0},
        {"frame_loss_weight": 0.0},
        {"utterance_method": "token", "num_utterance_tokens": 1},
        {"prenet_depth": 0},
        {"backbone": "data2vec", "prenet_depth": 0, "depth": 12, "mask_rule": "spans"},
        {"backbone": "data2vec", "decoder_groups": 7},
    ],
)
def test_settings_of_the_ablations_are_valid(overrides: dict[str, Any]) -> None:
    assert ModelConfig.from_mapping(overrides) == ModelConfig(**overrides)


def test_all_problems_are_listed_in_one_message() -> None:
    with pytest.raises(ConfigError) as caught:
        ModelConfig(mask_prob=2.0, num_heads=7, utterance_method="mean", clone_batch=0).validate()
    for name in ("mask_prob", "num_heads", "utterance_method", "clone_batch"):
        assert name in str(caught.value)


def test_mapping_is_read_without_the_keys_that_are_not_the_model_s() -> None:
    config = ModelConfig.from_mapping({"embed_dim": 384, "_name": "emotion2vec"})
    assert config.embed_dim == 384


def test_mapping_with_an_impossible_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="clone_batch must be at least 1"):
        ModelConfig.from_mapping({"clone_batch": 0})
