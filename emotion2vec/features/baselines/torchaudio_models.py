"""wav2vec 2.0, HuBERT and WavLM, base and large: torchaudio's models with its released weights.

In: padded speech (B, S). Out: hidden states (B, T, D), the transformer's input first and its output last.
B utterances, S samples, T frames, C channels of the convolutions, D width. Paper: Table 2.

torchaudio's own `extract_features(waveforms, lengths)` lets padding through: the base models normalise over time after
the first convolution, and WavLM takes no lengths. So the convolutions run over each utterance alone, and only the
transformer, whose attention can leave padding out, runs over the batch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emotion2vec.audio.torchaudio_compat import import_torchaudio
from emotion2vec.features.baselines.catalogue import Baseline
from emotion2vec.features.baselines.state import fill
from emotion2vec.features.baselines.weights import find_weights
from emotion2vec.features.frames import FrameGrid, row_lengths, stack_rows
from emotion2vec.features.store import CheckpointIdentity
from emotion2vec.features.upstreams import HiddenStates
from emotion2vec.model.checkpoint import file_sha256, read_state
from emotion2vec.structs import padding_from_lengths

# names of the weight-normalised position convolution before and since torch's parametrizations
_RENAMED = {"conv.weight_g": "conv.parametrizations.weight.original0",
            "conv.weight_v": "conv.parametrizations.weight.original1"}  # fmt: skip


@dataclass(frozen=True)
class Architecture:
    """What torchaudio's released file of a model fits.

    Attributes:
        factory: Function of `torchaudio.models` that builds it.
        normalises: It was trained on waveforms of zero mean and unit variance.
        relative_positions: Its attention has WavLM's gated relative position bias.
    """

    factory: str
    normalises: bool
    relative_positions: bool


ARCHITECTURES = {
    "wav2vec2_base": Architecture("wav2vec2_base", normalises=False, relative_positions=False),
    "hubert_base": Architecture("hubert_base", normalises=False, relative_positions=False),
    "wavlm_base": Architecture("wavlm_base", normalises=False, relative_positions=True),
    "wavlm_base_plus": Architecture("wavlm_base", normalises=False, relative_positions=True),
    "wav2vec2_large": Architecture("wav2vec2_large_lv60k", normalises=True, relative_positions=False),
    "hubert_large": Architecture("hubert_large", normalises=True, relative_positions=False),
    "wavlm_large": Architecture("wavlm_large", normalises=True, relative_positions=True),
}  # fmt: skip


class TorchaudioUpstream:
    """A frozen wav2vec 2.0, HuBERT or WavLM."""

    num_tokens = 0
    needs_whole = False
    grid = FrameGrid()

    def __init__(
        self,
        model: nn.Module,
        *,
        name: str,
        identity: CheckpointIdentity,
        architecture: Architecture,
        device: torch.device,
        dtype: str,
    ) -> None:
        self.name, self.identity = name, identity
        self.device, self.dtype = device, dtype
        self.normalises = architecture.normalises
        self._relative_positions = architecture.relative_positions
        # Any: torchaudio is untyped, and this lets the attributes of its modules be reached
        frozen: Any = model.to(device).eval()
        self._extractor, self._encoder = frozen.feature_extractor, frozen.encoder
        self.num_states = len(self._encoder.transformer.layers) + 1

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Run the model; see `Upstream.encode`. Waveform (B, S) -> layers (B, T, D)."""
        narrow = self.dtype == "bfloat16"
        lengths = row_lengths(waveform_BS, padding_BS)
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=narrow),
        ):
            frames_BTC = self._convolve(waveform_BS, lengths)
            frame_lengths = [self.grid.num_frames(length) for length in lengths]
            padding_BT = padding_from_lengths(
                torch.tensor(frame_lengths, device=self.device), frames_BTC.shape[1]
            )
            states = self._transform(frames_BTC, padding_BT)
        return HiddenStates.of_frames(tuple(states))

    def _convolve(self, waveform_BS: Tensor, lengths: list[int]) -> Tensor:
        """Run the convolutions, (B, S) -> (B, T, C): over the batch only where no row has padding."""
        if min(lengths) == waveform_BS.shape[1]:
            return self._extractor(waveform_BS, None)[0]
        rows = [
            self._extractor(waveform_BS[row, None, :length], None)[0][0]
            for row, length in enumerate(lengths)
        ]
        return stack_rows(rows)

    def _transform(self, frames_BTC: Tensor, padding_BT: Tensor) -> list[Tensor]:
        """Run the transformer, (B, T, C) -> its input and the output of each layer, each (B, T, D)."""
        transformer = self._encoder.transformer
        hidden_BTD = self._encoder.feature_projection(frames_BTC)
        # the position convolution sees zeros behind an utterance's end, as it does where nothing is padded
        hidden_BTD = hidden_BTD.masked_fill(padding_BT[..., None], 0.0)
        hidden_BTD = hidden_BTD + transformer.pos_conv_embed(hidden_BTD)
        if transformer.layer_norm_first:
            hidden_BTD = transformer.layer_norm(hidden_BTD)
        states, position_bias = [hidden_BTD], None
        mask = self._attention_mask(padding_BT)
        for layer in transformer.layers:
            hidden_BTD, position_bias = layer(hidden_BTD, position_bias=position_bias, **mask)
            states.append(hidden_BTD)
        if not transformer.layer_norm_first:
            # pre-norm (large) models: the output is normalised, the states between the layers are not
            states[-1] = transformer.layer_norm(states[-1])
        return states

    def _attention_mask(self, padding_BT: Tensor) -> dict[str, Tensor]:
        """Build the mask in the form that the model's attention takes; {} when nothing is padded."""
        if not bool(padding_BT.any()):
            return {}
        mask_BT = torch.zeros_like(padding_BT, dtype=torch.float32)
        mask_BT = mask_BT.masked_fill(padding_BT, -torch.inf)
        if self._relative_positions:
            return {"key_padding_mask": mask_BT}
        batch, length = padding_BT.shape
        # (B, T) of the keys -> (B, 1, T, T): the same for all heads and queries
        return {"attention_mask": mask_BT[:, None, None, :].expand(batch, 1, length, length)}


def load(
    baseline: Baseline, given: Path | None, *, device: torch.device, dtype: str
) -> TorchaudioUpstream:
    """Load a model.

    Raises:
        CheckpointError: The file is missing, cannot be read safely, or holds another model.
    """
    path = find_weights(baseline, given)
    architecture = ARCHITECTURES[baseline.name]
    # the file is read first: a wrong one is found before torchaudio is imported
    tensors = {_todays_name(str(key)): value for key, value in read_state(path).items()}
    model = build_model(architecture)
    fill(model, tensors, path=path, expected=f"torchaudio's file {baseline.url}")
    return TorchaudioUpstream(
        model,
        name=baseline.name,
        identity=CheckpointIdentity(path.name, file_sha256(path), "torchaudio"),
        architecture=architecture,
        device=device,
        dtype=dtype,
    )


def build_model(architecture: Architecture) -> nn.Module:
    """Build a model without weights: on torch's `meta` device, so that nothing is drawn or allocated."""
    factory = getattr(import_torchaudio().models, architecture.factory)
    with torch.device("meta"):
        model: nn.Module = factory()
    return model


def _todays_name(key: str) -> str:
    for old, new in _RENAMED.items():
        key = f"{key.removesuffix(old)}{new}" if key.endswith(old) else key
    return key
