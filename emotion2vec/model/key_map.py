"""Names of the same tensor here and in fairseq's checkpoints of data2vec, data2vec 2.0 and emotion2vec.

In: our tensors (`student.`, `decoder.`, `teacher.context.`). Out: fairseq's sections `model` and `_ema` (the teacher),
and back. The table of each backbone pairs the beginnings of names.
"""

from collections.abc import Mapping

from torch import Tensor

from emotion2vec.model.config import ModelConfig
from emotion2vec.model.key_map_data2vec import (
    data2vec_prefixes,
    join_attention,
    split_attention,
)
from emotion2vec.structs import CONV_KERNELS

_AUDIO = "modality_encoders.AUDIO"


def to_fairseq(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, dict[str, Tensor]]:
    """Return our tensors under fairseq's names, in its sections `model` and `_ema`.

    Args:
        tensors: Our names -> tensors: weights, or anything else of their shapes (gradients).
        config: Architecture that they belong to.

    Raises:
        KeyError: fairseq has no such tensor.
    """
    if config.backbone == "data2vec":
        tensors = split_attention(tensors)
    sections: dict[str, dict[str, Tensor]] = {"model": {}, "_ema": {}}
    prefixes = {section: _prefixes(config, section) for section in sections}
    for key, tensor in tensors.items():
        section = "_ema" if key.startswith("teacher.") else "model"
        ours = key.removeprefix("student.").removeprefix("teacher.")
        name = _renamed(ours, prefixes[section])
        if name is None:
            raise KeyError(f"no fairseq name for {key!r}")
        sections[section][name] = tensor
    return sections


def from_fairseq(
    sections: Mapping[str, Mapping[str, Tensor]], config: ModelConfig
) -> dict[str, Tensor]:
    """Return the tensors of fairseq's sections under our names; names unknown here are left out.

    Args:
        sections: fairseq's `model` and, when there is a teacher, `_ema`.
        config: Architecture that they belong to.
    """
    tensors = {}
    for section, owner in (("model", "student"), ("_ema", "teacher")):
        prefixes = {theirs: ours for ours, theirs in _prefixes(config, section).items()}
        for name, tensor in sections.get(section, {}).items():
            key = _renamed(name, prefixes)
            if key is not None:
                tensors[key if key.startswith("decoder.") else f"{owner}.{key}"] = tensor
    return join_attention(tensors) if config.backbone == "data2vec" else tensors


def _prefixes(config: ModelConfig, section: str) -> dict[str, str]:
    """Pair our names below `student.`, `teacher.` or the root with fairseq's in a section."""
    if config.backbone == "data2vec":
        return data2vec_prefixes(config, section)
    prefixes = _data2vec2_prefixes(config)
    if section == "model":
        return prefixes
    return {ours: theirs for ours, theirs in prefixes.items() if ours.startswith("context.")}


def _renamed(name: str, prefixes: Mapping[str, str]) -> str | None:
    """Replace the longest beginning of a dotted name that the table has; None when it has none."""
    parts = name.split(".")
    for num in range(len(parts), 0, -1):
        prefix = ".".join(parts[:num])
        if prefix in prefixes:
            return ".".join([prefixes[prefix], *parts[num:]])
    return None


def _data2vec2_prefixes(config: ModelConfig) -> dict[str, str]:
    """Pair the names of data2vec 2.0 and emotion2vec; the teacher has those that begin with `context.`."""
    encoder = f"{_AUDIO}.context_encoder"
    prefixes = {
        "frontend.projection_norm": f"{_AUDIO}.project_features.1",
        "frontend.projection": f"{_AUDIO}.project_features.2",
        "context.tokens.embedding": f"{_AUDIO}.extra_tokens",
        "context.alibi.scale": f"{_AUDIO}.alibi_scale",
        "context.input_norm": f"{encoder}.norm",
        "decoder.proj": f"{_AUDIO}.decoder.proj",
    }
    for i in range(len(CONV_KERNELS)):
        theirs = f"{_AUDIO}.local_encoder.conv_layers.{i}"
        prefixes |= {
            f"frontend.convs.{i}.conv": f"{theirs}.0",
            f"frontend.convs.{i}.norm": f"{theirs}.2.1",
        }
    for i in range(config.conv_pos_depth):
        theirs = f"{_AUDIO}.relative_positional_encoder.{i + 1}.0"
        prefixes[f"context.positions.convs.{i}"] = theirs
    for i in range(config.num_layers):
        main = i - config.prenet_depth
        prefixes[f"context.layers.{i}"] = f"blocks.{main}" if main >= 0 else f"{encoder}.blocks.{i}"
    for i in range(config.decoder_layers):
        prefixes[f"decoder.convs.{i}"] = f"{_AUDIO}.decoder.blocks.{i}.0"
    return prefixes
