"""Every number of the model with its default, unit and source; defaults are the paper's base model.

"Released" below is the config published with the emotion2vec base checkpoint; where the paper is silent the
released value stands. Only types that OmegaConf accepts: fairseq and Hydra read this dataclass, and an Enum
would put objects into checkpoints that plain readers refuse, so choices are strings checked by `validate`.
"""

import math
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from emotion2vec.errors import ConfigError

BACKBONES = ("data2vec2", "data2vec")
MASK_RULES = ("share", "spans")
UTTERANCE_METHODS = ("chunk", "token", "global")
TARGET_NORMS = ("instance", "layer", "none")
LOSS_REDUCTIONS = ("mean", "sum")
TEACHER_INITS = ("student", "checkpoint")
CONVOLUTIONS = ("auto", "plain", "channels_last")
ATTENTIONS = ("auto", "plain", "blockwise")

# which values, in words, and as a test
_RANGES: tuple[tuple[tuple[str, ...], str, Callable[[float], bool]], ...] = (
    (
        ("mask_prob", "ema_decay", "ema_end_decay"),
        "between 0 and 1",
        lambda value: 0 < value < 1,
    ),
    (
        ("encoder_dropout", "attention_dropout", "activation_dropout", "post_mlp_drop",
         "prenet_dropout", "layerdrop", "prenet_layerdrop", "decoder_input_dropout"),
        "at least 0 and below 1",
        lambda value: 0 <= value < 1,
    ),
    (
        ("mlp_ratio", "norm_eps"),
        "above 0",
        lambda value: value > 0,
    ),
    (
        ("conv_dim", "embed_dim", "num_heads", "depth", "conv_pos_width", "conv_pos_depth",
         "clone_batch", "mask_length", "decoder_dim", "decoder_layers", "decoder_kernel"),
        "at least 1",
        lambda value: value >= 1,
    ),
    (
        ("prenet_depth", "num_utterance_tokens", "frame_loss_weight", "utterance_loss_weight",
         "mask_prob_adjust", "mask_noise_std", "ema_anneal_end_step"),
        "at least 0",
        lambda value: value >= 0,
    ),
)  # fmt: skip


