"""Hyper-parameters of fairseq's and FunASR's models in terms of `ModelConfig`.

In: `cfg.model` of a fairseq checkpoint or `model_conf` of a FunASR folder, as plain dicts. Out: the fields that
tensors do not tell. Architectures that are not built here, but whose tensors look the same, are refused.
"""

import re
import reprlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from emotion2vec.errors import CheckpointError
from emotion2vec.model.config import ModelConfig
from emotion2vec.structs import CONV_KERNELS, CONV_STRIDES

# our field -> fairseq's `data2vec_multi`, dotted
_DATA2VEC2 = {
    "num_heads": "num_heads",
    "norm_eps": "norm_eps",
    "alibi_scale": "modalities.audio.alibi_scale",
    "conv_pos_width": "modalities.audio.conv_pos_width",
    "encoder_dropout": "encoder_dropout",
    "attention_dropout": "attention_dropout",
    "activation_dropout": "activation_dropout",
    "post_mlp_drop": "post_mlp_drop",
    "prenet_dropout": "modalities.audio.prenet_dropout",
    "layerdrop": "layerdrop",
    "prenet_layerdrop": "modalities.audio.prenet_layerdrop",
    "clone_batch": "clone_batch",
    "mask_prob": "modalities.audio.mask_prob",
    "mask_length": "modalities.audio.mask_length",
    "mask_prob_adjust": "modalities.audio.mask_prob_adjust",
    "mask_noise_std": "modalities.audio.mask_noise_std",
    "decoder_input_dropout": "modalities.audio.decoder.input_dropout",
    "average_top_k_layers": "average_top_k_layers",
    "frame_loss_weight": "d2v_loss",
    "utterance_loss_weight": "cls_loss",
    "utterance_method": "cls_type",
    "ema_decay": "ema_decay",
    "ema_end_decay": "ema_end_decay",
    "ema_anneal_end_step": "ema_anneal_end_step",
    "min_target_var": "min_target_var",
    "min_pred_var": "min_pred_var",
}
# our field -> fairseq's `data2vec_audio`
_DATA2VEC = {
    "num_heads": "encoder_attention_heads",
    "conv_pos_width": "conv_pos",
    "encoder_dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "activation_dropout": "activation_dropout",
    "post_mlp_drop": "dropout",
    "prenet_dropout": "dropout",
    "layerdrop": "encoder_layerdrop",
    "mask_prob": "mask_prob",
    "mask_length": "mask_length",
    "average_top_k_layers": "average_top_k_layers",
    "utterance_loss_weight": "cls_loss",
    "utterance_method": "cls_type",
    "ema_decay": "ema_decay",
    "ema_end_decay": "ema_end_decay",
    "ema_anneal_end_step": "ema_anneal_end_step",
    "min_target_var": "min_target_var",
    "min_pred_var": "min_pred_var",
}
# what must hold, where a config says anything about it: dotted key -> value
_REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "data2vec2": {
        "layer_norm_first": False,
        "norm_affine": True,
        "modalities.audio.conv_pos_pre_ln": False,
        "modalities.audio.extractor_mode": "layer_norm",
    },
    "data2vec": {
        "layer_norm_first": False,
        "conv_bias": False,
        "extractor_mode": "layer_norm",
        "layer_type": "transformer",
        "activation_fn": "gelu",
    },
}
_CONVOLUTIONS = {
    "data2vec2": "modalities.audio.feature_encoder_spec",
    "data2vec": "conv_feature_layers",
}
_SHAPING = {"num_heads", "conv_pos_width", "norm_eps"}  # these shape the network itself
_MISSING = object()
_MAX_SPEC = 1000  # letters that describe the convolutions


def read_settings(conf: Mapping[str, Any], backbone: str) -> dict[str, Any]:
    """Return the fields of `ModelConfig` that a foreign config sets.

    Args:
        conf: `cfg.model` or `model_conf`.
        backbone: `data2vec2` or `data2vec`.

    Raises:
        CheckpointError: The config asks for an architecture that is not built here, or a value is not a number.
    """
    _check_architecture(conf, backbone)
    names = _DATA2VEC if backbone == "data2vec" else _DATA2VEC2
    kinds = {field.name: field.type for field in fields(ModelConfig)}
    settings: dict[str, Any] = {}
    for ours, theirs in names.items():
        value = _look_up(conf, theirs)
        if value is not _MISSING and value is not None and not _is_reference(value):
            settings[ours] = _converted(value, kinds[ours], theirs)
    if backbone == "data2vec":
        settings |= {"mask_rule": "spans", "clone_batch": 1}
    return settings | _target_norms(conf)


def architecture_only(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the settings that shape the network; the others only matter to training."""
    return {name: value for name, value in settings.items() if name in _SHAPING}


def _target_norms(conf: Mapping[str, Any]) -> dict[str, str]:
    """Released code pools the frame targets, norm included, and sums over the batch (see `config.py`)."""
    if "instance_norm_target_layer" not in conf and "layer_norm_target_layer" not in conf:
        return {}
    norm = "layer" if conf.get("layer_norm_target_layer") else "none"
    norm = "instance" if conf.get("instance_norm_target_layer") else norm
    return {
        "frame_target_norm": norm,
        "utterance_target_norm": norm,
        "utterance_loss_reduction": "sum",
    }


def _look_up(conf: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        if not isinstance(conf, Mapping) or key not in conf:
            return _MISSING
        conf = conf[key]
    return conf


def _is_reference(value: Any) -> bool:
    """Tell whether a value is left to another part of the file, as `${optimization.max_update}`, or open (`???`)."""
    return isinstance(value, str) and ("${" in value or value == "???")


def _converted(value: Any, kind: Any, name: str) -> Any:
    try:
        # PyYAML reads 1e-05 as text
        return str(value).lower() if kind is str else kind(float(value))
    except (TypeError, ValueError, OverflowError):
        raise CheckpointError(
            f"its config has {name}={reprlib.repr(value)}, expected a number; the file is damaged"
        ) from None


def _check_architecture(conf: Mapping[str, Any], backbone: str) -> None:
    for name, expected in _REQUIRED[backbone].items():
        value = _look_up(conf, name)
        if value is not _MISSING and value is not None and value != expected:
            raise CheckpointError(
                f"its config has {name}={reprlib.repr(value)}, but only {expected!r} is built here; use a model of "
                "the base architecture"
            )
    spec = _look_up(conf, _CONVOLUTIONS[backbone])
    built = list(zip(CONV_KERNELS, CONV_STRIDES, strict=True))
    if isinstance(spec, str) and (len(spec) > _MAX_SPEC or _convolutions(spec) != built):
        raise CheckpointError(
            f"its config has the convolutions {spec[:80]!r}, but only kernels {CONV_KERNELS} and strides "
            f"{CONV_STRIDES} are built here; use a model with the standard feature extractor"
        )


def _convolutions(spec: str) -> list[tuple[int, int]]:
    """Read kernels and strides from `[(512,10,5)] + [(512,3,2)] * 4 + ...` without evaluating it."""
    found: list[tuple[int, int]] = []
    for part in re.finditer(r"\[([^\]]*)\](?:\s*\*\s*(\d{1,2}))?", spec):
        layers = re.findall(r"\(\s*\d+\s*,\s*(\d+)\s*,\s*(\d+)\s*\)", part[1])
        found += [(int(kernel), int(stride)) for kernel, stride in layers] * int(part[2] or 1)
    return found
