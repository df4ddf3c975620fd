"""Names of the same tensor here and in fairseq's checkpoints of data2vec, data2vec 2.0 and emotion2vec.

In: our tensors (`student.`, `decoder.`, `teacher.context.`). Out: fairseq's sections `model` and `_ema` (the teacher),
and back. The table of each backbone pairs the beginnings of names.
"""

from collections.abc import Mapping

from torch import Tensor

from emotion2vec.model.config import ModelConfig
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
    prefixes = _data2vec2_prefixes(config)
    sections: dict[str, dict[str, Tensor]] = {"model": {}, "_ema": {}}
    for key, tensor in tensors.items():
        section = "_ema" if key.startswith("teacher.") else "model"
        name = _renamed(key.removeprefix("student.").removeprefix("teacher."), prefixes)
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
    prefixes = {theirs: ours for ours, theirs in _data2vec2_prefixes(config).items()}
    tensors = {}
    for name, tensor in sections.get("model", {}).items():
        key = _renamed(name, prefixes)
        if key is not None:
            tensors[key if key.startswith("decoder.") else f"student.{key}"] = tensor
    for name, tensor in sections.get("_ema", {}).items():
        key = _renamed(name, prefixes)
        if key is not None and key.startswith("context."):
            tensors[f"teacher.{key}"] = tensor
    return tensors


def _renamed(name: str, prefixes: Mapping[str, str]) -> str | None:
    """Replace the longest beginning of a dotted name that the table has; None when it has none."""
    parts = name.split(".")
    for num in range(len(parts), 0, -1):
        prefix = ".".join(parts[:num])
        if prefix in prefixes:
            return ".".join([prefixes[prefix], *parts[num:]])
    return None


def _data2vec2_prefixes(config: ModelConfig) -> dict[str, str]:
    """Pair our names below `student.`, `teacher.` or the root with fairseq's in either section."""
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
