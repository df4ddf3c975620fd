"""Names of data2vec's tensors: fairseq's `data2vec_audio`, whose attention keeps query, key and value apart.

In: names below `student.`, `teacher.` or the root. Out: fairseq's; used by `key_map.py`.
Utterance tokens, which data2vec itself does not have, go by the name `extra_tokens`.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from emotion2vec.model.config import ModelConfig
from emotion2vec.structs import CONV_KERNELS

_LAYER = {
    "attn.query": "self_attn.q_proj",
    "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj",
    "attn.proj": "self_attn.out_proj",
    "norm1": "self_attn_layer_norm",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
    "norm2": "final_layer_norm",
}
_JOINED = ".attn.qkv."
_PARTS = (".attn.query.", ".attn.key.", ".attn.value.")


def data2vec_prefixes(config: ModelConfig, section: str) -> dict[str, str]:
    """Pair beginnings of names, ours (query, key and value split) with fairseq's, in `model` or in `_ema`."""
    stem = "encoder." if section == "model" else ""  # the teacher is an encoder by itself
    prefixes = {
        "context.tokens.embedding": "extra_tokens",
        "context.input_norm": f"{stem}layer_norm",
    }
    for i in range(config.conv_pos_depth):
        prefixes[f"context.positions.convs.{i}"] = f"{stem}pos_conv.{i}.0"
    for i in range(config.num_layers):
        for ours, theirs in _LAYER.items():
            prefixes[f"context.layers.{i}.{ours}"] = f"{stem}layers.{i}.{theirs}"
    if section != "model":
        return prefixes
    for i in range(len(CONV_KERNELS)):
        prefixes[f"frontend.convs.{i}.conv"] = f"feature_extractor.conv_layers.{i}.0"
        prefixes[f"frontend.convs.{i}.norm"] = f"feature_extractor.conv_layers.{i}.2.1"
    return prefixes | {
        "frontend.projection_norm": "layer_norm",
        "frontend.projection": "post_extract_proj",
        "decoder.mask_embedding": "mask_emb",
        "decoder.proj": "final_proj",
    }


def split_attention(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Cut each joint projection (3 * D, ...) into query, key and value (views of it)."""
    split = {}
    for key, tensor in tensors.items():
        if _JOINED in key:
            parts = zip(_PARTS, tensor.chunk(3), strict=True)
            split.update({key.replace(_JOINED, part): piece for part, piece in parts})
        else:
            split[key] = tensor
    return split


def join_attention(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo `split_attention`; a projection of which a part is missing is left out."""
    joined = {}
    for key, tensor in tensors.items():
        match = re.search(r"\.attn\.(query|key|value)\.", key)
        if match is None:
            joined[key] = tensor
            continue
        names = [key.replace(match[0], part) for part in _PARTS]
        if match[1] == "query" and all(name in tensors for name in names):
            whole = torch.cat([tensors[name] for name in names])
            joined[key.replace(match[0], _JOINED)] = whole
    return joined
