"""Batches of similar length, and plans that say the same thing however a batch is split over devices."""

from collections import Counter

import numpy as np
import pytest

from emotion2vec.data.batching import batch_by_length, num_updates_per_epoch, plan_device_batches
from emotion2vec.structs import num_frames


class HalfMasker:
    """Masks half the frames of each of two clones."""

    num_clones = 2

    def count(self, num_frames: int) -> int:
        return num_frames // 2

    def draw(
        self, num_frames: int, *, num_valid: int, num_masked: int, rng: np.random.Generator
    ) -> np.ndarray:
        masked = np.zeros(num_frames, dtype=bool)
        masked[rng.permutation(num_valid)[:num_masked]] = True
        return masked


def _sizes(num: int, seed: int = 0) -> list[int]:
    return [int(s) for s in np.random.default_rng(seed).integers(8000, 64000, num)]


@pytest.mark.parametrize(
    ("max_samples", "max_utterances"), [(200_000, None), (None, 7), (200_000, 3)]
)
def test_batches_hold_every_utterance_once_within_the_limits(
    max_samples: int | None, max_utterances: int | None
) -> None:
    sizes = _sizes(101)
    batches = batch_by_length(sizes, max_samples=max_samples, max_utterances=max_utterances, seed=1)
    assert sorted(index for batch in batches for index in batch) == list(range(101))
    for batch in batches:
        longest = max(sizes[index] for index in batch)
        assert max_samples is None or len(batch) * longest <= max_samples
        assert max_utterances is None or len(batch) <= max_utterances


def test_batch_takes_an_utterance_longer_than_the_limit_alone() -> None:
    batches = batch_by_length([500_000, 9000], max_samples=100_000, max_utterances=None, seed=1)
    assert batches == [[1], [0]]


@pytest.mark.parametrize("num_batches", [1, 3, 4, 5, 11, 16])
@pytest.mark.parametrize(("devices", "update_freq"), [(1, 1), (1, 4), (2, 2), (4, 1), (3, 2)])
def test_effective_batches_hold_each_batch_once_and_know_their_size(
    num_batches: int, devices: int, update_freq: int
) -> None:
    sizes = _sizes(2 * num_batches)
    batches = [[2 * n, 2 * n + 1] for n in range(num_batches)]
    plans = [
        plan_device_batches(
            batches,
            sizes,
            HalfMasker(),
            epoch=3,
            num_devices=devices,
            device=device,
            update_freq=update_freq,
        )
        for device in range(devices)
    ]
    assert {len(plan) for plan in plans} == {-(-num_batches // devices)}
    seen: Counter[int] = Counter()
    updates = num_updates_per_epoch(num_batches, num_devices=devices, update_freq=update_freq)
    for update in range(updates):
        group = [
            planned
            for plan in plans
            for planned in plan[update * update_freq : (update + 1) * update_freq]
        ]
        real = [planned for planned in group if planned.indices]
        seen.update(planned.number for planned in real)
        shortest = [min(num_frames(sizes[i]) for i in planned.indices) for planned in real]
        assert {p.effective_rows for p in group} == {4 * len(real)}
        assert {p.effective_masked for p in group} == {sum(4 * (t // 2) for t in shortest)}
    assert seen == Counter(range(num_batches))


def test_missing_batches_stand_at_the_beginning_of_the_last_update() -> None:
    plans = [
        plan_device_batches(
            [[n] for n in range(3)],
            _sizes(3),
            HalfMasker(),
            epoch=1,
            num_devices=2,
            device=device,
            update_freq=2,
        )
        for device in range(2)
    ]
    assert [[p.indices for p in plan] for plan in plans] == [[(), (1,)], [(0,), (2,)]]


def test_plan_after_an_offset_groups_from_where_training_goes_on() -> None:
    sizes = _sizes(10)
    whole, resumed = (
        plan_device_batches(
            [[n] for n in range(10)],
            sizes,
            HalfMasker(),
            epoch=1,
            num_devices=1,
            device=0,
            update_freq=4,
            offset=offset,
        )
        for offset in (0, 4)
    )
    assert whole[4:] == resumed[4:]
    regrouped = plan_device_batches(
        [[n] for n in range(10)],
        sizes,
        HalfMasker(),
        epoch=1,
        num_devices=1,
        device=0,
        update_freq=4,
        offset=2,
    )
    assert [p.effective_rows for p in regrouped[2:]] == [8] * 8
