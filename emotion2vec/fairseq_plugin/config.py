"""What Hydra configures: the model's own config, and what only a run under fairseq needs.

Defaults live in `emotion2vec/model/config.py` and here; files in `config/pretraining/` hold differences.
No `X | None` and no postponed annotations here: fairseq's argparse bridge and OmegaConf read these classes.
"""

from dataclasses import dataclass, field
from typing import Any, List, Optional

from fairseq.dataclass import FairseqDataclass
from omegaconf import II, MISSING

from emotion2vec.errors import ConfigError
from emotion2vec.model.config import ModelConfig
from emotion2vec.structs import MIN_SAMPLES, SAMPLES_PER_FRAME

MIN_TRAINING_SAMPLES = MIN_SAMPLES + SAMPLES_PER_FRAME  # two frames: one to mask, one to see


def _field(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass
class PretrainingModelConfig(ModelConfig, FairseqDataclass):
    """The model, and how a run starts."""

    init_from: Optional[str] = _field(
        None, "checkpoint to start from; none is a cold start (Table 8)"
    )
    teacher_init: str = _field(
        "student", "`student` (Section 3.4) or `checkpoint`: its own teacher"
    )
    bf16_autocast: bool = _field(
        False, "compute in bfloat16 where torch deems it safe; CPU and CUDA"
    )


@dataclass
class PretrainingTaskConfig(FairseqDataclass):
    """The data of a run."""

    data: str = _field(MISSING, "manifest folder, absolute; see scripts/prepare_corpus.py")
    min_sample_size: int = _field(8000, "shorter utterances are left out, in samples; released")
    max_sample_size: int = _field(320000, "longer utterances are cropped, in samples; released")
    enable_padding: bool = _field(False, "pad to the longest instead of cropping to the shortest")

    # What the plan of batches, the recovery of checkpoints and a clean stop must know of the rest of the run
    seed: int = II("common.seed")
    update_freq: List[int] = II("optimization.update_freq")
    save_dir: str = II("checkpoint.save_dir")
    restore_file: str = II("checkpoint.restore_file")
    clone_batch: int = II("model.clone_batch")
    mask_prob: float = II("model.mask_prob")
    mask_length: int = II("model.mask_length")
    mask_prob_adjust: float = II("model.mask_prob_adjust")

    def validate(self) -> None:
        """Check the values.

        Raises:
            ConfigError: Lists all problems found.
        """
        validate_task(self)


def validate_task(cfg: PretrainingTaskConfig) -> None:
    """Check a task's values; `cfg` may be a DictConfig of the same keys.

    Raises:
        ConfigError: Lists all problems found.
    """
    problems = []
    if cfg.min_sample_size < MIN_TRAINING_SAMPLES:
        problems.append(
            f"task.min_sample_size must be at least {MIN_TRAINING_SAMPLES} samples (two frames), "
            f"but is {cfg.min_sample_size}"
        )
    if cfg.max_sample_size < cfg.min_sample_size:
        problems.append(
            f"task.max_sample_size must be at least task.min_sample_size={cfg.min_sample_size}, "
            f"but is {cfg.max_sample_size}"
        )
    if problems:
        raise ConfigError("task config: " + "; ".join(problems))


def validate_precision(common: Any, model: Any) -> None:
    """Check the settings of precision, which fairseq and the model have one each of.

    Args:
        common: Node `common` of the run's config.
        model: Node `model` of the run's config.

    Raises:
        ConfigError: Lists all problems found.
    """
    problems = []
    if common.amp:
        problems.append("common.amp has no effect here; use model.bf16_autocast=true instead")
    if common.memory_efficient_fp16 or common.memory_efficient_bf16:
        problems.append(
            "common.memory_efficient_fp16 and memory_efficient_bf16 keep no float32 weights, which the optimizer "
            "needs; use common.fp16=true or model.bf16_autocast=true instead"
        )
    if (common.fp16 or common.bf16) and model.get("bf16_autocast", False):
        name = "common.fp16" if common.fp16 else "common.bf16"
        problems.append(
            f"{name} and model.bf16_autocast exclude each other; add model.bf16_autocast=false"
        )
    if common.fp16 and not common.fp16_no_flatten_grads:
        problems.append(
            "common.fp16 needs common.fp16_no_flatten_grads=true: flattened parameters cannot be exempt from "
            "weight decay"
        )
    if problems:
        raise ConfigError("precision: " + "; ".join(problems))


@dataclass
class CriterionConfig(FairseqDataclass):
    """The criterion has no settings: weights and methods belong to the model's objective."""


@dataclass
class OptimizerConfig(FairseqDataclass):
    """Adam with decoupled weight decay (Section 4.2)."""

    betas: List[float] = field(default_factory=lambda: [0.9, 0.98], metadata={"help": "released"})
    eps: float = _field(1e-6, "released")
    weight_decay: float = _field(0.01, "not on biases, norms and ALiBi scales; Section 4.2")
    lr: List[float] = II("optimization.lr")


@dataclass
class ScheduleConfig(FairseqDataclass):
    """Cosine decay with linear warm-up; its length comes from the data (Section 4.2)."""

    warmup_ratio: float = _field(0.05, "share of all updates spent warming up; Section 4.2")
    min_lr: float = _field(0.0, "learning rate at the end")
    lr: List[float] = II("optimization.lr")
    max_epoch: int = II("optimization.max_epoch")
    max_update: int = II("optimization.max_update")
    update_freq: List[int] = II("optimization.update_freq")
    num_devices: int = II("distributed_training.distributed_world_size")
    data: str = II("task.data")
    min_sample_size: int = II("task.min_sample_size")
    max_sample_size: int = II("task.max_sample_size")
    seed: int = II("common.seed")
    train_subset: str = II("dataset.train_subset")
    max_tokens: Optional[int] = II("dataset.max_tokens")
    batch_size: Optional[int] = II("dataset.batch_size")
