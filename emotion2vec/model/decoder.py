"""From visible frames to predictions of the masked ones, as in data2vec 2.0: what is masked is dropped.

In: encoder output of visible frames (R, V, D). Out: predictions at masked frames (N, D), N = masked frames of all rows.
Paper: Section 4.1 (data2vec 2.0: masked parts are complemented with Gaussian noise, then a 4-layer CNN).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotion2vec.model.channels_last import grouped_conv, use_channels_last
from emotion2vec.model.context import ContextEncoder, ContextOutput
from emotion2vec.model.masking import gather_frames, visible_first
from emotion2vec.model.prediction import MaskedPrediction


def restore_frames(visible_RVD: Tensor, masked_RT: Tensor, noise_std: float) -> Tensor:
    """Put visible frames back at their places and Gaussian noise at the masked ones: (R, T, D).

    Args:
        visible_RVD: Visible frames in order, (R, V, D).
        masked_RT: True where a frame is masked, (R, T), V False in each row.
        noise_std: Standard deviation of the noise.
    """
    rows, num_visible, dim = visible_RVD.shape
    noise_RMD = visible_RVD.new_empty(rows, masked_RT.size(1) - num_visible, dim)
    noise_RMD.normal_(0.0, noise_std)
    places_RT = visible_first(masked_RT).argsort(dim=1)
    return gather_frames(torch.cat([visible_RVD, noise_RMD], dim=1), places_RT)


class ConvDecoder(MaskedPrediction):
    """Grouped convolutions with layer norm (no weights), GELU and residual sums; then a linear projection."""

    def __init__(
        self,
        dim: int,
        *,
        decoder_dim: int,
        num_layers: int,
        kernel: int,
        groups: int,
        input_dropout: float,
        noise_std: float,
        convolutions: str = "auto",
    ) -> None:
        super().__init__()
        self.convolutions = convolutions
        self.noise_std = noise_std
        in_dims = [dim] + [decoder_dim] * (num_layers - 1)
        self.convs = nn.ModuleList(
            nn.Conv1d(in_dim, decoder_dim, kernel, padding=kernel // 2, groups=groups)
            for in_dim in in_dims
        )
        self.proj = nn.Linear(decoder_dim, dim)
        self.input_dropout = nn.Dropout(input_dropout)

    def encode(
        self,
        context: ContextEncoder,
        frames_BTD: Tensor,
        masked_RT: Tensor,
        *,
        padding_RT: Tensor | None = None,
    ) -> ContextOutput:
        """Encode the visible frames only (Eq. 4); see `MaskedPrediction`."""
        return context(frames_BTD, padding_RT=padding_RT, masked_RT=masked_RT)

    def forward(
        self, frames_RVD: Tensor, masked_RT: Tensor, *, padding_RT: Tensor | None = None
    ) -> Tensor:
        """Predict the masked frames of all rows, row by row: (N, D).

        Padded frames are set to zero before every convolution, as in `positions.py`: an utterance gets the
        predictions that it would get alone.

        DEVIATION: the released code drops out the encoder's output in place, so its utterance prediction is dropped
        out too; here dropout touches the decoder's input only.

        Args:
            frames_RVD: Encoder's output at visible frames, (R, V, D).
            masked_RT: True where a frame is masked, (R, T).
            padding_RT: True where a frame is padding, (R, T).
        """
        frames_RTD = restore_frames(self.input_dropout(frames_RVD), masked_RT, self.noise_std)
        channels_last = use_channels_last(self.convolutions, frames_RTD)
        convolve = self._convolve_channels_last if channels_last else self._convolve_plain
        # (R, T, D') -> (N, D'): only masked frames enter the loss, so only they are projected
        return self.proj(convolve(frames_RTD, padding_RT)[masked_RT])

    def _convolve_plain(self, frames_RTD: Tensor, padding_RT: Tensor | None) -> Tensor:
        hidden_RDT = frames_RTD.transpose(1, 2)
        for conv in self.convs:
            if padding_RT is not None:
                hidden_RDT = hidden_RDT.masked_fill(padding_RT.unsqueeze(1), 0.0)
            output_RDT = conv(hidden_RDT)[..., : frames_RTD.size(1)]
            normed_RTD = F.layer_norm(output_RDT.transpose(1, 2), output_RDT.shape[1:2])
            output_RDT = F.gelu(normed_RTD.transpose(1, 2))
            same_width = output_RDT.size(1) == hidden_RDT.size(1)
            hidden_RDT = output_RDT + hidden_RDT if same_width else output_RDT
        return hidden_RDT.transpose(1, 2)

    def _convolve_channels_last(self, frames_RTD: Tensor, padding_RT: Tensor | None) -> Tensor:
        hidden_RTD = frames_RTD
        for conv in self.convs:
            if padding_RT is not None:
                hidden_RTD = hidden_RTD.masked_fill(padding_RT.unsqueeze(2), 0.0)
            output_RTD = grouped_conv(conv, hidden_RTD)[:, : frames_RTD.size(1)]
            output_RTD = F.gelu(F.layer_norm(output_RTD, output_RTD.shape[2:]))
            same_width = output_RTD.size(2) == hidden_RTD.size(2)
            hidden_RTD = output_RTD + hidden_RTD if same_width else output_RTD
        return hidden_RTD
