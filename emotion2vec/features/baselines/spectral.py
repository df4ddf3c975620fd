"""Log-mel energies and MFCC: what the waveform tells without any learning.

In: padded speech (B, S). Out: one layer of frames (B, T, D). Both look at 25 ms at a time and at nothing beyond an
utterance's end. B utterances, S samples, T frames, W samples of a window, K bins, M bands, D width.
"""

import math
from pathlib import Path

import torch
from torch import Tensor

from emotion2vec.audio.torchaudio_compat import import_torchaudio
from emotion2vec.features.baselines.catalogue import Baseline
from emotion2vec.features.frames import FrameGrid, stack_rows, valid_rows
from emotion2vec.features.store import CheckpointIdentity
from emotion2vec.features.upstreams import HiddenStates, Upstream
from emotion2vec.structs import MIN_SAMPLES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

NO_CHECKPOINT = CheckpointIdentity(path=None, sha256=None, kind="baseline")


def load(baseline: Baseline, _given: Path | None, *, device: torch.device, dtype: str) -> Upstream:
    """Build `logmel` or `mfcc`; neither has weights, and both compute in float32 (`dtype`)."""
    assert dtype == "float32"
    return LogMelUpstream(device=device) if baseline.name == "logmel" else MfccUpstream(device)


class LogMelUpstream:
    """80 log-mel energies every 20 ms.

    Frame t covers samples 320 t to 320 t + 399 (25 ms), as the encoder's frames do, so both give the same number.
    """

    name = "logmel"
    identity = NO_CHECKPOINT
    num_states = 1
    num_tokens = 0
    grid = FrameGrid()
    normalises = False  # loudness tells about emotion
    needs_whole = False
    num_mels = 80
    _fft_size = 512

    def __init__(self, *, device: torch.device) -> None:
        self.device, self.dtype = device, "float32"
        self._window = torch.hann_window(MIN_SAMPLES, device=device)
        self._filters_KM = mel_filters(self.num_mels, self._fft_size).to(device)

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Compute log-mel energies; see `Upstream.encode`. Waveform (B, S) -> one layer (B, T, 80)."""
        # (B, S) -> (B, T, 400): frames overlap by 5 ms
        frames_BTW = waveform_BS.unfold(-1, MIN_SAMPLES, SAMPLES_PER_FRAME) * self._window
        power_BTK = torch.fft.rfft(frames_BTW, n=self._fft_size).abs().square()
        log_BTM = torch.log(power_BTK @ self._filters_KM + 1e-6)
        # fixed constants bring speech to about zero mean and unit variance: the probe's learning rate is made for that
        return HiddenStates.of_frames(((log_BTM + 4.0) / 4.0,))


class MfccUpstream:
    """13 mel-frequency cepstral coefficients and their first and second differences every 10 ms, as s3prl's `mfcc`.

    Kaldi's recipe (25 ms windows, 23 bands from 20 Hz, no dither) and differences over 5 frames, both torchaudio's.
    DEVIATION: s3prl then brings each utterance to zero mean and unit variance. Not here: an utterance's mean would be
    zero, and loudness and voice would be lost; the probe's `standardise` does it over the corpus.
    """

    name = "mfcc"
    identity = NO_CHECKPOINT
    num_states = 1
    num_tokens = 0
    grid = FrameGrid(window_samples=400, hop_samples=160, min_samples=400)
    normalises = False
    needs_whole = False

    def __init__(self, device: torch.device) -> None:
        import_torchaudio()
        self.device, self.dtype = device, "float32"

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Compute MFCC; see `Upstream.encode`. Waveform (B, S) -> one layer (B, T, 39)."""
        # row by row: differences at an utterance's end must not see the padding
        rows = [_mfcc(row) for row in valid_rows(waveform_BS, padding_BS)]
        return HiddenStates.of_frames((stack_rows(rows),))


def _mfcc(waveform_BS: Tensor) -> Tensor:
    """Compute the coefficients and differences of one utterance, (B, S) with B = 1 -> (T, 39)."""
    from torchaudio.compliance.kaldi import mfcc
    from torchaudio.functional import compute_deltas

    static_DT = mfcc(waveform_BS, sample_frequency=float(SAMPLE_RATE_HZ)).T
    first_DT = compute_deltas(static_DT)
    return torch.cat([static_DT, first_DT, compute_deltas(first_DT)]).T


def mel_filters(num_mels: int, fft_size: int) -> Tensor:
    """Build triangular filters, evenly spaced on the mel scale from 0 Hz to 8 kHz.

    Returns:
        Weights from the fft_size / 2 + 1 bins to the bands, (K, M).
    """
    top_mel = 2595.0 * math.log10(1.0 + SAMPLE_RATE_HZ / 2 / 700.0)
    edges_hz = 700.0 * (
        10.0 ** (torch.linspace(0, top_mel, num_mels + 2, dtype=torch.float64) / 2595.0) - 1.0
    )
    bins_hz = torch.linspace(0, SAMPLE_RATE_HZ / 2, fft_size // 2 + 1, dtype=torch.float64)
    rising_KM = (bins_hz[:, None] - edges_hz[None, :-2]) / (edges_hz[1:-1] - edges_hz[:-2])
    falling_KM = (edges_hz[None, 2:] - bins_hz[:, None]) / (edges_hz[2:] - edges_hz[1:-1])
    return torch.minimum(rising_KM, falling_KM).clamp(min=0).float()
