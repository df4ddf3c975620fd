"""Feature extractor F: waveform to projected frames.

In: normalised waveform (B, S) at 16 kHz. Out: frames (B, T, D) at 50 Hz for `context.py`.
Paper: Eqs. 1 and 2, Section 4.1 ("Initial Model").
"""

from torch import Tensor, nn
from torch.nn import functional as F

from emotion2vec.structs import CONV_KERNELS, CONV_STRIDES


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


class ConvFrontend(nn.Module):
    """Seven convolutions (320x downsampling), layer norm, linear projection to the transformer's width."""

    def __init__(self, *, conv_dim: int, embed_dim: int) -> None:
        super().__init__()
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
        hidden_BCT = waveform_BS.unsqueeze(1).to(self.projection.weight.dtype)
        for conv in self.convs:
            hidden_BCT = conv(hidden_BCT)
        return self.projection(self.projection_norm(hidden_BCT.transpose(1, 2)))
