"""What features can be made with: a checkpoint, or a baseline known by its name.

In: checkpoint path or baseline name. Out: an `Upstream`: padded speech (B, S) -> hidden states, for `encode.py`.
B utterances, S samples, T frames, U utterance tokens, D width. Paper: Tables 2 and 4 (comparison of upstreams).
"""

import importlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.features.baselines.catalogue import BASELINES
from emotion2vec.features.frames import FrameGrid
from emotion2vec.features.processor import has_bfloat16
from emotion2vec.features.settings import DTYPES
from emotion2vec.features.store import CheckpointIdentity

logger = logging.getLogger(__name__)

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

    @classmethod
    def of_frames(cls, layers: tuple[Tensor, ...]) -> "HiddenStates":
        """Build the states of an upstream without utterance tokens from its layers (B, T, D), in float32."""
        return cls(
            tuple(layer.float() for layer in layers),
            tuple(layer.new_zeros(len(layer), 0, layer.shape[-1]).float() for layer in layers),
        )


class Upstream(Protocol):
    """A frozen model that turns speech into hidden states.

    Attributes:
        name: Name to show in tables.
        identity: The checkpoint.
        num_states: Hidden states: layers + 1.
        num_tokens: Utterance tokens.
        grid: Where its frames lie.
        normalises: The waveform must have zero mean and unit variance.
        needs_whole: Its frames depend on the whole recording, which is therefore never cut into windows.
        device: Where the computation runs.
        dtype: `float32` or `bfloat16`.
    """

    name: str
    identity: CheckpointIdentity
    num_states: int
    num_tokens: int
    grid: FrameGrid
    normalises: bool
    needs_whole: bool
    device: torch.device
    dtype: str

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Encode a padded batch; no valid frame depends on the padding or on another row.

        Args:
            waveform_BS: Speech at 16 kHz, zero where padded, (B, S).
            padding_BS: True where the sample is padding, (B, S); None when nothing is.
        """
        ...


@runtime_checkable
class SummarisingUpstream(Upstream, Protocol):
    """An upstream that has a vector of its own for an utterance, instead of the mean over its frames."""

    def summarise(self, waveform_S: Tensor) -> Tensor:
        """Describe an utterance.

        Args:
            waveform_S: Speech at 16 kHz, (S,).

        Returns:
            (D,), float32, on the CPU; D need not be the width of the frames.
        """
        ...


def load_upstream(
    checkpoint: Path | str, *, device: str = "auto", dtype: str = "float32"
) -> Upstream:
    """Load a checkpoint or a baseline.

    Args:
        checkpoint: The name of a baseline, NAME:PATH for a baseline with the weights at PATH, a path (`./logmel`
            where a folder has such a name), or `untrained:PATH` for the architecture of the checkpoint at PATH with
            fresh weights from seed 0.
        device: `auto` (CUDA where there is one), `cpu` or `cuda`.
        dtype: `float32`, or `bfloat16` for autocast.

    Raises:
        CheckpointError: Neither a checkpoint nor a baseline; or damaged, unsafe, of another architecture, or its
            weights are neither here nor to be fetched.
        ConfigError: The device, the precision or a package is not available.
    """
    target = resolve_device(device)
    if dtype not in DTYPES:
        raise ConfigError(f"dtype must be one of {DTYPES}, but is {dtype!r}")
    if dtype == "bfloat16" and target.type == "cpu" and has_bfloat16() is False:
        logger.warning(
            "this processor has no instructions for bfloat16: float32 is faster here, and more precise"
        )
    name, separator, given = str(checkpoint).partition(":")
    if name in BASELINES and (given or not separator):
        return _load_baseline(name, Path(given) if given else None, device=target, dtype=dtype)
    from emotion2vec.features.encoder_upstream import load_encoder_upstream

    untrained = str(checkpoint).startswith(UNTRAINED_PREFIX)
    path = Path(str(checkpoint).removeprefix(UNTRAINED_PREFIX))
    if not path.exists():
        raise CheckpointError(
            f"no checkpoint {str(path)!r}: expected an existing file or folder, {UNTRAINED_PREFIX}PATH, "
            f"or one of the baselines {sorted(BASELINES)}"
        )
    return load_encoder_upstream(path, untrained=untrained, device=target, dtype=dtype)


def _load_baseline(name: str, given: Path | None, *, device: torch.device, dtype: str) -> Upstream:
    """Load a baseline; its module, and what that needs, are imported now and not before."""
    baseline = BASELINES[name]
    if given is not None and baseline.url is None:
        raise CheckpointError(
            f"{name} has no weights, so '{name}:{given}' means nothing; say {name}"
        )
    if dtype != "float32" and not baseline.narrow:
        raise ConfigError(f"{name} is computed in float32 only, but dtype is {dtype!r}")
    module = importlib.import_module(f"emotion2vec.features.baselines.{baseline.module}")
    upstream: Upstream = module.load(baseline, given, device=device, dtype=dtype)
    return upstream


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
