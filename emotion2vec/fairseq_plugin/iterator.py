"""fairseq's epoch iterator over planned batches.

Every batch carries its epoch and its effective batch's size, so nothing depends on what a data-loading worker was told
when it started.
"""

from typing import Any

from fairseq.data.iterators import EpochBatchIterator

from emotion2vec.data.batching import PlannedBatch, plan_device_batches
from emotion2vec.fairseq_plugin.dataset import PretrainingDataset
from emotion2vec.seeding import derive_rng


class PlannedEpochIterator(EpochBatchIterator):  # type: ignore[misc]
    """Shuffles the batches of each epoch by (seed, epoch) and plans them for this device."""

    def __init__(
        self, dataset: PretrainingDataset, *, update_freq: list[int], **settings: Any
    ) -> None:
        self._update_freq = update_freq
        self._offset = 0
        super().__init__(dataset=dataset, collate_fn=dataset.collater, **settings)

    @property
    def first_batch(self) -> dict[str, Any]:
        """A real batch: the trainer runs it, without its gradient, when this device has none."""
        planned = PlannedBatch(tuple(self.frozen_batches[0]), 1, 0, 1, 1)
        return self.collate_fn(self.dataset.__getitems__(planned))

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the epoch, and how many devices it is counted for."""
        return {**super().state_dict(), "num_shards": self.num_shards}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to the place of a checkpoint; a run on another number of devices goes on with the same batch.

        Where the batches done do not share out evenly among today's devices, up to one batch fewer than there are
        devices is done again.
        """
        batches_done = state_dict.get("iterations_in_epoch", 0) * state_dict.get(
            "num_shards", self.num_shards
        )
        super().load_state_dict(
            {**state_dict, "iterations_in_epoch": batches_done // self.num_shards}
        )

    def _get_iterator_for_epoch(
        self,
        epoch: int,
        shuffle: bool,
        fix_batches_to_gpus: bool = False,
        offset: int = 0,
    ) -> Any:
        self._offset = offset
        return super()._get_iterator_for_epoch(epoch, shuffle, fix_batches_to_gpus, offset)

    def ordered_batches(
        self,
        epoch: int,
        fix_batches_to_gpus: bool,
        shuffle: bool,
    ) -> list[PlannedBatch]:
        """Plan this device's batches of the epoch, those before the offset included (the caller drops them)."""
        batches = list(self.frozen_batches)
        if shuffle:
            order = derive_rng("order", self.seed, epoch).permutation(len(batches))
            batches = [batches[place] for place in order]
        update_freq = self._update_freq[min(epoch, len(self._update_freq)) - 1]
        return plan_device_batches(
            batches,
            self.dataset.sizes,
            self.dataset.masker,
            epoch=epoch,
            num_devices=self.num_shards,
            device=self.shard_id,
            update_freq=update_freq,
            offset=self._offset,
        )
