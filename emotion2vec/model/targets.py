"""What the student must predict: averages of the teacher's layers.

In: the teacher's layer outputs, each (B, T, D). Out: frame targets (B, T, D) and utterance targets (B, D).
Paper: Eq. 3 (average of the top k layers) and Eq. 6 (average over time).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

NORM_EPS = 1e-5


def average_layers(
    layers: Sequence[Tensor], *, top_k: int, norm: str, padding_BT: Tensor | None = None
) -> Tensor:
    """Average the top k layers, each normalised first (Eq. 3); (B, T, D), float32 at least.

    Args:
        layers: Teacher's layer outputs from the lowest to the highest, each (B, T, D).
        top_k: How many of the highest layers to average.
        norm: `instance` over time in each channel (released), `layer` over channels in each frame, or `none`.
        padding_BT: True where the frame is padding, (B, T); left out of instance statistics.
    """
    total_BTD = None
    for layer_BTD in layers[-top_k:]:
        layer_BTD = layer_BTD.to(torch.promote_types(layer_BTD.dtype, torch.float32))
        if norm == "instance":
            layer_BTD = _instance_norm(layer_BTD, padding_BT)
        elif norm == "layer":
            layer_BTD = F.layer_norm(layer_BTD, layer_BTD.shape[-1:], eps=NORM_EPS)
        total_BTD = layer_BTD if total_BTD is None else total_BTD + layer_BTD
    assert total_BTD is not None, "top_k must be at least 1"
    return total_BTD / min(top_k, len(layers))


def _instance_norm(layer_BTD: Tensor, padding_BT: Tensor | None) -> Tensor:
    """Zero mean and unit variance over the valid frames of each channel of each utterance, (B, T, D)."""
    if padding_BT is None:
        variance_B1D, mean_B1D = torch.var_mean(layer_BTD, dim=1, keepdim=True, correction=0)
    else:
        mean_B1D = pool_frames(layer_BTD, padding_BT).unsqueeze(1)
        variance_B1D = pool_frames((layer_BTD - mean_B1D) ** 2, padding_BT).unsqueeze(1)
    return (layer_BTD - mean_B1D) * torch.rsqrt(variance_B1D + NORM_EPS)


def pool_frames(frames_BTD: Tensor, padding_BT: Tensor | None = None) -> Tensor:
    """Average the valid frames (Eq. 6): (B, T, D) -> (B, D).

    Args:
        frames_BTD: Frame embeddings, (B, T, D).
        padding_BT: True where the frame is padding, (B, T).
    """
    if padding_BT is None:
        return frames_BTD.mean(dim=1)
    valid_BT1 = (~padding_BT).unsqueeze(-1).to(frames_BTD.dtype)
    return (frames_BTD * valid_BT1).sum(dim=1) / valid_BT1.sum(dim=1)
