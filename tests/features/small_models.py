"""Files of small models with random weights, in the layouts of the released ones."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from emotion2vec.audio.torchaudio_compat import import_torchaudio
from emotion2vec.features.baselines import torchaudio_models
from emotion2vec.features.baselines.torchaudio_models import Architecture

NAMES = tuple(torchaudio_models.ARCHITECTURES)
# a wav2vec of 8 channels, with the receptive field and stride of the released one
WAV2VEC = {
    "conv_feature_layers": "[(8, 10, 5), (8, 8, 4), (8, 4, 2), (8, 4, 2), (8, 4, 2), (8, 1, 1)]",
    "conv_aggregator_layers": "[(8, 2, 1), (8, 3, 1), (12, 4, 1)]",
    "skip_connections_agg": True,
    "residual_scale": 0.5,
    "log_compression": True,
}
VQ = {"log_compression": False, "activation": "gelu", "vq_vars": 5, "vq_groups": 2}


def small_torchaudio(name: str) -> nn.Module:
    """Build the kin of a released model: its norms, order and attention, 16 wide, 3 layers."""
    architecture = torchaudio_models.ARCHITECTURES[name]
    large = architecture.normalises
    settings: dict[str, Any] = {
        "extractor_mode": "layer_norm" if large else "group_norm",
        "extractor_conv_layer_config": [(8, 10, 5)] + [(8, 3, 2)] * 4 + [(8, 2, 2)] * 2,
        "extractor_conv_bias": name == "wav2vec2_large",
        "encoder_embed_dim": 16,
        "encoder_projection_dropout": 0.1,
        "encoder_pos_conv_kernel": 8,
        "encoder_pos_conv_groups": 4,
        "encoder_num_layers": 3,
        "encoder_num_heads": 4,
        "encoder_attention_dropout": 0.1,
        "encoder_ff_interm_features": 32,
        "encoder_ff_interm_dropout": 0.1,
        "encoder_dropout": 0.1,
        "encoder_layer_norm_first": large,
        "encoder_layer_drop": 0.1,
        "aux_num_out": None,
    }
    models = import_torchaudio().models
    if architecture.relative_positions:
        return models.wavlm_model(encoder_max_distance=80, encoder_num_buckets=32, **settings)
    return models.wav2vec2_model(**settings)


def use_small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program build the small kin, too."""
    by_architecture = {value: name for name, value in torchaudio_models.ARCHITECTURES.items()}

    def build(architecture: Architecture) -> nn.Module:
        with torch.device("meta"):
            return small_torchaudio(by_architecture[architecture])

    monkeypatch.setattr(torchaudio_models, "build_model", build)


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Move every weight, norms and biases included, so that none can be mistaken for another."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def released_names(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights under the names of the released files, older than torch's parametrizations."""
    state = dict(model.state_dict())
    for number, old in enumerate(("weight_g", "weight_v")):
        new = f"parametrizations.weight.original{number}"
        state = {key.replace(new, old): value for key, value in state.items()}
    return state


def write_torchaudio(path: Path, name: str) -> nn.Module:
    """Write a small model's file; returns the model."""
    torch.manual_seed(0)
    model = randomise(small_torchaudio(name))
    torch.save(released_names(model), path)
    return model


def write_wav2vec(
    path: Path, tensors: dict[str, Tensor], *, hydra: bool = False, **options: Any
) -> Path:
    """Write a fairseq checkpoint as version 0.10 did (Namespace, older torch format), or as those since do."""
    settings = {"arch": "wav2vec", **WAV2VEC, **options}
    state: dict[str, Any] = {
        "model": tensors,
        "last_optimizer_state": {"state": {0: {"step": 3, "exp_avg": torch.ones(3)}}},
        "extra_state": {"epoch": 7},
    }
    state |= (
        {"args": None, "cfg": {"model": settings}} if hydra else {"args": Namespace(**settings)}
    )
    torch.save(state, path, _use_new_zipfile_serialization=hydra)
    return path
