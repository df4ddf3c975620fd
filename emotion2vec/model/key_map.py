"""Names of the same tensor here and in fairseq's data2vec 2.0 and emotion2vec checkpoints.

In: our state dict (`student.`, `decoder.`, `teacher.`). Out: fairseq's sections `model` and `_ema`, and back.
"""

import re
from collections.abc import Mapping

from torch import Tensor

_AUDIO = "modality_encoders.AUDIO"
# our name below `student.` / `teacher.` / the root -> theirs; layers are numbered separately below
_RULES = (
    (r"frontend\.convs\.(\d+)\.conv\.", rf"{_AUDIO}.local_encoder.conv_layers.\1.0."),
    (r"frontend\.convs\.(\d+)\.norm\.", rf"{_AUDIO}.local_encoder.conv_layers.\1.2.1."),
    (r"frontend\.projection_norm\.", rf"{_AUDIO}.project_features.1."),
    (r"frontend\.projection\.", rf"{_AUDIO}.project_features.2."),
    (r"context\.tokens\.embedding", rf"{_AUDIO}.extra_tokens"),
    (r"context\.alibi\.scale", rf"{_AUDIO}.alibi_scale"),
    (r"context\.input_norm\.", rf"{_AUDIO}.context_encoder.norm."),
    (r"decoder\.convs\.(\d+)\.", rf"{_AUDIO}.decoder.blocks.\1.0."),
    (r"decoder\.proj\.", rf"{_AUDIO}.decoder.proj."),
)


def fairseq_key(key: str, *, prenet_depth: int) -> str:
    """Return the name that fairseq gives a tensor of ours, within its section `model` or `_ema`.

    Raises:
        KeyError: fairseq has no such tensor.

    >>> fairseq_key("student.context.layers.5.attn.qkv.weight", prenet_depth=4)
    'blocks.1.attn.qkv.weight'
    """
    name = re.sub(r"^(student|teacher)\.", "", key)
    for pattern, replacement in _RULES:
        if re.match(pattern, name):
            return re.sub(pattern, replacement, name, count=1)
    if match := re.match(r"context\.positions\.convs\.(\d+)\.(.+)", name):
        return f"{_AUDIO}.relative_positional_encoder.{int(match[1]) + 1}.0.{match[2]}"
    if match := re.match(r"context\.layers\.(\d+)\.(.+)", name):
        layer = int(match[1])
        if layer < prenet_depth:
            return f"{_AUDIO}.context_encoder.blocks.{layer}.{match[2]}"
        return f"blocks.{layer - prenet_depth}.{match[2]}"
    raise KeyError(f"no fairseq name for {key!r}")


def to_fairseq_sections(
    state: Mapping[str, Tensor], *, prenet_depth: int
) -> dict[str, dict[str, Tensor]]:
    """Split a state dict of `Emotion2VecPretraining` into fairseq's `model` and `_ema` (the teacher)."""
    sections: dict[str, dict[str, Tensor]] = {"model": {}, "_ema": {}}
    for key, tensor in state.items():
        section = "_ema" if key.startswith("teacher.") else "model"
        sections[section][fairseq_key(key, prenet_depth=prenet_depth)] = tensor
    return sections


def from_fairseq_sections(
    sections: Mapping[str, Mapping[str, Tensor]], *, our_keys: list[str], prenet_depth: int
) -> dict[str, Tensor]:
    """Return the tensors of fairseq's sections under our names; names that have no tensor there are left out.

    Args:
        sections: fairseq's `model` and, when there is a teacher, `_ema`.
        our_keys: Names of the tensors that our model has.
        prenet_depth: Layers that fairseq keeps in `context_encoder`.
    """
    found = {}
    for key in our_keys:
        section = sections.get("_ema" if key.startswith("teacher.") else "model", {})
        name = fairseq_key(key, prenet_depth=prenet_depth)
        if name in section:
            found[key] = section[name]
    return found
