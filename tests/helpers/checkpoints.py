"""Checkpoints of a tiny model in every format that needs no other program to write."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.key_map import to_fairseq
from tests.model.builders import tiny_config, tiny_model

# hyper-parameters of the tiny model as FunASR's config.yaml states them; PyYAML reads 1e-05 as text
FUNASR_YAML = """\
model: Emotion2vec
model_conf:
    depth: 2
    num_heads: 2
    norm_eps: 1e-05
    norm_affine: true
    layer_norm_first: false
    encoder_dropout: 0.2
    average_top_k_layers: 2
    cls_loss: 1.0
    d2v_loss: 1.0
    modalities:
        audio:
            type: AUDIO
            prenet_depth: 1
            extractor_mode: layer_norm
            feature_encoder_spec: '[(8, 10, 5)] + [(8, 3, 2)] * 4 + [(8,2,2)] + [(8,2,2)]'
            conv_pos_width: 15
            conv_pos_pre_ln: false
"""


def write_checkpoint(path: Path, *, seed: int = 1, **settings: Any) -> Path:
    """Write a tiny model's checkpoint as training does and return its path; `settings` are those of the model."""
    model = tiny_model(seed=seed, **settings).float()
    config = {"_name": "emotion2vec", **asdict(tiny_config(**settings))}
    torch.save({"cfg": {"model": config}, "model": model.state_dict()}, path)
    return path


def bare_state(model: Emotion2VecPretraining, layout: str) -> dict[str, Tensor]:
    """Return a model's tensors without teacher: `ours`, or `fairseq` for the names of its backbone there."""
    state = {k: v.clone() for k, v in model.state_dict().items() if not k.startswith("teacher.")}
    return state if layout == "ours" else to_fairseq(state, model.config)["model"]


def write_funasr(folder: Path, model: Emotion2VecPretraining, *, weights: str = "model.pt") -> Path:
    """Write a FunASR folder around the tensors of a data2vec 2.0 model and return it."""
    folder.mkdir()
    torch.save({"model": bare_state(model, "fairseq")}, folder / weights)
    (folder / "config.yaml").write_text(FUNASR_YAML, encoding="utf-8")
    metas = {"file_path_metas": {"init_param": weights, "config": "config.yaml"}}
    (folder / "configuration.json").write_text(json.dumps(metas), encoding="utf-8")
    return folder


def write_hub(folder: Path, model: Emotion2VecPretraining, **changes: Any) -> Path:
    """Write a hub folder by hand and return it; `changes` replace entries of config.json."""
    from safetensors.torch import save_file

    folder.mkdir()
    save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors"
    )
    config = {
        "model_type": "emotion2vec",
        "format_version": 1,
        "config": asdict(model.config),
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def assert_same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Compare two state dicts bit by bit."""
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert torch.equal(found[key], tensor), key
