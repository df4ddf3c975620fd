"""The network that users keep: feature extractor and backbone, waveform to features of every layer.

In: normalised waveforms (B, S). Out: hidden states of all layers (B, T, D), utterance tokens (B, U, D).
Paper: Figure 1, left (student without decoder).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotion2vec.model.context import ContextEncoder
from emotion2vec.model.frontend import ConvFrontend
from emotion2vec.structs import MIN_SAMPLES, SAMPLES_PER_FRAME, frame_padding, num_frames


@dataclass(frozen=True)
class EncoderFeatures:
    """Features of a batch; index 0 is the input of the first transformer layer, i the output of layer i.

    Attributes:
        layers: Frame features, each (B, T, D).
        tokens: Outputs of the utterance tokens, each (B, U, D); U is 0 for a model without tokens.
        padding_BT: True where a frame is padding, (B, T); None when nothing is padded.
    """

    layers: tuple[Tensor, ...]
    tokens: tuple[Tensor, ...]
    padding_BT: Tensor | None


class SpeechEncoder(nn.Module):
    """Feature extractor F followed by backbone B (Section 3.1)."""

    def __init__(self, frontend: ConvFrontend, context: ContextEncoder) -> None:
        super().__init__()
        self.frontend = frontend
        self.context = context

    @torch.no_grad()
    def extract(
        self,
        waveform_BS: Tensor,
        padding_BS: Tensor | None = None,
        *,
        tile_frames: int | None = None,
    ) -> EncoderFeatures:
        """Return the features of every layer; nothing is masked.

        Features of valid frames do not depend on the padding or on the other utterances of the batch.

        Args:
            waveform_BS: Waveforms, each normalised before padding, (B, S).
            padding_BS: True where the sample is padding, (B, S).
            tile_frames: Run the feature extractor on so many frames of one utterance at a time; None runs it on the
                whole batch. Same features up to rounding, in a fraction of the memory.
        """
        padding_BT = None if padding_BS is None else frame_padding(padding_BS)
        if tile_frames is None:
            frames_BTD = self.frontend(waveform_BS)
        else:
            frames_BTD = self._frames_in_tiles(waveform_BS, padding_BT, tile_frames)
        output = self.context(frames_BTD, padding_RT=padding_BT)
        num_tokens = output.num_tokens
        return EncoderFeatures(
            layers=tuple(hidden_BND[:, num_tokens:] for hidden_BND in output.hidden),
            tokens=tuple(hidden_BND[:, :num_tokens] for hidden_BND in output.hidden),
            padding_BT=padding_BT,
        )

    def _frames_in_tiles(
        self, waveform_BS: Tensor, padding_BT: Tensor | None, tile_frames: int
    ) -> Tensor:
        """Project frames (B, T, D) tile by tile, and none that are padding: those stay zero.

        No convolution pads its input, so frame t needs the samples [320 t, 320 t + 400) and no others.
        """
        rows, total = len(waveform_BS), num_frames(waveform_BS.size(1))
        lengths = [total] * rows if padding_BT is None else (~padding_BT).sum(dim=1).tolist()
        frames_BTD = waveform_BS.new_zeros(rows, total, self.frontend.projection.out_features)
        for row, length in enumerate(lengths):
            for start in range(0, length, tile_frames):
                stop = min(start + tile_frames, length)
                last_sample = (stop - 1) * SAMPLES_PER_FRAME + MIN_SAMPLES
                tile_BS = waveform_BS[row : row + 1, start * SAMPLES_PER_FRAME : last_sample]
                frames_BTD[row, start:stop] = self.frontend(tile_BS)[0]
        return frames_BTD
