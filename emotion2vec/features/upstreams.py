"""What features can be made with: a checkpoint, or a baseline known by its name.

In: checkpoint path or baseline name. Out: an `Upstream`: padded speech (B, S) -> hidden states, for `encode.py`.
B utterances, S samples, T frames, U utterance tokens, D width. Paper: Tables 2 and 4 (comparison of upstreams).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.features.settings import DTYPES
from emotion2vec.features.store import CheckpointIdentity
from emotion2vec.model.encoder import EncoderFeatures, SpeechEncoder
from emotion2vec.structs import FRAME_RATE_HZ, MIN_SAMPLES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

UNTRAINED_PREFIX = "untrained:"


@dataclass(frozen=True)
class HiddenStates:
    """What an upstream makes of a batch.

    Attributes:
        layers: Frame outputs, each (B, T, D); the first is the input of the first transformer layer.
        tokens: Utterance-token outputs of the same layers, each (B, U, D); U = 0 without tokens.
    """

    layers: tuple[Tensor, ...]
    tokens: tuple[Tensor, ...]


class Upstream(Protocol):
    """A frozen model that turns speech into hidden states.

    Attributes:
        name: Name to show in tables.
        identity: The checkpoint.
        num_states: Hidden states: layers + 1.
        num_tokens: Utterance tokens.
        frame_rate_hz: Frames a second; frame t starts at sample 320 t.
        normalises: The waveform must have zero mean and unit variance.
        device: Where the computation runs.
        dtype: `float32` or `bfloat16`.
    """

    name: str
    identity: CheckpointIdentity
    num_states: int
    num_tokens: int
    frame_rate_hz: float
    normalises: bool
    device: torch.device
    dtype: str

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Encode a padded batch.

        Args:
            waveform_BS: Speech at 16 kHz, zero where padded, (B, S).
            padding_BS: True where the sample is padding, (B, S); None when nothing is.
        """
        ...


class EncoderUpstream:
    """Our encoder, pre-trained or not."""

    normalises = True
    frame_rate_hz = float(FRAME_RATE_HZ)

    def __init__(
        self,
        encoder: SpeechEncoder,
        *,
        name: str,
        identity: CheckpointIdentity,
        num_states: int,
        num_tokens: int,
        device: torch.device,
        dtype: str,
    ) -> None:
        self.name, self.identity = name, identity
        self.num_states, self.num_tokens = num_states, num_tokens
        self.device, self.dtype = device, dtype
        self._encoder = encoder.to(device).eval()

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Run the encoder; see `Upstream.encode`. Waveform (B, S) -> layers (B, T, D), tokens (B, U, D)."""
        narrow = self.dtype == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=narrow),
        ):
            features: EncoderFeatures = self._encoder.extract(waveform_BS, padding_BS)
        return HiddenStates(
            tuple(layer.float() for layer in features.layers),
            tuple(tokens.float() for tokens in features.tokens),
        )


class LogMelUpstream:
    """80 log-mel energies every 20 ms: what the waveform tells without any learning.

    Frame t covers samples 320 t to 320 t + 399 (25 ms), as the encoder's frames do, so both give the same number.
    """

    name = "logmel"
    num_states = 1
    num_tokens = 0
    frame_rate_hz = float(FRAME_RATE_HZ)
    normalises = False  # loudness tells about emotion
    num_mels = 80
    _fft_size = 512

    def __init__(self, *, device: torch.device) -> None:
        self.device, self.dtype = device, "float32"
        self.identity = CheckpointIdentity(path=None, sha256=None, kind="baseline")
        self._window = torch.hann_window(MIN_SAMPLES, device=device)
        self._filters_KM = mel_filters(self.num_mels, self._fft_size).to(device)

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Compute log-mel energies; see `Upstream.encode`. Waveform (B, S) -> one layer (B, T, 80)."""
        # (B, S) -> (B, T, 400): frames overlap by 5 ms
        frames_BTW = waveform_BS.unfold(-1, MIN_SAMPLES, SAMPLES_PER_FRAME) * self._window
        power_BTK = torch.fft.rfft(frames_BTW, n=self._fft_size).abs().square()
        log_BTM = torch.log(power_BTK @ self._filters_KM + 1e-6)
        # fixed constants bring speech to about zero mean and unit variance: the probe's learning rate is made for that
        return HiddenStates(
            ((log_BTM + 4.0) / 4.0,), (log_BTM.new_zeros(len(log_BTM), 0, self.num_mels),)
        )


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


def _load_logmel(device: torch.device, dtype: str) -> Upstream:
    if dtype != "float32":
        raise ConfigError(f"logmel is computed in float32 only, but dtype is {dtype!r}")
    return LogMelUpstream(device=device)


BASELINES: dict[str, Callable[[torch.device, str], Upstream]] = {"logmel": _load_logmel}


def load_upstream(
    checkpoint: Path | str, *, device: str = "auto", dtype: str = "float32"
) -> Upstream:
    """Load a checkpoint or a baseline.

    Args:
        checkpoint: The name of a baseline, a path (`./logmel` where a folder has such a name), or
            `untrained:PATH` for the architecture of the checkpoint at PATH with fresh weights from seed 0.
        device: `auto` (CUDA where there is one), `cpu` or `cuda`.
        dtype: `float32`, or `bfloat16` for autocast.

    Raises:
        CheckpointError: Neither a checkpoint nor a baseline; or damaged, unsafe, of another architecture.
        ConfigError: The device or precision is not available.
    """
    target = resolve_device(device)
    if dtype not in DTYPES:
        raise ConfigError(f"dtype must be one of {DTYPES}, but is {dtype!r}")
    name = str(checkpoint)
    if name in BASELINES:
        return BASELINES[name](target, dtype)
    untrained = name.startswith(UNTRAINED_PREFIX)
    path = Path(name.removeprefix(UNTRAINED_PREFIX))
    if not path.exists():
        raise CheckpointError(
            f"no checkpoint {str(path)!r}: expected an existing file or folder, {UNTRAINED_PREFIX}PATH, "
            f"or one of the baselines {sorted(BASELINES)}"
        )
    return _load_encoder(path, untrained=untrained, device=target, dtype=dtype)


def _load_encoder(path: Path, *, untrained: bool, device: torch.device, dtype: str) -> Upstream:
    from emotion2vec.model.checkpoint import load_encoder
    from emotion2vec.model.factory import build_encoder

    # building a model draws weights: a program that extracts features keeps its own random numbers
    with torch.random.fork_rng(devices=[]):
        loaded = load_encoder(path)
        torch.manual_seed(0)
        encoder = build_encoder(loaded.config) if untrained else loaded.encoder
    return EncoderUpstream(
        encoder,
        name=f"untrained ({path.name})" if untrained else path.name,
        identity=CheckpointIdentity(
            path.name, loaded.sha256, "untrained" if untrained else loaded.kind
        ),
        num_states=loaded.config.num_layers + 1,
        num_tokens=loaded.config.num_utterance_tokens,
        device=device,
        dtype=dtype,
    )


def resolve_device(name: str) -> torch.device:
    """Turn `auto`, `cpu` or `cuda` into a device.

    Raises:
        ConfigError: CUDA is asked for, but not there; or another word.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device must be auto, cpu or cuda, but is {name!r}")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError(
            "device is cuda, but torch finds no CUDA device here; use --device cpu or auto"
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")
