"""Recognises a model by its tensors: which of three key layouts, and the sizes that their shapes tell.

In: names and shapes. Out: the layout and the fields of `ModelConfig` that decide which weights there are. What shapes
do not tell (dropout, losses) comes from a file's config, see `foreign_config.py`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from emotion2vec.errors import CheckpointError
from emotion2vec.model.config import ModelConfig

_AUDIO = "modality_encoders.AUDIO"
_HEAD_WIDTH = (
    64  # of every published model; data2vec's weights do not tell how many heads there are
)
EXPECTED = "expected emotion2vec, data2vec 2.0 or data2vec for audio"


class HasShape(Protocol):
    """A tensor, or one that has not been read yet."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes."""


@dataclass(frozen=True)
class Layout:
    """How one program names the tensors that tell the sizes; `{}` stands for a number.

    Attributes:
        name: In words, for messages.
        mark: A name that only this layout has.
        conv: First convolution of the feature extractor, (conv_dim, 1, 10).
        projection: (D, conv_dim).
        positions: Convolutions of the positions, (D, D / groups, kernel).
        fc1: First linear layer of the feed-forward parts that `depth` counts, (mlp_ratio * D, D).
        prenet_fc1: The same of those that `prenet_depth` counts.
        tokens: (1, U, D).
        alibi: (1, 1, H, 1, 1).
        decoder: Convolutions of the decoder, (decoder_dim, input / groups, kernel).
    """

    name: str
    mark: str
    conv: str
    projection: str
    positions: str
    fc1: str
    prenet_fc1: str
    tokens: str
    alibi: str
    decoder: str


OURS = Layout(
    name="ours",
    mark="student.frontend.projection.weight",
    conv="student.frontend.convs.0.conv.weight",
    projection="student.frontend.projection.weight",
    positions="student.context.positions.convs.{}.weight",
    fc1="student.context.layers.{}.mlp.fc1.weight",
    prenet_fc1="",
    tokens="student.context.tokens.embedding",
    alibi="student.context.alibi.scale",
    decoder="decoder.convs.{}.weight",
)
DATA2VEC2 = Layout(
    name="data2vec 2.0",
    mark=f"{_AUDIO}.project_features.2.weight",
    conv=f"{_AUDIO}.local_encoder.conv_layers.0.0.weight",
    projection=f"{_AUDIO}.project_features.2.weight",
    positions=f"{_AUDIO}.relative_positional_encoder.{{}}.0.weight",
    fc1="blocks.{}.mlp.fc1.weight",
    prenet_fc1=f"{_AUDIO}.context_encoder.blocks.{{}}.mlp.fc1.weight",
    tokens=f"{_AUDIO}.extra_tokens",
    alibi=f"{_AUDIO}.alibi_scale",
    decoder=f"{_AUDIO}.decoder.blocks.{{}}.0.weight",
)
DATA2VEC = Layout(
    name="data2vec",
    mark="encoder.pos_conv.0.0.weight",
    conv="feature_extractor.conv_layers.0.0.weight",
    projection="post_extract_proj.weight",
    positions="encoder.pos_conv.{}.0.weight",
    fc1="encoder.layers.{}.fc1.weight",
    prenet_fc1="",
    tokens="extra_tokens",
    alibi="",
    decoder="",
)
_LAYOUTS = (OURS, DATA2VEC2, DATA2VEC)

# beginning of a name -> whose it is; the first that fits
_OTHERS = (
    ("w2v_encoder.", "a model fine-tuned in fairseq (w2v_encoder.*)"),
    ("modality_encoders.", "data2vec 2.0 for images or text"),
    ("quantizer.", "wav2vec 2.0"),
    ("label_embs_concat", "HuBERT or WavLM"),
    ("feature_aggregator.", "wav2vec"),
    ("data2vec_audio.", "data2vec as Hugging Face transformers names it"),
    ("wav2vec2.", "wav2vec 2.0 as Hugging Face transformers names it"),
    ("feature_projection.", "a speech model as Hugging Face transformers names it"),
    ("bert.", "BERT"),
    ("embeddings.word_embeddings.", "BERT"),
    ("encoder.pos_conv.", "wav2vec 2.0, HuBERT or WavLM"),
)


