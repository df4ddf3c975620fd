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
    layer: str = _field(
        "last", "of a store with several layers: `last`, `mean`, or its position from 0"
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
    valid_is_test: bool = _field(
        False,
        "choose the epoch on the test part: optimistic, the paper's * rows; validation joins training",
    )

    # Head and optimiser (authors' downstream code)
    hidden_dim: int = _field(256, "width of the hidden layer; Section 4.3")
    epochs: int = _field(
        100, "passes over the training part; the one with the best validation WA counts"
    )
    batch_size: int = _field(128, "utterances in a batch")
    lr: float = _field(5e-4, "RMSprop's learning rate and the cycle's lower end")
    max_lr: float = _field(1e-3, "the cycle's upper end")
    step_size_up: int = _field(10, "epochs from the lower to the upper end")
    momentum: float = _field(0.9, "RMSprop's momentum and its cycle's upper end")
    base_momentum: float = _field(
        0.8, "momentum at the learning rate's upper end; torch's CyclicLR default"
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
        0, "folds trained at the same time; 0 is one a CPU core. Does not change the result"
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
        if self.layer not in ("last", "mean") and not str(self.layer).isdigit():
            problems.append(f"layer must be last, mean or a position from 0, but is {self.layer!r}")
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
        }
        return [
            f"{name} must be one of {allowed}, but is {getattr(self, name)!r}"
            for name, allowed in choices.items()
            if getattr(self, name) not in allowed
        ]

    def _range_problems(self) -> List[str]:
        problems = [
            f"{name} must be at least 1, but is {getattr(self, name)}"
            for name in ("num_folds", "hidden_dim", "epochs", "batch_size", "step_size_up")
            if getattr(self, name) < 1
        ]
        if self.jobs < 0:
            problems.append(f"jobs must not be negative, but is {self.jobs}")
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
        if (self.rule == "holdout") != (self.test_fraction is not None):
            problems.append(
                f"test_fraction belongs to rule=holdout and to no other, but it is {self.test_fraction} with "
                f"rule={self.rule}"
            )
        if self.test_fraction is not None and not 0 < self.test_fraction < 1:
            problems.append(f"test_fraction must lie between 0 and 1, but is {self.test_fraction}")
        return problems
