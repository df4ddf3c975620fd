"""Settings of emotion prediction in conversation: those of the probe, and what a conversation adds.

In: `config/probe/iemocap_epc.yaml` and overrides, through Hydra. Out: `ConversationConfig` for `conversation_run.py`.
Only types that OmegaConf accepts. Paper: Section 5.4, Table 6; where it is silent see `docs/protocols.md`.
"""

from dataclasses import dataclass, field
from typing import Any

from emotion2vec.errors import ConfigError
from emotion2vec.probe.config import ProbeConfig

# settings of the probe that do nothing here, with their defaults
_NOT_USED: dict[str, Any] = {
    "utterance_features": "", "head": "linear", "steps": 0, "class_weights": False, "lr_search": [],
    "runs_together": 0,
}  # fmt: skip


@dataclass
class ConversationConfig(ProbeConfig):
    """One evaluation of emotion prediction; the optimiser is the probe's."""

    # What is evaluated: `features` alone is speech, text alone is text, with both their vectors are concatenated
    manifest: str = field(
        default="",
        metadata={"help": "<split>.tsv of the corpus, with dialogues and turns; must be given"},
    )
    text_features: str = field(
        default="",
        metadata={"help": "store of text features; with text_model, where they are kept"},
    )
    text_model: str = field(
        default="",
        metadata={"help": "BERT that makes text features, e.g. bert-base-uncased, or its folder"},
    )
    standardise: bool = field(
        default=True,
        metadata={"help": "scale each dimension to the training history's mean 0, variance 1"},
    )

    # The task
    history_turns: int = field(
        default=6, metadata={"help": "turns before the predicted one that are heard; Section 5.4"}
    )

    # Head; the paper gives no figures
    hidden_dim: int = field(default=128, metadata={"help": "width of both GRUs"})
    dropout: float = field(
        default=0.5, metadata={"help": "share of turn vectors' and the state's values dropped"}
    )
    epochs: int = field(
        default=30,
        metadata={"help": "passes over the training part; that of the best validation UAR counts"},
    )
    batch_size: int = field(default=64, metadata={"help": "predictions in a batch"})
    lr: float = field(default=1e-4, metadata={"help": "RMSprop's, the cycle's lower end"})
    max_lr: float = field(default=5e-4, metadata={"help": "the cycle's upper end"})
    max_grad_norm: float = field(default=1.0, metadata={"help": "longer gradients are shortened"})

    def validate(self) -> None:
        """Check every value.

        Raises:
            ConfigError: Lists all problems found.
        """
        super().validate()
        problems = []
        if self.history_turns < 1:
            problems.append(f"history_turns must be at least 1, but is {self.history_turns}")
        if not 0 <= self.dropout < 1:
            problems.append(f"dropout must be from 0 to below 1, but is {self.dropout}")
        if not self.max_grad_norm > 0:
            problems.append(f"max_grad_norm must be > 0, but is {self.max_grad_norm}")
        if self.precision != "float32":
            problems.append(f"precision must be float32 for GRUs, but is {self.precision!r}")
        problems += [
            f"{name} is a setting of other protocols: leave it at {default!r}"
            for name, default in _NOT_USED.items()
            if getattr(self, name) != default
        ]
        if self.layer in ("weighted", "each"):
            problems.append(f"layer must be last, mean, last4 or a position, but is {self.layer!r}")
        if self.starred:
            problems.append(
                "starred must be false: it trains on the partner's side of the test dialogues"
            )
        if problems:
            raise ConfigError("conversation config: " + "; ".join(problems))