def _field(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


def _has_type(value: Any, kind: Any) -> bool:
    """Tell whether a value fits a field; files that are not ours may hold anything."""
    if kind is float:
        return type(value) in (int, float) and abs(value) < math.inf
    return type(value) is kind


@dataclass
class ModelConfig:
    """Architecture and objective of emotion2vec; defaults are those on data2vec 2.0 (Sections 3 and 4.1)."""

    # Feature extractor F and backbone B (Section 4.1)
    backbone: str = _field(
        "data2vec2", f"one of {BACKBONES}; `data2vec` has no ALiBi and a linear decoder"
    )
    conv_dim: int = _field(512, "channels of the 7-layer feature extractor; Section 4.1")
    embed_dim: int = _field(768, "width D of the transformer; Section 4.1")
    num_heads: int = _field(12, "attention heads; Section 4.1")
    mlp_ratio: float = _field(4.0, "feed-forward width / embed_dim; 3072 in Section 4.1")
    prenet_depth: int = _field(4, "transformer layers below those that can be targets; released")
    depth: int = _field(8, "transformer layers that can be targets; 4 + 8 = 12 in Section 4.1")
    norm_eps: float = _field(1e-5, "epsilon of the transformer's layer norms; released")
    conv_pos_width: int = _field(95, "frames seen by the convolutional positions; released")
    conv_pos_depth: int = _field(5, "layers of the convolutional positions; Section 4.1")
    conv_pos_groups: int = _field(16, "groups of the convolutional positions; released")
    alibi_scale: float = _field(
        1.0, "initial value of the learned ALiBi scale of each head; released"
    )

    # Regularisation, as released
    encoder_dropout: float = _field(0.1, "after the attention's output projection; released")
    attention_dropout: float = _field(0.1, "on attention weights; released")
    activation_dropout: float = _field(0.0, "inside the feed-forward layers; released")
    post_mlp_drop: float = _field(0.1, "after the feed-forward layers; released")
    prenet_dropout: float = _field(0.1, "on the input of the first transformer layer; released")
    layerdrop: float = _field(0.05, "probability of skipping one of the `depth` layers; released")
    prenet_layerdrop: float = _field(0.05, "the same for the `prenet_depth` layers; released")

    # Masking of the student's input (Sections 3.1 and 4.2)
    clone_batch: int = _field(8, "masked versions C of each utterance a step; released")
    mask_rule: str = _field(
        "share", "`share` masks exactly mask_prob; `spans` is data2vec's, whose spans overlap"
    )
    mask_prob: float = _field(0.5, "share of frames masked, or spans * length / frames; p in 4.2")
    mask_length: int = _field(5, "frames in a masked span; l in Section 4.2")
    mask_prob_adjust: float = _field(0.05, "extra spans of `share` against overlap; released")

    # Decoder of data2vec 2.0 (Section 4.1); data2vec has a mask embedding and a linear layer
    decoder_dim: int = _field(384, "channels of the decoder; Section 4.1")
    decoder_layers: int = _field(4, "convolutions of the decoder; Section 4.1")
    decoder_kernel: int = _field(7, "frames in a decoder kernel; Section 4.1")
    decoder_groups: int = _field(16, "groups of the decoder's convolutions; released")
    decoder_input_dropout: float = _field(0.1, "on the decoder's visible input frames; released")
    mask_noise_std: float = _field(
        0.01, "deviation of the noise in place of masked frames; released"
    )

    # Targets and losses, Sections 3.1 to 3.4
    average_top_k_layers: int = _field(8, "layers averaged into the targets; k in Section 4.2")
    frame_target_norm: str = _field("instance", "norm of each target layer for Eq. 8; released")
    frame_loss_weight: float = _field(1.0, "weight of Eq. 8; 0 trains on the utterance loss alone")
    utterance_loss_weight: float = _field(1.0, "alpha of Eq. 9; 0 trains on the frame loss alone")
    utterance_method: str = _field("chunk", f"one of {UTTERANCE_METHODS}; Section 3.2")
    num_utterance_tokens: int = _field(10, "learnable utterance tokens U; 0 only with `global`")
    utterance_target_norm: str = _field(
        "layer", "norm of each target layer for Eq. 6; `instance` (released) makes the target zero"
    )
    utterance_loss_reduction: str = _field(
        "mean", "`mean` over utterances is Eq. 9; `sum` over a micro-batch is the released code"
    )

    # Teacher (Eq. 10, Section 4.2)
    ema_decay: float = _field(0.999, "tau at the first update; Section 4.2")
    ema_end_decay: float = _field(0.99999, "tau after annealing; Section 4.2")
    ema_anneal_end_step: int = _field(20000, "update at which tau reaches its end; released")

    # Collapse (released; see `diagnostics.py` for the three figures)
    min_target_var: float = _field(0.1, "training stops when target_var falls below")
    min_pred_var: float = _field(0.01, "training stops when pred_var falls below")
    min_utterance_target_var: float = _field(
        1.5e-3, "warning when utterance_target_var falls below"
    )
    collapse_check_after: int = _field(5000, "updates before the two limits that stop apply")

    # How it is computed: same results up to rounding (see benchmarks/README.md)
    convolutions: str = _field("auto", f"one of {CONVOLUTIONS}; `auto`: channels_last on a CPU")
    attention: str = _field(
        "auto",
        f"one of {ATTENTIONS}, when training; `auto`: blockwise on a GPU, which saves memory",
    )
    checkpoint_layers: bool = _field(
        False, "keep only each layer's input for the backward pass: a third more time, less memory"
    )

    @property
    def num_layers(self) -> int:
        """Transformer layers in all."""
        return self.prenet_depth + self.depth

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """Build a config from a mapping, ignoring keys that are not the model's.

        Raises:
            ConfigError: A value is impossible.
        """
        known = {f.name for f in fields(cls)}
        config = cls(**{name: value for name, value in values.items() if name in known})
        config.validate()
        return config

    def validate(self) -> None:
        """Check every value.

        Raises:
            ConfigError: Lists all problems found.
        """
        problems = self._type_problems()
        if problems:  # the other checks compare and divide
            raise ConfigError("model config: " + "; ".join(problems))
        problems = [*self._choice_problems(), *self._range_problems(), *self._shape_problems()]
        reads_tokens = self.utterance_loss_weight > 0 and self.utterance_method != "global"
        if reads_tokens and self.num_utterance_tokens < 1:
            problems.append(
                f"utterance_method={self.utterance_method} needs num_utterance_tokens >= 1, "
                f"but it is {self.num_utterance_tokens}"
            )
        if not self.frame_loss_weight and not self.utterance_loss_weight:
            problems.append(
                "frame_loss_weight and utterance_loss_weight are both 0: nothing to learn"
            )
        if problems:
            raise ConfigError("model config: " + "; ".join(problems))

    def _type_problems(self) -> list[str]:
        words: dict[Any, str] = {
            str: "a word",
            int: "a whole number",
            float: "a finite number",
            bool: "true or false",
        }
        return [
            f"{f.name} must be {words[f.type]}, but is {reprlib.repr(getattr(self, f.name))}"
            for f in fields(ModelConfig)
            if not _has_type(getattr(self, f.name), f.type)
        ]

    def _choice_problems(self) -> list[str]:
        choices = {
            "backbone": BACKBONES,
            "mask_rule": MASK_RULES,
            "utterance_method": UTTERANCE_METHODS,
            "frame_target_norm": TARGET_NORMS,
            "utterance_target_norm": TARGET_NORMS,
            "utterance_loss_reduction": LOSS_REDUCTIONS,
            "convolutions": CONVOLUTIONS,
            "attention": ATTENTIONS,
        }
        return [
            f"{name} must be one of {allowed}, but is {reprlib.repr(getattr(self, name))}"
            for name, allowed in choices.items()
            if getattr(self, name) not in allowed
        ]

    def _range_problems(self) -> list[str]:
        return [
            f"{name} must be {words}, but is {getattr(self, name)}"
            for names, words, is_valid in _RANGES
            for name in names
            if not is_valid(getattr(self, name))
        ]

    def _shape_problems(self) -> list[str]:
        problems = []
        divisions = [("embed_dim", "num_heads"), ("embed_dim", "conv_pos_groups")]
        if self.backbone == "data2vec2":
            divisions += [("embed_dim", "decoder_groups"), ("decoder_dim", "decoder_groups")]
        for width, parts in divisions:
            if getattr(self, parts) < 1 or getattr(self, width) % getattr(self, parts):
                problems.append(
                    f"{width}={getattr(self, width)} must be a multiple of {parts}={getattr(self, parts)}"
                )
        if not 1 <= self.average_top_k_layers <= self.depth:
            problems.append(
                f"average_top_k_layers must be from 1 to depth={self.depth}, "
                f"but is {self.average_top_k_layers}"
            )
        return problems
