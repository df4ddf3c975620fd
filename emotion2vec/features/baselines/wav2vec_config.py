"""Options of a wav2vec or vq-wav2vec, read from a fairseq checkpoint's own settings.

In: `args` (fairseq until 0.10) or `cfg.model` (since) of a checkpoint, as the safe reader gives them. Out:
`Wav2VecOptions` for `wav2vec.py`. fairseq evaluates the lists of layers as Python; here they are only parsed.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from emotion2vec.errors import CheckpointError

ConvShape = tuple[int, int, int]

# What is supported; the limits keep a damaged or hostile file from asking for more than any memory holds
_CHOICES = {
    "activation": ("relu", "gelu"),
    "aggregator": ("cnn",),
    "vq_type": ("none", "gumbel", "kmeans"),
    "vq_vars": range(1, 65537),
    "vq_groups": range(1, 65),
    "vq_dim": range(8193),
    "vq_depth": range(1, 17),
}
_MAX_LAYERS, _MAX_CHANNELS, _MAX_KERNEL = 64, 8192, 1024


@dataclass(frozen=True)
class Wav2VecOptions:
    """What decides the architecture; defaults are fairseq's for files that do not name an option.

    Attributes:
        conv_feature_layers: (channels, kernel, stride) of each convolution of the encoder.
        conv_aggregator_layers: The same of the aggregator.
        activation: `relu` or `gelu`.
        log_compression: The encoder's output x becomes log(1 + |x|).
        skip_connections_feat: Add the input of each convolution of the encoder where the channels are as many.
        skip_connections_agg: Add the input of each convolution of the aggregator.
        residual_scale: A sum with a skip connection is multiplied by the square root of this.
        agg_zero_pad: The aggregator's left context is filled with zeros, not with the first frame.
        no_conv_bias: The aggregator's convolutions have no bias.
        non_affine_group_norm: The norms have no weights.
        aggregator: `cnn`; `gru` is not supported.
        vq_type: `none`, `gumbel` or `kmeans`.
        vq_vars: Codewords of a group.
        vq_groups: Groups.
        vq_dim: Width of the quantised vector; 0 for the encoder's.
        vq_depth: Linear layers before the choice of a codeword (Gumbel).
        combine_groups: The groups share their codewords.
    """

    conv_feature_layers: tuple[ConvShape, ...] = ((512, 10, 5), (512, 8, 4), *3 * ((512, 4, 2),))
    conv_aggregator_layers: tuple[ConvShape, ...] = 9 * ((512, 3, 1),)
    activation: str = "relu"
    log_compression: bool = False
    skip_connections_feat: bool = False
    skip_connections_agg: bool = False
    residual_scale: float = 0.5
    agg_zero_pad: bool = False
    no_conv_bias: bool = False
    non_affine_group_norm: bool = False
    aggregator: str = "cnn"
    vq_type: str = "none"
    vq_vars: int = 320
    vq_groups: int = 2
    vq_dim: int = 0
    vq_depth: int = 1
    combine_groups: bool = False


def read_options(path: Path, state: Mapping[str, Any]) -> Wav2VecOptions:
    """Read the options of a checkpoint.

    Args:
        path: The file, for messages.
        state: Its contents.

    Raises:
        CheckpointError: It names none, another model, or an option that is not supported.
    """
    found = _settings(state)
    if not isinstance(state.get("model"), Mapping) or "conv_feature_layers" not in found:
        raise CheckpointError(
            f"{path}: not a fairseq checkpoint of wav2vec or vq-wav2vec (no weights 'model', or no option "
            "'conv_feature_layers'); expected a file such as wav2vec_large.pt or vq-wav2vec.pt"
        )
    values = {
        field.name: _value(path, field.name, field.default, found[field.name])
        for field in fields(Wav2VecOptions)
        if found.get(field.name) is not None
    }
    options = Wav2VecOptions(**values)
    for name, choices in _CHOICES.items():
        if getattr(options, name) not in choices:
            found_text = repr(getattr(options, name))[:80]
            raise CheckpointError(
                f"{path}: its option {name} is {found_text}, expected one of {choices}"
            )
    return options


def _settings(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the settings where the version of fairseq keeps them."""
    args = state.get("args")
    if args is None and isinstance(state.get("cfg"), Mapping):
        args = state["cfg"].get("model")
    return args if isinstance(args, Mapping) else {}


def _value(path: Path, name: str, default: Any, found: Any) -> Any:
    """Turn what the file says into the type of the option."""
    try:
        if isinstance(default, tuple):
            return _conv_shapes(found)
        if isinstance(default, str):
            return str(found)
        return type(default)(found)
    except (TypeError, ValueError, OverflowError, SyntaxError, RecursionError, MemoryError):
        raise CheckpointError(
            f"{path}: its option {name} is {str(found)[:80]!r}, expected something like {default!r}"
        ) from None


def _conv_shapes(found: Any) -> tuple[ConvShape, ...]:
    """Read a list of (channels, kernel, stride), given as such or as fairseq writes it."""
    layers = _layers(ast.parse(found, mode="eval").body) if isinstance(found, str) else found
    shapes = [(int(channels), int(kernel), int(stride)) for channels, kernel, stride in layers]
    possible = all(
        1 <= channels <= _MAX_CHANNELS and 1 <= kernel <= _MAX_KERNEL and 1 <= stride <= _MAX_KERNEL
        for channels, kernel, stride in shapes
    )
    if not 1 <= len(shapes) <= _MAX_LAYERS or not possible:
        raise ValueError(found)
    return tuple(shapes)


def _layers(node: ast.expr) -> Any:
    """Read a literal, or sums and multiples of such: `[(512, 10, 5)] + [(512, 4, 2)] * 3`."""
    if not isinstance(node, ast.BinOp):
        return ast.literal_eval(node)
    left, right = _layers(node.left), _layers(node.right)
    if isinstance(node.op, ast.Add) and isinstance(left, list) and isinstance(right, list):
        layers = left + right
    elif isinstance(node.op, ast.Mult) and isinstance(left, list) and isinstance(right, int):
        layers = left * min(right, _MAX_LAYERS + 1)
    else:
        raise ValueError("neither a sum nor a multiple of lists")
    if len(layers) > _MAX_LAYERS:
        raise ValueError(f"more than {_MAX_LAYERS} layers")
    return layers
