"""What Hydra configures: the model's own config, and what only a run under fairseq needs.

Defaults live in `emotion2vec/model/config.py` and here; files in `config/pretraining/` hold differences.
No `X | None` and no postponed annotations here: fairseq's argparse bridge and OmegaConf read these classes.
"""

from dataclasses import dataclass, field
from typing import Any, List, Optional

from fairseq.dataclass import FairseqDataclass
from omegaconf import II, MISSING

from emotion2vec.model.config import ModelConfig


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
    compile_layers: bool = _field(
        False, "torch.compile the transformer layers; needs a C++ compiler or, on a GPU, Triton"
    )


@dataclass
class PretrainingTaskConfig(FairseqDataclass):
    """The data of a run."""

    data: str = _field(MISSING, "manifest folder, absolute; see scripts/prepare_corpus.py")
    min_sample_size: int = _field(8000, "shorter utterances are left out, in samples; released")
    max_sample_size: int = _field(320000, "longer utterances are cropped, in samples; released")
    length_multiple: int = _field(
        1, "utterances are cropped to a multiple of this, in samples, so that few shapes occur"
    )
    enable_padding: bool = _field(False, "pad to the longest instead of cropping to the shortest")

    # What the plan of batches, the recovery of checkpoints and a clean stop must know of the rest of the run
    seed: int = II("common.seed")
    update_freq: List[int] = II("optimization.update_freq")
    save_dir: str = II("checkpoint.save_dir")
    restore_file: str = II("checkpoint.restore_file")
    clone_batch: int = II("model.clone_batch")
    mask_rule: str = II("model.mask_rule")
    mask_prob: float = II("model.mask_prob")
    mask_length: int = II("model.mask_length")
    mask_prob_adjust: float = II("model.mask_prob_adjust")


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
    length_multiple: int = II("task.length_multiple")
    seed: int = II("common.seed")
    train_subset: str = II("dataset.train_subset")
    max_tokens: Optional[int] = II("dataset.max_tokens")
    batch_size: Optional[int] = II("dataset.batch_size")
