"""Convolutions whose channels lie next to each other in memory: no transposes around layer norm and GELU.

In: frames (N, C) or (R, T, C). Out: the same numbers as `nn.Conv1d` between two transposes, up to rounding.
Paper: none; `frontend.py`, `positions.py` and `decoder.py` hold the plain path beside each use.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def use_channels_last(choice: str, frames: Tensor) -> bool:
    """Tell whether `convolutions=choice` means this path; `auto` is where it was measured faster: on a CPU.

    Exporters that trace get the plain path: their formats have convolutions, but no products on overlapping views.

    >>> use_channels_last("auto", torch.zeros(1)), use_channels_last("plain", torch.zeros(1))
    (True, False)
    """
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return False
    return choice == "channels_last" or (choice == "auto" and frames.device.type == "cpu")


def strided_conv(frames_NC: Tensor, weight_OCK: Tensor, *, stride: int) -> Tensor:
    """Convolve one long row of frames as matrix products on views: (N, C) -> (N / stride, O).

    Output n covers the frames from stride * n on; the last one sees zeros where the row has ended. No frame is
    copied: a kernel of 3 with stride 2 is one product on pairs of frames and one on the first frame of the next pair.

    Args:
        frames_NC: Frames, contiguous, N a multiple of `stride`.
        weight_OCK: Weight of `nn.Conv1d`, stride <= K <= 2 * stride.
        stride: Frames from one output to the next.
    """
    if torch.is_autocast_enabled(frames_NC.device.type):
        dtype = torch.get_autocast_dtype(frames_NC.device.type)
        frames_NC, weight_OCK = frames_NC.to(dtype), weight_OCK.to(dtype)
    weight_OKC = weight_OCK.transpose(1, 2).contiguous()
    output: Tensor = _StridedConv.apply(frames_NC, weight_OKC, stride)  # type: ignore[no-untyped-call]
    return output


class _StridedConv(torch.autograd.Function):
    """Products and their gradients on views; `out[:-1]` because the last output has no next stride."""

    @staticmethod
    def forward(ctx: Any, frames_NC: Tensor, weight_OKC: Tensor, stride: int) -> Tensor:
        """Return (M, O), M = N / stride."""
        ctx.save_for_backward(frames_NC, weight_OKC)
        ctx.stride = stride
        strides_MF = frames_NC.view(-1, stride * frames_NC.size(1))
        first_OF, rest_OG = _split(weight_OKC, stride)
        output_MO = strides_MF @ first_OF.t()
        if rest_OG.size(1):
            output_MO[:-1].addmm_(strides_MF[1:, : rest_OG.size(1)], rest_OG.t())
        return output_MO

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Return the gradients of frames and weight."""
        frames_NC, weight_OKC = ctx.saved_tensors
        (gradient_MO,) = (gradient.contiguous() for gradient in gradients)
        strides_MF = frames_NC.view(-1, ctx.stride * frames_NC.size(1))
        first_OF, rest_OG = _split(weight_OKC, ctx.stride)
        frames_gradient = weight_gradient = None
        if ctx.needs_input_grad[0]:
            strides_gradient = gradient_MO @ first_OF
            if rest_OG.size(1):
                strides_gradient[1:, : rest_OG.size(1)].addmm_(gradient_MO[:-1], rest_OG)
            frames_gradient = strides_gradient.view_as(frames_NC)
        if ctx.needs_input_grad[1]:
            products = [gradient_MO.t() @ strides_MF]
            if rest_OG.size(1):
                products.append(gradient_MO[:-1].t() @ strides_MF[1:, : rest_OG.size(1)])
            weight_gradient = torch.cat(products, dim=1).view_as(weight_OKC)
        return frames_gradient, weight_gradient, None


def _split(weight_OKC: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Part the kernel into its first `stride` frames (O, stride * C) and the rest (O, (K - stride) * C)."""
    return weight_OKC[:, :stride].flatten(1), weight_OKC[:, stride:].flatten(1)


def grouped_conv(conv: nn.Module, frames_RTC: Tensor) -> Tensor:
    """Apply a padded convolution of stride 1 to frames, channels last: (R, T, C) -> (R, T', O).

    torch has channels-last kernels for two dimensions; the second one is of size 1 here.
    """
    assert isinstance(conv, nn.Conv1d)
    weight = conv.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    output = F.conv2d(
        frames_RTC.transpose(1, 2).unsqueeze(2),
        weight,
        conv.bias,
        padding=(0, int(conv.padding[0])),
        groups=conv.groups,
    )
    return output.squeeze(2).transpose(1, 2)
