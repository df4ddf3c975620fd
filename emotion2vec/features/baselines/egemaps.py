"""eGeMAPSv02, computed by openSMILE: the descriptors that experts chose for voices and emotions.

In: padded speech (B, S). Out: 25 low-level descriptors every 10 ms as frames (B, T, 25); of an utterance, openSMILE's
own 88 functionals instead of a mean. B utterances, S samples, T frames, D descriptors.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotion2vec.errors import ConfigError
from emotion2vec.features.baselines.catalogue import Baseline
from emotion2vec.features.baselines.spectral import NO_CHECKPOINT
from emotion2vec.features.frames import FrameGrid, stack_rows, valid_rows
from emotion2vec.features.upstreams import HiddenStates
from emotion2vec.structs import SAMPLE_RATE_HZ


def load(
    _baseline: Baseline, _given: Path | None, *, device: torch.device, dtype: str
) -> "EgemapsUpstream":
    """Set openSMILE up; it computes on the CPU in float32, whatever `device` is.

    Raises:
        ConfigError: The package is missing.
    """
    assert dtype == "float32"
    return EgemapsUpstream(device)


class EgemapsUpstream:
    """25 descriptors of a frame (loudness, spectrum, pitch, voice quality, formants); 88 functionals of an utterance.

    openSMILE smooths over three frames and follows the pitch over the whole recording, which is thus never cut.
    """

    name = "egemaps"
    identity = NO_CHECKPOINT
    num_states = 1
    num_tokens = 0
    # counted on openSMILE 3.0: 2 frames of 960 samples, one more for every 160; of fewer samples it makes none
    grid = FrameGrid(window_samples=800, hop_samples=160, min_samples=960)
    normalises = False
    needs_whole = True

    def __init__(self, device: torch.device) -> None:
        opensmile = _import_opensmile()
        self.device, self.dtype = device, "float32"
        self._descriptors, self._functionals = (
            opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, level)
            for level in (
                opensmile.FeatureLevel.LowLevelDescriptors,
                opensmile.FeatureLevel.Functionals,
            )
        )

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Compute the low-level descriptors; see `Upstream.encode`. Waveform (B, S) -> one layer (B, T, 25)."""
        rows = valid_rows(waveform_BS, padding_BS)
        return HiddenStates.of_frames(
            (stack_rows([_process(self._descriptors, row[0]) for row in rows]),)
        )

    def summarise(self, waveform_S: Tensor) -> Tensor:
        """Compute the functionals of an utterance, (S,) -> (88,)."""
        return _process(self._functionals, waveform_S)[0]


def _process(smile: Any, waveform_S: Tensor) -> Tensor:
    """Run openSMILE over one utterance, (S,) -> (T, D)."""
    table = smile.process_signal(waveform_S.cpu().numpy(), SAMPLE_RATE_HZ)
    return torch.from_numpy(table.to_numpy(dtype="float32", copy=True))


def _import_opensmile() -> Any:
    try:
        import opensmile
    except ImportError:
        raise ConfigError(
            "egemaps needs the package opensmile (free for research, not for commercial products): "
            "pip install 'emotion2vec[egemaps]', or pip install opensmile"
        ) from None
    return opensmile
