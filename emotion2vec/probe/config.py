"""Every setting of the linear probe with its default, unit and source; defaults are the authors' recipe.

In: YAML of `config/probe/` and overrides, through Hydra. Out: `ProbeConfig` for `protocol.py` and `trainer.py`.
Only types that OmegaConf accepts. Paper: Section 4.3.
"""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from emotion2vec.errors import ConfigError

FOLD_RULES = (
    "random_kfold",
    "group_kfold",
    "leave_one_group_out",
    "leave_one_speaker_out",
    "official",
    "holdout",
)
GROUPS = ("speaker", "session")
LAYER_RULES = ("last", "mean", "last4", "weighted", "each")
HEADS = ("linear", "superb", "gru")
OPTIMIZERS = ("rmsprop", "adam")
SCHEDULES = ("cycle", "constant")
PRECISIONS = ("float32", "bfloat16")
DEVICES = ("auto", "cpu", "cuda")


def _field(default: Any, text: str) -> Any:
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata={"help": text})
    return field(default=default, metadata={"help": text})


@dataclass
class ProbeConfig:
    """One evaluation: which features, which folds, how the head is trained."""

    # What is evaluated
    features: str = _field("", "folder of the feature store; must be given")
    split: Optional[str] = _field(
        None, "split of the store; by default `all`, or the only one there"
    )
    utterance_features: str = _field(
        "", "second store, of granularity utterance: its vector is put behind every frame (Table 9)"
    )
    layer: str = _field(
        "last",
        "of a store with several layers: `last`, `mean`, `last4` (mean of the last four), `weighted` (learned sum), "
        "its position from 0, or `each` (one result a layer)",
    )
    standardise: bool = _field(
        False, "scale each dimension to the training frames' mean 0, variance 1"
    )

    # Protocol
    protocol: str = _field("", "name of the protocol, for tables; by default the config's")
    corpus: Optional[str] = _field(
        None, "corpus that the protocol is for: features of another are refused; null takes any"
    )
    labels: List[str] = _field([], "labels to keep, in this order; empty keeps all, by alphabet")
    label_map: Dict[str, str] = _field(
        {}, "renames labels before `labels` applies, e.g. {excited: happy}"
    )
    leave_out_unsplit: bool = _field(
        False, "leave out utterances that are in no part of the corpus' own partition"
    )
    rule: str = _field("random_kfold", f"how folds are made: one of {FOLD_RULES}")
    group_by: str = _field("speaker", f"what group rules keep apart: one of {GROUPS}")
    num_folds: int = _field(10, "parts of the k-fold rules")
    valid_fraction: Optional[float] = _field(
        None, "share of the training set that validates; by default the next part does (80/10/10)"
    )
    test_fraction: Optional[float] = _field(
        None, "share that the rule `holdout` tests (Figure 4: 0.2); of no other rule"
    )
    fold_seed: int = _field(1, "seed of the folds; the head's seeds are `seeds`")
    fold_file: Optional[str] = _field(
        None, "file with the folds, relative to the config folder; by default the rule makes them"
    )
    starred: bool = _field(
        False,
        "the paper's rows with *: the test part chooses the epoch (optimistic), and validation joins training",
    )

    # Head and optimiser (authors' downstream code)
    head: str = _field(
        "linear",
        f"one of {HEADS}: two linear layers with ReLU; SUPERB's two linear layers without; two-layer GRU",
    )
    hidden_dim: int = _field(256, "width of the hidden layer; Section 4.3")
    epochs: int = _field(
        100, "passes over the training part; the one with the best validation WA counts"
    )
    steps: int = _field(0, "optimizer steps instead of epochs; 0 trains by epochs")
    eval_steps: int = _field(
        1000, "with steps: validation takes place after every so many, and the best counts"
    )
    batch_size: int = _field(128, "utterances in a batch")
    optimizer: str = _field("rmsprop", f"one of {OPTIMIZERS}")
    schedule: str = _field("cycle", f"of the learning rate, one of {SCHEDULES}")
    lr: float = _field(5e-4, "learning rate, the cycle's lower end")
    max_lr: float = _field(1e-3, "the cycle's upper end")
    step_size_up: int = _field(10, "epochs from the lower to the upper end")
    momentum: float = _field(0.9, "RMSprop's momentum and its cycle's upper end")
    base_momentum: float = _field(
        0.8, "momentum at the learning rate's upper end; torch's CyclicLR default"
    )
    max_grad_norm: float = _field(0.0, "longer gradients are shortened to it; 0 leaves them")
    class_weights: bool = _field(
        False, "weight each label's loss by the inverse of how often it is trained on"
    )
    lr_search: List[float] = _field(
        [],
        "learning rates to try instead of lr (max_lr keeps its ratio); the best validation WA counts",
    )
    seeds: List[int] = _field(
        [1, 2, 3], "seeds of the head's weights and batches; means and deviations are over them"
    )

    # Computation
    device: str = _field("auto", f"one of {DEVICES}")
    precision: str = _field(
        "float32",
        "of the products with the frames: bfloat16 is about 4 times faster on CPUs that have it",
    )
    jobs: int = _field(
        0, "runs trained at the same time on the CPU; 0 is one a core. Does not change the result"
    )
    runs_together: int = _field(
        0, "runs trained as one batched computation; 0 is what a GPU's memory holds, and 1 on a CPU"
    )

    def validate(self) -> None:
        """Check every value.

        Raises:
            ConfigError: Lists all problems found.
        """
        problems = [*self._choice_problems(), *self._range_problems()]
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            problems.append(
                f"seeds must be one or more different numbers, but are {list(self.seeds)}"
            )
        if self.layer not in LAYER_RULES and not str(self.layer).isdigit():
            problems.append(
                f"layer must be one of {LAYER_RULES} or a position from 0, but is {self.layer!r}"
            )
        if len(set(self.labels)) != len(self.labels) or len(self.labels) == 1:
            problems.append(
                f"labels must be none or at least two different ones, but are {list(self.labels)}"
            )
        if problems:
            raise ConfigError("probe config: " + "; ".join(problems))

    def _choice_problems(self) -> List[str]:
        choices = {
            "rule": FOLD_RULES,
            "group_by": GROUPS,
            "precision": PRECISIONS,
            "device": DEVICES,
            "head": HEADS,
            "optimizer": OPTIMIZERS,
            "schedule": SCHEDULES,
        }
        return [
            f"{name} must be one of {allowed}, but is {getattr(self, name)!r}"
            for name, allowed in choices.items()
            if getattr(self, name) not in allowed
        ]

    def _range_problems(self) -> List[str]:
        problems = [
            f"{name} must be at least 1, but is {getattr(self, name)}"
            for name in (
                "num_folds", "hidden_dim", "epochs", "eval_steps", "batch_size", "step_size_up",
            )
            if getattr(self, name) < 1
        ]  # fmt: skip
        problems += [
            f"{name} must not be negative, but is {getattr(self, name)}"
            for name in ("jobs", "runs_together", "steps", "max_grad_norm")
            if getattr(self, name) < 0
        ]
        if any(lr <= 0 for lr in self.lr_search) or len(set(self.lr_search)) < len(self.lr_search):
            problems.append(
                f"lr_search must be different numbers > 0, but is {list(self.lr_search)}"
            )
        if not 0 < self.lr <= self.max_lr:
            problems.append(f"lr must be > 0 and at most max_lr={self.max_lr}, but is {self.lr}")
        if not 0 <= self.base_momentum <= self.momentum < 1:
            problems.append(
                f"base_momentum={self.base_momentum} and momentum={self.momentum} must be 0 <= base <= momentum < 1"
            )
        if self.valid_fraction is not None and not 0 < self.valid_fraction < 1:
            problems.append(
                f"valid_fraction must lie between 0 and 1, but is {self.valid_fraction}"
            )
        if self.valid_fraction is not None and self.rule == "leave_one_speaker_out":
            problems.append(
                "valid_fraction does nothing with rule=leave_one_speaker_out: the others of the session validate"
            )
        if (self.rule == "holdout") != (self.test_fraction is not None):
            problems.append(
                f"test_fraction belongs to rule=holdout and to no other, but it is {self.test_fraction} with "
                f"rule={self.rule}"
            )
        if self.test_fraction is not None and not 0 < self.test_fraction < 1:
            problems.append(f"test_fraction must lie between 0 and 1, but is {self.test_fraction}")
        return problems
