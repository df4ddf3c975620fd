"""The epoch iterator's place in the data, kept when the number of devices changes."""

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.fairseq

NUM_BATCHES = 13


class Masker:
    """Masks half the frames, one clone."""

    num_clones = 1

    def count(self, num_frames: int) -> int:
        return num_frames // 2


def _iterator(num_shards: int, shard_id: int = 0) -> Any:
    from fairseq.data import FairseqDataset

    from emotion2vec.fairseq_plugin.iterator import PlannedEpochIterator

    class Dataset(FairseqDataset):
        masker = Masker()
        sizes = np.full(NUM_BATCHES, 16000)

        def __len__(self) -> int:
            return NUM_BATCHES

        def __getitems__(self, planned: Any) -> Any:
            return [planned]

        def collater(self, samples: Any) -> Any:
            return samples[0]

    return PlannedEpochIterator(
        Dataset(), update_freq=[1], batch_sampler=[[n] for n in range(NUM_BATCHES)], seed=1,
        num_shards=num_shards, shard_id=shard_id, persistent_workers=False,
    )  # fmt: skip


def _state_after(num_iterations: int, num_shards: int) -> dict[str, Any]:
    iterator = _iterator(num_shards)
    batches = iterator.next_epoch_itr()
    for _ in range(num_iterations):
        next(batches)
    return dict(iterator.state_dict())


def _remaining(state: dict[str, Any], num_shards: int) -> set[int]:
    """Return the batches that all devices still do in the epoch."""
    found = set()
    for shard_id in range(num_shards):
        iterator = _iterator(num_shards, shard_id)
        iterator.load_state_dict(state)
        found |= {index for batch in iterator.next_epoch_itr() for index in batch.indices}
    return found


@pytest.mark.parametrize(("before", "after"), [(1, 2), (4, 1), (2, 4), (1, 4), (2, 2)])
def test_run_on_other_devices_goes_on_with_the_batches_not_yet_done(
    before: int, after: int
) -> None:
    state = _state_after(8 // before, before)
    everything = _remaining({**state, "iterations_in_epoch": 0}, 1)
    remaining = _remaining(state, after)
    assert everything == set(range(NUM_BATCHES))
    assert len(remaining) == NUM_BATCHES - 8
    assert remaining == _remaining(state, before)


def test_checkpoint_without_the_number_of_devices_keeps_its_place() -> None:
    state = _state_after(4, 2)
    del state["num_shards"]
    assert len(_remaining(state, 2)) == NUM_BATCHES - 8
