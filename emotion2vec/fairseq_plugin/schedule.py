"""Registers the learning-rate schedule `emotion2vec_cosine`, whose length comes from the data.

Section 4.2: 100 epochs, cosine, 5 % linear warm-up. The user types neither updates nor warm-up updates.
"""

import logging
import math
from typing import Any

from fairseq.optim.lr_scheduler import FairseqLRScheduler, register_lr_scheduler

from emotion2vec.data.batching import num_updates_per_epoch
from emotion2vec.errors import ConfigError
from emotion2vec.fairseq_plugin.config import ScheduleConfig
from emotion2vec.fairseq_plugin.dataset import load_speech, make_batches

logger = logging.getLogger(__name__)


def count_updates(cfg: ScheduleConfig) -> int:
    """Count the updates of the whole run: `max_update` when given, else `max_epoch` epochs of the data.

    Raises:
        ConfigError: Neither is given, so the run has no end.
    """
    if cfg.max_update > 0:
        return cfg.max_update
    if cfg.max_epoch <= 0:
        raise ConfigError(
            "optimization: max_epoch and max_update are both 0, so the schedule has no end; set max_epoch (paper: 100)"
        )
    speech = load_speech(
        cfg.data,
        cfg.train_subset,
        min_samples=cfg.min_sample_size,
        max_samples=cfg.max_sample_size,
        length_multiple=cfg.length_multiple,
    )
    batches = make_batches(
        speech, max_tokens=cfg.max_tokens, batch_size=cfg.batch_size, seed=cfg.seed
    )
    frequencies = list(cfg.update_freq)
    return sum(
        num_updates_per_epoch(
            len(batches),
            num_devices=cfg.num_devices,
            update_freq=frequencies[min(epoch, len(frequencies) - 1)],
        )
        for epoch in range(cfg.max_epoch)
    )


def learning_rate(
    update: int, *, peak: float, final: float, warmup_updates: int, total_updates: int
) -> float:
    """Return the learning rate of update number `update` (from 1): linear to `peak`, then half a cosine to `final`."""
    if update <= warmup_updates:
        return peak * update / warmup_updates
    progress = (update - 1 - warmup_updates) / max(1, total_updates - warmup_updates)
    return final + 0.5 * (peak - final) * (1 + math.cos(math.pi * min(1.0, progress)))


@register_lr_scheduler("emotion2vec_cosine", dataclass=ScheduleConfig)
class CosineSchedule(FairseqLRScheduler):  # type: ignore[misc]
    """Sets the learning rate of the next update."""

    def __init__(self, cfg: ScheduleConfig, optimizer: Any) -> None:
        super().__init__(cfg, optimizer)
        self.total_updates = count_updates(cfg)
        self.warmup_updates = round(cfg.warmup_ratio * self.total_updates)
        logger.info(
            "schedule: %d updates, %d of them warm-up; an update is %d processes x update_freq %s batches of at most "
            "%s samples",
            self.total_updates, self.warmup_updates, cfg.num_devices, list(cfg.update_freq), cfg.max_tokens,
        )  # fmt: skip

    def step_update(self, num_updates: int) -> float:
        """Set and return the rate of the update that follows `num_updates` updates."""
        rate = learning_rate(
            num_updates + 1,
            peak=self.cfg.lr[0],
            final=self.cfg.min_lr,
            warmup_updates=self.warmup_updates,
            total_updates=self.total_updates,
        )
        self.optimizer.set_lr(rate)
        return rate
