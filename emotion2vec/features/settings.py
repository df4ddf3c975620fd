"""What a user may ask of an extraction: granularity, layers, and what an utterance's vector is made of.

In: words from the command line or the Python API. Out: `ExtractionSettings` for `encode.py`; the choice of layers
applied to hidden states. B utterances, T frames, L layers, D width. Paper: Section 4.2 (last layer, 50 Hz).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from emotion2vec.errors import ConfigError
from emotion2vec.structs import SAMPLE_RATE_HZ

GRANULARITIES = ("frame", "utterance")
UTTERANCE_SOURCES = ("frames", "tokens", "both")
DTYPES = ("float32", "bfloat16")
_NUM_LAST = 4
# seconds of padded audio in a batch; of 1, 6, 20 and 60, 6 and 20 were the fastest on 2 cores, and no GPU was measured
_BATCH_SECONDS = {"cpu": 20.0}
_BATCH_SECONDS_ELSEWHERE = 60.0
# the shortest utterance of a batch is at least so long, as a share of the longest: a CPU has no time for padding
_LEAST_FILL = {"cpu": 0.8}


@dataclass(frozen=True)
class LayerSelection:
    """Which hidden states become features.

    Attributes:
        name: `last`, `all`, `last4` or comma-separated numbers; 0 is the input of the first transformer layer.
    """

    name: str = "last"

    def __post_init__(self) -> None:
        if self.name in ("last", "all", "last4"):
            return
        if not all(part.isascii() and part.isdigit() for part in self.name.split(",")):
            raise ConfigError(
                f"layers must be 'last', 'all', 'last4' or numbers such as 0,6,12, but is {self.name!r}"
            )

    def check(self, num_states: int, source: str) -> None:
        """Check that a model has these layers.

        Args:
            num_states: Hidden states of the model: its layers + 1.
            source: Name of the model, for the message.

        Raises:
            ConfigError: It has not.
        """
        if self.name == "last4" and num_states <= _NUM_LAST:
            raise ConfigError(
                f"layers=last4 needs 4 transformer layers, but {source} has {num_states - 1}"
            )
        wrong = [number for number in self._numbers() if number >= num_states]
        if wrong:
            raise ConfigError(f"layers {wrong} do not exist: {source} has 0 to {num_states - 1}")

    def select(self, states: Sequence[Tensor]) -> Tensor:
        """Pick the layers.

        Args:
            states: Hidden states, each (B, T, D).

        Returns:
            (B, T, D) for `last`, `last4` and a single number; (B, T, L, D) for `all` and several numbers.
        """
        if self.name == "last":
            return states[-1]
        if self.name == "last4":
            return torch.stack(tuple(states[-_NUM_LAST:])).mean(dim=0)
        numbers = self._numbers() or range(len(states))
        if self.name != "all" and len(numbers) == 1:
            return states[numbers[0]]
        # L tensors (B, T, D) -> (B, T, L, D)
        return torch.stack([states[number] for number in numbers], dim=2)

    def _numbers(self) -> list[int]:
        if self.name in ("last", "all", "last4"):
            return []
        return [int(part) for part in self.name.split(",")]


@dataclass(frozen=True)
class WindowPlan:
    """How long audio is cut, so that memory does not grow with its length.

    Attributes:
        longest_s: Audio up to this long is encoded in one piece, in seconds.
        core_s: What a window of longer audio contributes, in seconds.
        context_s: What the window sees as well on either side, in seconds.
    """

    longest_s: float = 60.0
    core_s: float = 30.0
    context_s: float = 2.0

    def is_long(self, num_samples: int) -> bool:
        """Say whether audio of this many samples is cut."""
        return num_samples > self.longest_s * SAMPLE_RATE_HZ

    def windows(self, total_frames: int, rate_hz: float) -> list[tuple[int, int, int, int]]:
        """Cut the frames; every one lies in exactly one core.

        Args:
            total_frames: Frames of the audio.
            rate_hz: Frames a second.

        Returns:
            (first seen, first kept, end of kept, end of seen) for each window, in frames.
        """
        core, context = round(self.core_s * rate_hz), round(self.context_s * rate_hz)
        cores = [(start, min(start + core, total_frames)) for start in range(0, total_frames, core)]
        return [
            (max(0, start - context), start, end, min(total_frames, end + context))
            for start, end in cores
        ]


@dataclass(frozen=True)
class ExtractionSettings:
    """One way to turn speech into features.

    Attributes:
        granularity: `frame`: one vector every 20 ms; `utterance`: one vector.
        layers: Which hidden states.
        utterance_from: What an utterance's vector is: the mean over `frames`, the mean over the utterance
            `tokens`' outputs, or `both` one after the other (2 D wide).
        batch_seconds: Padded audio in a batch, at most (one utterance may be longer); None leaves it to the device.
        window: How long audio is cut.
    """

    granularity: str = "frame"
    layers: LayerSelection = field(default_factory=LayerSelection)
    utterance_from: str = "frames"
    batch_seconds: float | None = None
    window: WindowPlan = field(default_factory=WindowPlan)

    def __post_init__(self) -> None:
        problems = []
        if self.granularity not in GRANULARITIES:
            problems.append(
                f"granularity must be one of {GRANULARITIES}, but is {self.granularity!r}"
            )
        if self.utterance_from not in UTTERANCE_SOURCES:
            problems.append(
                f"utterance_from must be one of {UTTERANCE_SOURCES}, but is {self.utterance_from!r}"
            )
        seconds = self.batch_seconds
        if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
            problems.append(f"batch_seconds must be > 0 and finite, but is {self.batch_seconds}")
        if problems:
            raise ConfigError("; ".join(problems))

    def batch_samples(self, device_type: str) -> int:
        """Return `batch_seconds` in samples at 16 kHz.

        Args:
            device_type: `cpu` or `cuda`: where the computation runs.
        """
        seconds = self.batch_seconds
        if seconds is None:
            seconds = _BATCH_SECONDS.get(device_type, _BATCH_SECONDS_ELSEWHERE)
        return int(seconds * SAMPLE_RATE_HZ)

    def plan(self, lengths: Sequence[int], device_type: str) -> list[list[int]]:
        """Group utterances into batches, see `plan_batches`."""
        least_fill = _LEAST_FILL.get(device_type, 0.0)
        return plan_batches(lengths, self.batch_samples(device_type), least_fill=least_fill)


def plan_batches(
    lengths: Sequence[int], max_samples: int, *, least_fill: float = 0.0
) -> list[list[int]]:
    """Group utterances of similar length.

    Args:
        lengths: Samples of each utterance.
        max_samples: Samples in a batch with its padding, at most; a longer utterance is a batch of its own.
        least_fill: The shortest of a batch is at least this share of the longest, between 0 and 1.

    Returns:
        Positions of each batch's utterances; a function of the arguments alone.

    >>> plan_batches([5, 1, 9, 2], 6)
    [[1, 3], [0], [2]]
    >>> plan_batches([5, 1, 9, 2], 6, least_fill=0.8)
    [[1], [3], [0], [2]]
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda position: (lengths[position], position)):
        length = lengths[index]
        fits = bool(batches) and (len(batches[-1]) + 1) * length <= max_samples
        if fits and lengths[batches[-1][0]] >= least_fill * length:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
