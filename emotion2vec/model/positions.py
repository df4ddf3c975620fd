"""Where a frame stands: convolutional positions added to the frames, and ALiBi added to attention scores.

In: frames (R, T, D) and frame positions (R, V). Out: positions (R, T, D) and bias (R, H, U+V, U+V).
On data2vec there is no ALiBi: `NoBias` stands in its place.
Paper: Section 4.1; ALiBi with one learned scale a head is data2vec 2.0's.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotion2vec.model.channels_last import grouped_conv, use_channels_last


class ConvPositions(nn.Module):
    """Five grouped convolutions, each with layer norm (no weights) and GELU."""

    def __init__(
        self, dim: int, *, width: int, depth: int, groups: int, convolutions: str = "auto"
    ) -> None:
        super().__init__()
        self.convolutions = convolutions
        self.kernel = max(3, width // depth)
        self.convs = nn.ModuleList(
            nn.Conv1d(dim, dim, self.kernel, padding=self.kernel // 2, groups=groups)
            for _ in range(depth)
        )

    def forward(self, frames_RTD: Tensor, padding_RT: Tensor | None = None) -> Tensor:
        """Return positions (R, T, D).

        Padded frames are set to zero before every convolution: what a frame gets is what it would get if its
        utterance were alone. (fairseq, the authors' code and FunASR let padding leak in here.)

        Args:
            frames_RTD: Frames, masked ones zero, (R, T, D).
            padding_RT: True where the frame is padding, (R, T).
        """
        if use_channels_last(self.convolutions, frames_RTD):
            return self._convolve_channels_last(frames_RTD, padding_RT)
        num_frames = frames_RTD.size(1)
        hidden_RDT = frames_RTD.transpose(1, 2)
        for conv in self.convs:
            if padding_RT is not None:
                hidden_RDT = hidden_RDT.masked_fill(padding_RT.unsqueeze(1), 0.0)
            hidden_RDT = conv(hidden_RDT)[
                ..., :num_frames
            ]  # an even kernel gives one frame too many
            normed_RTD = F.layer_norm(hidden_RDT.transpose(1, 2), hidden_RDT.shape[1:2])
            hidden_RDT = F.gelu(normed_RTD.transpose(1, 2))
        return hidden_RDT.transpose(1, 2)

    def _convolve_channels_last(self, frames_RTD: Tensor, padding_RT: Tensor | None) -> Tensor:
        hidden_RTD = frames_RTD
        for conv in self.convs:
            if padding_RT is not None:
                hidden_RTD = hidden_RTD.masked_fill(padding_RT.unsqueeze(2), 0.0)
            hidden_RTD = grouped_conv(conv, hidden_RTD)[:, : frames_RTD.size(1)]
            hidden_RTD = F.gelu(F.layer_norm(hidden_RTD, hidden_RTD.shape[2:]))
        return hidden_RTD


def alibi_slopes(num_heads: int) -> Tensor:
    """Return the slope of each head, (H,), float64: a geometric series, interleaved when H is no power of 2.

    Source: Press et al. (2022), "Train Short, Test Long".
    """
    power = 2 ** math.floor(math.log2(num_heads))

    def series(num: int) -> list[float]:
        """Return the geometric series of a power of 2."""
        return [2.0 ** (-8.0 * (head + 1) / num) for head in range(num)]

    slopes = series(power) + series(2 * power)[0::2][: num_heads - power]
    return torch.tensor(slopes, dtype=torch.float64)


class AlibiBias(nn.Module):
    """Attention bias -slope * |i - j| * scale, with a learned scale >= 0 for each head."""

    def __init__(self, num_heads: int, *, initial_scale: float = 1.0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = nn.Parameter(torch.full((1, 1, num_heads, 1, 1), initial_scale))

    def scaled_slopes(self) -> Tensor:
        """Return slope * scale of each head, (H,), in float32 at least."""
        dtype = torch.promote_types(self.scale.dtype, torch.float32)
        slopes_H = alibi_slopes(self.num_heads).to(self.scale.device, dtype)
        return slopes_H * self.scale.flatten().to(dtype).clamp_min(0)

    def forward(self, positions_RV: Tensor, num_tokens: int) -> Tensor:
        """Return the bias (R, H, U+V, U+V) of frames at the given positions behind U utterance tokens.

        The bias to and from utterance tokens is zero. Computed in float32 at least: in half precision
        neighbouring frames of a long clip would share one distance.

        Args:
            positions_RV: Frame number of each visible frame, (R, V); R may be 1 to serve every row.
            num_tokens: Utterance tokens U in front of the frames.
        """
        scaled_H = self.scaled_slopes()
        distance_RVV = (
            (positions_RV[:, :, None] - positions_RV[:, None, :]).abs().to(scaled_H.dtype)
        )
        bias_RHVV = -scaled_H[None, :, None, None] * distance_RVV[:, None]
        return F.pad(bias_RHVV, (num_tokens, 0, num_tokens, 0)) if num_tokens else bias_RHVV


class NoBias(nn.Module):
    """Attention without positions of its own: what `AlibiBias` is to data2vec 2.0, this is to data2vec."""

    def forward(self, positions_RV: Tensor, num_tokens: int) -> Tensor:
        """Return a bias of zero that broadcasts over rows, heads and queries, (1, 1, 1, U+V)."""
        return torch.zeros(1, 1, 1, num_tokens + positions_RV.size(1), device=positions_RV.device)
