"""Registers the task `emotion2vec_pretraining`: data, the order of an update, figures of a run."""

import math
from pathlib import Path
from typing import Any, Self

import torch
from fairseq.logging import metrics
from fairseq.tasks import FairseqTask, register_task
from omegaconf import open_dict

from emotion2vec.errors import DivergenceError
from emotion2vec.fairseq_plugin.checks import (
    validate_compiler,
    validate_precision,
    validate_task,
)
from emotion2vec.fairseq_plugin.config import PretrainingTaskConfig
from emotion2vec.fairseq_plugin.dataset import PretrainingDataset, load_speech, make_batches
from emotion2vec.fairseq_plugin.figures import add_up, log_effective_batch, spread
from emotion2vec.fairseq_plugin.iterator import PlannedEpochIterator
from emotion2vec.fairseq_plugin.recovery import LAST, recover_last_checkpoint
from emotion2vec.fairseq_plugin.stopping import StopRequest
from emotion2vec.fairseq_plugin.timing import StepTimer, peak_memory_gib
from emotion2vec.model.diagnostics import CollapseMonitor
from emotion2vec.model.masking import build_masker
from emotion2vec.seeding import derive_seed


@register_task("emotion2vec_pretraining", dataclass=PretrainingTaskConfig)
class Emotion2VecPretrainingTask(FairseqTask):  # type: ignore[misc]
    """Self-supervised pre-training on a manifest folder."""

    def __init__(self, cfg: PretrainingTaskConfig, stop: StopRequest | None = None) -> None:
        super().__init__(cfg)
        self._stop = stop
        self._timer = StepTimer()
        self._monitor: CollapseMonitor | None = None
        self._update = 0

    @classmethod
    def setup_task(
        cls, cfg: PretrainingTaskConfig, *, from_checkpoint: bool = False, **_: Any
    ) -> Self:
        """Check the config, mend the run's last checkpoint, handle signals.

        Args:
            cfg: Node `task` of the run's config.
            from_checkpoint: The task is only wanted to load a checkpoint's model: nothing else is touched.

        Raises:
            ConfigError: A value is impossible.
            CheckpointError: The run's folder holds checkpoints, and none is whole.
        """
        validate_task(cfg)
        if from_checkpoint:
            return cls(cfg)
        run_config = cfg._get_parent()  # noqa: SLF001 - the run's whole config has no other way in
        validate_precision(run_config.common, run_config.model)
        validate_compiler(run_config.common, run_config.model)
        if cfg.restore_file == LAST:
            recover_last_checkpoint(Path(cfg.save_dir))
        stop = StopRequest(run_config)
        stop.install()
        return cls(cfg, stop)

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the model and watch it for collapse.

        Args:
            cfg: Node `model` of the run's config.
            from_checkpoint: The weights come from a checkpoint of the run, as they do when a run resumes: what
                `init_from` names need no longer exist.
        """
        if from_checkpoint or self._resumes():
            with open_dict(cfg):
                cfg.init_from = None
        model = super().build_model(cfg, from_checkpoint)
        self._monitor = CollapseMonitor(model.config)
        return model

    def _resumes(self) -> bool:
        return self.cfg.restore_file == LAST and (Path(self.cfg.save_dir) / LAST).exists()

    def load_dataset(self, split: str, **_: Any) -> None:
        """Open `<data>/<split>.tsv`.

        Raises:
            ManifestError: It is missing or malformed, or nothing in it is long enough.
        """
        cfg = self.cfg
        speech = load_speech(
            cfg.data,
            split,
            min_samples=cfg.min_sample_size,
            max_samples=cfg.max_sample_size,
            length_multiple=cfg.length_multiple,
        )
        masker = build_masker(
            cfg.mask_rule,
            prob=cfg.mask_prob,
            span_frames=cfg.mask_length,
            prob_adjust=cfg.mask_prob_adjust,
            num_clones=cfg.clone_batch,
        )
        self.datasets[split] = PretrainingDataset(
            speech,
            masker,
            seed=cfg.seed,
            max_samples=cfg.max_sample_size,
            pad=cfg.enable_padding,
            length_multiple=cfg.length_multiple,
        )

    def get_batch_iterator(
        self,
        dataset: PretrainingDataset,
        *,
        max_tokens: int | None = None,
        max_sentences: int | None = None,
        data_buffer_size: int = 0,
        **settings: Any,
    ) -> PlannedEpochIterator:
        """Return an iterator over planned batches; the trainer asks for one each epoch, and for each validation."""
        kept = ("seed", "num_shards", "shard_id", "num_workers", "epoch", "skip_remainder_batch")
        return PlannedEpochIterator(
            dataset,
            update_freq=list(self.cfg.update_freq),
            batch_sampler=make_batches(
                dataset.speech, max_tokens=max_tokens, batch_size=max_sentences, seed=self.cfg.seed
            ),
            buffer_size=data_buffer_size,
            persistent_workers=False,
            **{name: settings[name] for name in kept if name in settings},
        )

    def train_step(
        self,
        sample: Any,
        model: Any,
        criterion: Any,
        optimizer: Any,
        update_num: int,
        ignore_grad: bool = False,
        **_: Any,
    ) -> tuple[Any, int, dict[str, Any]]:
        """Forward and backward of one micro-batch; dropout and layer drop are seeded by the batch.

        Raises:
            DivergenceError: The loss is not a finite number. (Under fp16 that is for the loss scale to mend.)
        """
        self._timer.lap("data")
        model.train()
        model.set_num_updates(update_num)
        planned = sample.get("planned")
        if planned is not None:
            torch.manual_seed(derive_seed("dropout", self.cfg.seed, planned.epoch, planned.number))
        loss, sample_size, log = criterion(model, sample)
        if not math.isfinite(log["loss"]) and getattr(optimizer, "scaler", None) is None:
            raise DivergenceError(
                f"pre-training has diverged after {update_num} updates: the loss is {log['loss']}; try a lower "
                "learning rate (optimization.lr) or a longer warm-up (lr_scheduler.warmup_ratio)"
            )
        if ignore_grad:  # a dummy batch on a device that has none: takes part, counts for nothing
            loss, sample_size, log = loss * 0, 0, {key: value * 0 for key, value in log.items()}
        self._timer.lap("forward")
        optimizer.backward(loss)
        self._timer.lap("backward")
        return loss, sample_size, log

    def optimizer_step(self, optimizer: Any, model: Any, update_num: int) -> None:
        """Step, then move the teacher (Eq. 10): a checkpoint of update N holds the teacher of update N."""
        optimizer.step()
        decay = model.update_teacher(update_num + 1)
        self._update = update_num + 1
        if self._stop is not None:
            self._stop.apply(next(model.parameters()).device)
        self._timer.lap("optimizer")
        metrics.log_scalar("ema_decay", decay, weight=0, round=7)
        metrics.log_scalar("memory_gb", peak_memory_gib(), weight=0, round=2)
        for part, seconds in self._timer.take().items():
            metrics.log_scalar(f"time_{part}", seconds, round=3)

    def reduce_metrics(self, logging_outputs: list[dict[str, Any]], criterion: Any) -> None:
        """Log an effective batch, and stop the run if it has collapsed.

        Raises:
            CollapseError: Says which figure fell below which limit and what to try.
        """
        total = add_up(logging_outputs)
        is_parallel = torch.distributed.is_initialized()
        log_effective_batch(
            total, num_devices=torch.distributed.get_world_size() if is_parallel else 1
        )
        if self._monitor is not None and criterion.training:
            self._monitor.check(spread(total), update=self._update)

    def max_positions(self) -> None:
        """No limit: long utterances are cropped."""
        return
