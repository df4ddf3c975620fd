"""The network that users keep: feature extractor and backbone, waveform to features of every layer.

In: normalised waveforms (B, S). Out: hidden states of all layers (B, T, D), utterance tokens (B, U, D).
Paper: Figure 1, left (student without decoder).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotion2vec.model.context import ContextEncoder
from emotion2vec.model.frontend import ConvFrontend
from emotion2vec.structs import frame_padding


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
    def extract(self, waveform_BS: Tensor, padding_BS: Tensor | None = None) -> EncoderFeatures:
        """Return the features of every layer; nothing is masked.

        Features of valid frames do not depend on the padding or on the other utterances of the batch.

        Args:
            waveform_BS: Waveforms, each normalised before padding, (B, S).
            padding_BS: True where the sample is padding, (B, S).
        """
        padding_BT = None if padding_BS is None else frame_padding(padding_BS)
        output = self.context(self.frontend(waveform_BS), padding_RT=padding_BT)
        num_tokens = output.num_tokens
        return EncoderFeatures(
            layers=tuple(hidden_BND[:, num_tokens:] for hidden_BND in output.hidden),
            tokens=tuple(hidden_BND[:, :num_tokens] for hidden_BND in output.hidden),
            padding_BT=padding_BT,
        )
