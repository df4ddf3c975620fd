"""fairseq's own data2vec 2.0 audio model, unmodified, from the installed package: the parity tests' reference.

Out: `reference_model()` builds the model that emotion2vec derives from; `reference_batch()` a batch with
masks drawn by fairseq. The package cannot be imported as it stands (Python 3.11, no timm, no torchvision);
the steps of `_load` say what each is for. Needs `fairseq`; nothing is imported before the first call.

B utterances, C clones, S samples, T frames.
"""

import dataclasses
import functools
import importlib
import inspect
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emotion2vec.structs import num_frames

EXAMPLES = "examples.data2vec"
MAX_UPDATE = 400_000

SMALL_SIZES: dict[str, Any] = {
    "depth": 3,
    "embed_dim": 48,
    "num_heads": 6,
    "clone_batch": 2,
    "average_top_k_layers": 2,
    "modalities.audio.prenet_depth": 2,
    "modalities.audio.feature_encoder_spec": "[(32,10,5)] + [(32,3,2)] * 4 + [(32,2,2)] * 2",
    "modalities.audio.decoder.decoder_dim": 32,
}

NO_DROPOUT: dict[str, Any] = {
    "encoder_dropout": 0.0,
    "post_mlp_drop": 0.0,
    "attention_dropout": 0.0,
    "modalities.audio.prenet_dropout": 0.0,
    "modalities.audio.decoder.input_dropout": 0.0,
}


class Mlp(nn.Module):
    """Stand-in for timm's feed-forward part: two linear layers with GELU between (no dropout here)."""

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        act_layer: Callable[[], nn.Module] = nn.GELU,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        if drop:
            raise ValueError(f"drop must be 0 in the audio models, got {drop}")
        self.fc1 = nn.Linear(in_features, hidden_features)
        self.act = act_layer()
        self.fc2 = nn.Linear(hidden_features, in_features)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        return self.fc2(self.act(self.fc1(x)))


def _replace_instance_defaults(cls: type) -> None:
    """Turn dataclass instances given as defaults into factories: Python 3.11 refuses the former."""
    for name in inspect.get_annotations(cls):
        value = cls.__dict__.get(name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            setattr(cls, name, dataclasses.field(default_factory=type(value)))


def _lenient_dataclass(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `dataclasses.dataclass` so that it accepts what Python 3.10 accepted."""

    def decorate(cls: type | None = None, /, **options: Any) -> Any:
        if cls is None:
            return functools.partial(decorate, **options)
        _replace_instance_defaults(cls)
        return original(cls, **options)

    return decorate


def _put_stand_ins(root: Path) -> None:
    """Register modules for what cannot be imported: timm, and packages whose __init__ wants torchvision."""
    # `examples` goes in by name: putting fairseq's folder on the path would hide the stdlib's `logging`.
    sys.modules.setdefault("examples", importlib.import_module("fairseq.examples"))
    data = types.ModuleType(f"{EXAMPLES}.data")
    data.__path__ = [str(root / "data")]
    sys.modules[data.__name__] = data
    for name in ("timm", "timm.models", "timm.models.vision_transformer"):
        module = types.ModuleType(name)
        module.__path__ = []
        sys.modules.setdefault(name, module)
    transformer: Any = sys.modules["timm.models.vision_transformer"]
    transformer.Mlp, transformer.DropPath = Mlp, nn.Identity


def _put_image_stand_in() -> None:
    """Register an image modality without its model, whose module imports torchvision."""
    base = importlib.import_module(f"{EXAMPLES}.models.modalities.base")
    modality = importlib.import_module(f"{EXAMPLES}.data.modality").Modality
    images: Any = types.ModuleType(f"{EXAMPLES}.models.modalities.images")
    images.D2vImageConfig = dataclasses.make_dataclass(
        "D2vImageConfig", [("type", modality, modality.IMAGE)], bases=(base.D2vModalityConfig,)
    )
    images.ImageEncoder = None
    sys.modules[images.__name__] = images


@functools.cache
def _load() -> types.ModuleType:
    """Import `examples.data2vec.models.data2vec2` once."""
    examples = importlib.import_module("fairseq.examples")
    _put_stand_ins(Path(str(examples.__file__)).parent / "data2vec")
    original = dataclasses.dataclass
    dataclasses.dataclass = _lenient_dataclass(original)
    try:
        _put_image_stand_in()
        return importlib.import_module(f"{EXAMPLES}.models.data2vec2")
    finally:
        dataclasses.dataclass = original


def base_settings(num_extra_tokens: int) -> dict[str, Any]:
    """Settings of the released base model that differ from fairseq's defaults, as dotted model keys."""
    audio = {
        "prenet_depth": 4,
        "prenet_dropout": 0.1,
        "num_extra_tokens": num_extra_tokens,
        "mask_prob": 0.5,
        "mask_prob_adjust": 0.05,
        "mask_length": 5,
        "mask_noise_std": 0.01,
        "use_alibi_encoder": True,
        "learned_alibi_scale": True,
        "learned_alibi_scale_per_head": True,
        "decoder.input_dropout": 0.1,
        "decoder.decoder_dim": 384,
        "decoder.decoder_groups": 16,
        "decoder.decoder_kernel": 7,
        "decoder.decoder_layers": 4,
    }
    model = {
        "depth": 8,
        "embed_dim": 768,
        "num_heads": 12,
        "clone_batch": 8,
        "norm_eps": 1e-5,
        "ema_decay": 0.999,
        "ema_end_decay": 0.99999,
        "ema_anneal_end_step": 20_000,
        "ema_encoder_only": False,
        "average_top_k_layers": 8,
        "instance_norm_target_layer": True,
    }
    return {**model, **{f"modalities.audio.{key}": value for key, value in audio.items()}}


def reference_model(*, num_extra_tokens: int = 0, seed: int = 0, **overrides: Any) -> Any:
    """Build fairseq's `Data2VecMultiModel` for audio, by default at base size.

    Args:
        num_extra_tokens: Utterance tokens in front of the frames.
        seed: Seed of the weights.
        overrides: Dotted model keys, for example `**{"depth": 2}`.
    """
    from omegaconf import OmegaConf

    data2vec2 = _load()
    root = OmegaConf.create({"optimization": {"max_update": MAX_UPDATE}, "common": {"seed": 1}})
    root.model = OmegaConf.structured(data2vec2.Data2VecMultiConfig())
    OmegaConf.set_struct(root, False)
    settings = {**base_settings(num_extra_tokens), "supported_modality": data2vec2.Modality.AUDIO}
    for key, value in {**settings, **overrides}.items():
        OmegaConf.update(root.model, key, value)
    torch.manual_seed(seed)
    return data2vec2.Data2VecMultiModel.build_model(root.model)


def reference_batch(
    *, num_utterances: int, num_samples: int, num_clones: int, seed: int = 1
) -> tuple[Tensor, Tensor]:
    """Draw normalised noise (B, S) and, with fairseq's own function, span masks (B * C, T).

    Args:
        num_utterances: B.
        num_samples: S.
        num_clones: C.
        seed: Seed of both.
    """
    from fairseq.data.data_utils import compute_block_mask_1d

    torch.manual_seed(seed)
    waveform_BS = nn.functional.layer_norm(torch.randn(num_utterances, num_samples), (num_samples,))
    shape = (num_clones, num_frames(num_samples))
    masks = [
        compute_block_mask_1d(shape, 0.5, 5, 0.05, require_same_masks=True)
        for _ in range(num_utterances)
    ]
    return waveform_BS, torch.cat(masks)
