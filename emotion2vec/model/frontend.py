"""Feature extractor F: waveform to projected frames.

In: normalised waveform (B, S) at 16 kHz. Out: frames (B, T, D) at 50 Hz for `context.py`.
Paper: Eqs. 1 and 2, Section 4.1 ("Initial Model").
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from emotion2vec.model.channels_last import strided_conv, use_channels_last
from emotion2vec.structs import (
    CONV_KERNELS,
    CONV_STRIDES,
    MIN_SAMPLES,
    SAMPLES_PER_FRAME,
    num_frames,
)


class ConvLayer(nn.Module):
    """Convolution without bias, layer norm over channels, GELU."""

    def __init__(self, in_dim: int, out_dim: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_dim, out_dim, kernel, stride=stride, bias=False)
        self.norm = nn.LayerNorm(out_dim)
        nn.init.kaiming_normal_(self.conv.weight)

    def forward(self, input_BCS: Tensor) -> Tensor:
        """Map (B, C_in, S) to (B, C_out, S')."""
        hidden_BSC = self.norm(self.conv(input_BCS).transpose(1, 2))
        return F.gelu(hidden_BSC.transpose(1, 2))

    def forward_channels_last(self, input_NC: Tensor) -> Tensor:
        """Map all utterances as one row, (N, C_in), to (N / stride, C_out); the stride divides N."""
        hidden_NC = strided_conv(input_NC, self.conv.weight, stride=self.conv.stride[0])
        return F.gelu(self.norm(hidden_NC))


class ConvFrontend(nn.Module):
    """Seven convolutions (320x downsampling), layer norm, linear projection to the transformer's width."""

    def __init__(
        self,
        *,
        conv_dim: int,
        embed_dim: int,
        convolutions: str = "auto",
        checkpoint_layers: bool = False,
    ) -> None:
        super().__init__()
        self.convolutions = convolutions
        self.checkpoint_layers = checkpoint_layers
        in_dims = [1] + [conv_dim] * (len(CONV_KERNELS) - 1)
        self.convs = nn.ModuleList(
            ConvLayer(in_dim, conv_dim, kernel=kernel, stride=stride)
            for in_dim, kernel, stride in zip(in_dims, CONV_KERNELS, CONV_STRIDES, strict=True)
        )
        self.projection_norm = nn.LayerNorm(conv_dim)
        self.projection = nn.Linear(conv_dim, embed_dim)

    def forward(self, waveform_BS: Tensor) -> Tensor:
        """Map a normalised waveform (B, S) to frames (B, T, D), T = `structs.num_frames(S)`.

        No layer pads its input, so a valid frame never sees samples behind the end of its utterance.
        """
        waveform_BS = waveform_BS.to(self.projection.weight.dtype)
        enough = waveform_BS.size(1) >= MIN_SAMPLES  # the plain path's error says what is too short
        if enough and use_channels_last(self.convolutions, waveform_BS):
            hidden_BTC = self._convolve_channels_last(waveform_BS)
        else:
            hidden_BTC = self._convolve_plain(waveform_BS)
        return self.projection(self.projection_norm(hidden_BTC))

    def _convolve_plain(self, waveform_BS: Tensor) -> Tensor:
        hidden_BCT = waveform_BS.unsqueeze(1)
        for conv in self.convs:
            hidden_BCT = self._run(conv, hidden_BCT)
        return hidden_BCT.transpose(1, 2)

    def _convolve_channels_last(self, waveform_BS: Tensor) -> Tensor:
        """Convolve the batch as one row.

        Each utterance is filled up to whole frames, so that every stride divides it. A window that reaches into the
        next utterance belongs to the frame that is cut off at the end: no frame that is kept sees it.
        """
        utterances, samples = waveform_BS.shape
        missing = -samples % SAMPLES_PER_FRAME
        hidden_NC = F.pad(waveform_BS, (0, missing)).reshape(-1, 1)
        for conv in self.convs:
            assert isinstance(conv, ConvLayer)
            hidden_NC = self._run(conv.forward_channels_last, hidden_NC)
        # (B * T', C) -> (B, T, C): at the end of each utterance stands a frame of fewer samples than a frame needs
        return hidden_NC.view(utterances, -1, hidden_NC.size(1))[:, : num_frames(samples)]

    def _run(self, function: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
        """Apply a layer; with `checkpoint_layers` its inner results are computed again in the backward pass."""
        if self.checkpoint_layers and torch.is_grad_enabled():
            return checkpoint(function, hidden, use_reentrant=False)
        return function(hidden)
