"""Which utterances share a batch, and which batches share an update.

In: utterance lengths. Out: batches of indices; `PlannedBatch` for each, which carries all that a data-loading worker
and the loss must know: the epoch, and how much the whole effective batch holds.
Paper: Section 4.2 (dynamic batch size, at most 1e6 samples; update frequency 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emotion2vec.seeding import derive_rng
from emotion2vec.structs import num_frames


class Masker(Protocol):
    """Draws masks; `model.masking.SpanMasker` is one."""

    @property
    def num_clones(self) -> int:
        """Masked versions C of each utterance."""

    def count(self, num_frames: int) -> int:
        """Count the masked frames of a row whose shortest utterance has `num_frames` frames."""

    def draw(
        self, num_frames: int, *, num_valid: int, num_masked: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw the mask of one row, (num_frames,), bool."""


@dataclass(frozen=True)
class PlannedBatch:
    """One micro-batch and what it must know of the effective batch it belongs to.

    Attributes:
        indices: Utterances of the dataset; empty when a device has nothing to do in this step.
        epoch: Epoch, from 1; masks and crops depend on it.
        number: Number of the batch in the epoch's order over all devices; seeds dropout.
        effective_masked: Masked frames of the whole effective batch.
        effective_rows: Utterances times clones of the whole effective batch.
    """

    indices: tuple[int, ...]
    epoch: int
    number: int
    effective_masked: int
    effective_rows: int


def batch_by_length(
    sizes: Sequence[int], *, max_samples: int | None, max_utterances: int | None, seed: int
) -> list[list[int]]:
    """Group utterances of similar length; a batch holds at most `max_samples`, counting its longest for each.

    An utterance longer than `max_samples` is a batch of its own.

    Args:
        sizes: Length of each utterance in samples, already limited to what is used of it.
        max_samples: Most samples of a batch (fairseq's `max_tokens`).
        max_utterances: Most utterances of a batch (fairseq's `batch_size`).
        seed: Orders utterances of the same length.
    """
    lengths = np.asarray(sizes)
    ties = derive_rng("batches", seed).permutation(len(lengths))
    batches: list[list[int]] = []
    current: list[int] = []
    for index in np.lexsort((ties, lengths)):
        grown = len(current) + 1
        too_long = max_samples is not None and grown * int(lengths[index]) > max_samples
        too_many = max_utterances is not None and grown > max_utterances
        if current and (too_long or too_many):
            batches.append(current)
            current = []
        current.append(int(index))
    return [*batches, current] if current else batches


def num_updates_per_epoch(num_batches: int, *, num_devices: int, update_freq: int) -> int:
    """Count optimizer steps of an epoch: `num_devices * update_freq` batches each."""
    per_device = -(-num_batches // num_devices)
    return -(-per_device // update_freq)


def plan_device_batches(
    batches: Sequence[Sequence[int]],
    sizes: Sequence[int],
    masker: Masker,
    *,
    epoch: int,
    num_devices: int,
    device: int,
    update_freq: int,
    offset: int = 0,
) -> list[PlannedBatch]:
    """Plan one device's batches of an epoch, those already consumed included.

    An effective batch is the next `num_devices * update_freq` batches. The last one of an epoch may be short; its
    missing batches are empty ones at its beginning, because fairseq forgets a whole device when its last is empty.

    Args:
        batches: All batches of the epoch in the order of training, for every device.
        sizes: Length of each utterance in samples.
        masker: Says how many frames of a batch are masked.
        epoch: Epoch, from 1.
        num_devices: Devices that share the batches.
        device: Which of them this is.
        update_freq: Batches that each device accumulates for a step.
        offset: Batches that each device has already consumed in this epoch.
    """
    counts = [_count(batch, sizes, masker) for batch in batches]
    planned: list[PlannedBatch] = []
    group_size = num_devices * update_freq
    # groups are counted from where training goes on, which need not be a multiple of today's update_freq
    starts = range((offset * num_devices) % group_size - group_size, len(batches), group_size)
    for start in starts:
        numbers = list(range(max(start, 0), min(start + group_size, len(batches))))
        masked = sum(counts[number][0] for number in numbers)
        rows = sum(counts[number][1] for number in numbers)
        steps = -(-len(numbers) // num_devices)
        slots: list[int | None] = [None] * (steps * num_devices - len(numbers)) + numbers
        for number in slots[device::num_devices]:
            indices = () if number is None else tuple(batches[number])
            planned.append(PlannedBatch(indices, epoch, number or 0, masked, rows))
    return planned


def _count(batch: Sequence[int], sizes: Sequence[int], masker: Masker) -> tuple[int, int]:
    rows = len(batch) * masker.num_clones
    return rows * masker.count(num_frames(min(int(sizes[index]) for index in batch))), rows