def recognise(names: Iterable[str], *, model_name: str | None = None) -> Layout:
    """Find the layout of a state dict.

    Args:
        names: Names of its tensors.
        model_name: What the file's config calls the model, for the message.

    Raises:
        CheckpointError: It is another model; the message says which, and has no path.
    """
    known = set(names)
    for layout in _LAYOUTS:
        if layout.mark in known:
            return layout
    named = f" (named {model_name!r})" if model_name else ""
    if not known:
        raise CheckpointError(f"holds no tensors{named}, {EXPECTED}")
    for beginning, owner in _OTHERS:
        if any(name.startswith(beginning) for name in known):
            raise CheckpointError(f"holds {owner}{named}, {EXPECTED}, as pre-trained")
    examples = ", ".join(sorted(known)[:3])
    raise CheckpointError(f"holds an unknown model{named} with tensors {examples}, ...; {EXPECTED}")


def read_sizes(tensors: Mapping[str, HasShape], layout: Layout) -> dict[str, Any]:
    """Return the fields of `ModelConfig` that the shapes tell.

    Layers of our own layout are not split in two kinds: `prenet_depth` is then the default where it fits. Heads
    that no ALiBi scale counts are 64 wide.

    Raises:
        CheckpointError: A tensor that tells a size is missing or has the wrong number of dimensions.
    """
    try:
        return _read_sizes({name: tuple(t.shape) for name, t in tensors.items()}, layout)
    except (KeyError, IndexError, ZeroDivisionError, ValueError) as error:
        raise CheckpointError(
            f"its tensors do not tell the architecture ({layout.name}'s {error} is missing or has another shape); "
            "the file is incomplete, or of another model"
        ) from None


def _read_sizes(shapes: Mapping[str, tuple[int, ...]], layout: Layout) -> dict[str, Any]:
    conv_dim, embed_dim = shapes[layout.conv][0], shapes[layout.projection][0]
    positions = _numbered(shapes, layout.positions)
    main, prenet = _numbered(shapes, layout.fc1), _numbered(shapes, layout.prenet_fc1)
    prenet_depth, depth = len(prenet), len(main)
    has_alibi = layout.alibi in shapes
    if layout is OURS and has_alibi:
        default = ModelConfig.prenet_depth
        prenet_depth = default if depth > default else 0
        depth -= prenet_depth
    kernel = positions[0][2]
    tokens = shapes.get(layout.tokens)
    return {
        "backbone": "data2vec2" if has_alibi or layout is DATA2VEC2 else "data2vec",
        "conv_dim": conv_dim,
        "embed_dim": embed_dim,
        "num_heads": shapes[layout.alibi][2] if has_alibi else max(1, embed_dim // _HEAD_WIDTH),
        "mlp_ratio": main[0][0] / embed_dim,
        "prenet_depth": prenet_depth,
        "depth": depth,
        "conv_pos_width": kernel * len(positions),
        "conv_pos_depth": len(positions),
        "conv_pos_groups": embed_dim // positions[0][1],
        "num_utterance_tokens": tokens[1] if tokens else 0,
        **_decoder_sizes(_numbered(shapes, layout.decoder), embed_dim),
    }


def _decoder_sizes(convs: list[tuple[int, ...]], embed_dim: int) -> dict[str, int]:
    if not convs:
        return {}
    return {
        "decoder_dim": convs[0][0],
        "decoder_layers": len(convs),
        "decoder_kernel": convs[0][2],
        "decoder_groups": embed_dim // convs[0][1],
    }


def _numbered(shapes: Mapping[str, tuple[int, ...]], name: str) -> list[tuple[int, ...]]:
    """Return the shapes of tensors whose names differ in one number, in its order."""
    if not name:
        return []
    pattern = re.compile(re.escape(name).replace(r"\{\}", r"(\d+)"))
    found = {int(m[1]): shape for key, shape in shapes.items() if (m := pattern.fullmatch(key))}
    return [found[number] for number in sorted(found)]
