"""fairseq's own data2vec audio model, unmodified, from the installed package: the parity tests' reference.

Out: `reference_model()`, with the settings of the published base model or of a small one, and `reference_batch()` with
masks drawn by fairseq. Needs `fairseq`; nothing is imported before the first call.

B utterances, S samples, T frames.
"""

import functools
import importlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from emotion2vec.structs import num_frames, padding_from_lengths

NAME = "data2vec_audio"

# examples/data2vec/config/audio/pretraining/base_librispeech.yaml, the keys that differ from fairseq's defaults
BASE: dict[str, Any] = {
    "extractor_mode": "layer_norm", "encoder_layerdrop": 0.05, "encoder_embed_dim": 768, "mask_prob": 0.65,
    "mask_length": 10, "instance_norm_target_layer": True, "average_top_k_layers": 8, "pos_conv_depth": 5,
    "conv_pos": 95, "ema_decay": 0.999, "ema_end_decay": 0.9999, "ema_anneal_end_step": 30_000,
    "max_update": 400_000, "require_same_masks": True,
}  # fmt: skip
NO_DROPOUT: dict[str, Any] = {"dropout": 0.0, "attention_dropout": 0.0, "encoder_layerdrop": 0.0}
SMALL: dict[str, Any] = {
    "conv_feature_layers": "[(32,10,5)] + [(32,3,2)] * 4 + [(32,2,2)] * 2", "encoder_embed_dim": 48,
    "encoder_ffn_embed_dim": 192, "encoder_attention_heads": 6, "encoder_layers": 3, "average_top_k_layers": 2,
}  # fmt: skip


@functools.cache
def _load() -> tuple[type, type]:
    """Return fairseq's model and its config, which can be registered only once in a process."""
    models = importlib.import_module("fairseq.models")
    if NAME not in models.MODEL_REGISTRY:
        importlib.import_module("fairseq.examples.data2vec.models.data2vec_audio")
    return models.MODEL_REGISTRY[NAME], models.MODEL_DATACLASS_REGISTRY[NAME]


def reference_model(*, seed: int = 0, **overrides: Any) -> Any:
    """Build fairseq's `Data2VecAudioModel`, by default at base size; its teacher comes with `set_num_updates(0)`."""
    model, config = _load()
    torch.manual_seed(seed)
    return model(config(**{**BASE, **overrides}))


def reference_batch(lengths: Sequence[int], *, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Draw normalised noise (B, S), its padding (B, S) and, with fairseq's function, masks (B, T), bool.

    Args:
        lengths: Samples of each utterance.
        seed: Seed of the noise.
    """
    from fairseq.data.data_utils import compute_mask_indices

    torch.manual_seed(seed)
    waves = [nn.functional.layer_norm(torch.randn(length), (length,)) for length in lengths]
    frames = torch.tensor([num_frames(length) for length in lengths])
    padding_BT = padding_from_lengths(frames, int(frames.max()))
    masked = compute_mask_indices(
        tuple(padding_BT.shape), padding_BT, 0.65, 10, min_masks=1, require_same_masks=True
    )
    padding_BS = padding_from_lengths(torch.tensor(lengths), max(lengths))
    return nn.utils.rnn.pad_sequence(waves, batch_first=True), padding_BS, torch.from_numpy(masked)
