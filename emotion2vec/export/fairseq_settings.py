"""Our config in the words of fairseq's data2vec 2.0 and data2vec: what other programs build the model from.

In: `ModelConfig`. Out: `cfg.model` of a fairseq checkpoint, `model_conf` of a FunASR folder; plain types, every value
a number (nothing refers to other parts of a config). `model/foreign_config.py` reads them.
"""

from typing import Any

from emotion2vec.model.config import ModelConfig
from emotion2vec.structs import CONV_KERNELS, CONV_STRIDES


def data2vec2_settings(config: ModelConfig, *, has_decoder: bool) -> dict[str, Any]:
    """Return the settings of fairseq's `data2vec_multi`, without its name.

    Args:
        config: A model on data2vec 2.0.
        has_decoder: The decoder's weights are in the file.
    """
    return {
        "loss_beta": 0.0,
        "loss_scale": None,
        "depth": config.depth,
        "start_drop_path_rate": 0.0,
        "end_drop_path_rate": 0.0,
        "num_heads": config.num_heads,
        "norm_eps": config.norm_eps,
        "norm_affine": True,
        "encoder_dropout": config.encoder_dropout,
        "post_mlp_drop": config.post_mlp_drop,
        "attention_dropout": config.attention_dropout,
        "activation_dropout": config.activation_dropout,
        "dropout_input": 0.0,
        "layerdrop": config.layerdrop,
        "embed_dim": config.embed_dim,
        "mlp_ratio": config.mlp_ratio,
        "layer_norm_first": False,
        "end_of_block_targets": False,
        "clone_batch": config.clone_batch,
        "ema_encoder_only": False,
        "max_update": config.ema_anneal_end_step,
        "modalities": {"audio": _audio_settings(config, has_decoder=has_decoder)},
        "supported_modality": "AUDIO",
        "mae_init": False,
        "seed": 1,
        "cls_loss": config.utterance_loss_weight,
        "cls_type": config.utterance_method,
        "recon_loss": 0.0,
        "d2v_loss": config.frame_loss_weight,
        "decoder_group": False,
        **_target_settings(config),
    }


def _target_settings(config: ModelConfig) -> dict[str, Any]:
    """Return what both models call alike: targets, teacher, limits."""
    return {
        "average_top_k_layers": config.average_top_k_layers,
        "layer_norm_target_layer": config.frame_target_norm == "layer",
        "batch_norm_target_layer": False,
        "instance_norm_target_layer": config.frame_target_norm == "instance",
        "instance_norm_targets": False,
        "layer_norm_targets": False,
        "ema_decay": config.ema_decay,
        "ema_end_decay": config.ema_end_decay,
        "ema_anneal_end_step": config.ema_anneal_end_step,
        "min_target_var": config.min_target_var,
        "min_pred_var": config.min_pred_var,
    }


def _audio_settings(config: ModelConfig, *, has_decoder: bool) -> dict[str, Any]:
    return {
        "type": "AUDIO",
        "prenet_depth": config.prenet_depth,
        "prenet_layerdrop": config.prenet_layerdrop,
        "prenet_dropout": config.prenet_dropout,
        "start_drop_path_rate": 0.0,
        "end_drop_path_rate": 0.0,
        "num_extra_tokens": config.num_utterance_tokens,
        "init_extra_token_zero": True,
        "mask_noise_std": config.mask_noise_std,
        "mask_prob_min": None,
        "mask_prob": config.mask_prob,
        "inverse_mask": False,
        "mask_prob_adjust": config.mask_prob_adjust,
        "keep_masked_pct": 0.0,
        "mask_length": config.mask_length,
        "add_masks": False,
        "remove_masks": False,
        "mask_dropout": 0.0,
        "encoder_zero_mask": True,
        "mask_channel_prob": 0.0,
        "mask_channel_length": 64,
        "ema_local_encoder": False,
        "local_grad_mult": 1.0,
        "use_alibi_encoder": True,
        "alibi_scale": config.alibi_scale,
        "learned_alibi": False,
        "alibi_max_pos": None,
        "learned_alibi_scale": True,
        "learned_alibi_scale_per_head": True,
        "learned_alibi_scale_per_layer": False,
        "num_alibi_heads": config.num_heads,
        "model_depth": config.depth,
        "extractor_mode": "layer_norm",
        "feature_encoder_spec": _convolutions(config),
        "conv_pos_width": config.conv_pos_width,
        "conv_pos_groups": config.conv_pos_groups,
        "conv_pos_depth": config.conv_pos_depth,
        "conv_pos_pre_ln": False,
        "decoder": _decoder_settings(config) if has_decoder else None,
    }


def _decoder_settings(config: ModelConfig) -> dict[str, Any]:
    return {
        "decoder_dim": config.decoder_dim,
        "decoder_groups": config.decoder_groups,
        "decoder_kernel": config.decoder_kernel,
        "decoder_layers": config.decoder_layers,
        "input_dropout": config.decoder_input_dropout,
        "add_positions_masked": False,
        "add_positions_all": False,
        "decoder_residual": True,
        "projection_layers": 1,
        "projection_ratio": 2.0,
    }


def data2vec_settings(config: ModelConfig) -> dict[str, Any]:
    """Return the settings of fairseq's `data2vec_audio`, without its name.

    It has one dropout for all places; ours may differ from place to place, which only matters to training.
    """
    return {
        "extractor_mode": "layer_norm",
        "encoder_layers": config.num_layers,
        "encoder_embed_dim": config.embed_dim,
        "encoder_ffn_embed_dim": int(config.embed_dim * config.mlp_ratio),
        "encoder_attention_heads": config.num_heads,
        "activation_fn": "gelu",
        "layer_type": "transformer",
        "dropout": config.encoder_dropout,
        "attention_dropout": config.attention_dropout,
        "activation_dropout": config.activation_dropout,
        "encoder_layerdrop": config.layerdrop,
        "dropout_input": 0.0,
        "dropout_features": 0.0,
        "layer_norm_first": False,
        "conv_feature_layers": _convolutions(config),
        "conv_bias": False,
        "feature_grad_mult": 1.0,
        "mask_prob": config.mask_prob,
        "mask_length": config.mask_length,
        "mask_selection": "static",
        "mask_other": 0.0,
        "no_mask_overlap": False,
        "mask_channel_prob": 0.0,
        "require_same_masks": True,
        "mask_dropout": 0.0,
        "conv_pos": config.conv_pos_width,
        "conv_pos_groups": config.conv_pos_groups,
        "pos_conv_depth": config.conv_pos_depth,
        "loss_beta": 0.0,
        "loss_scale": None,
        "ema_transformer_only": True,
        "ema_layers_only": True,
        "max_update": config.ema_anneal_end_step,
        **_target_settings(config),
    }


def _convolutions(config: ModelConfig) -> str:
    """Describe the feature extractor as fairseq does: a list of (channels, kernel, stride)."""
    layers = zip(CONV_KERNELS, CONV_STRIDES, strict=True)
    return str([(config.conv_dim, kernel, stride) for kernel, stride in layers])
