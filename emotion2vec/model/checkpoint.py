"""Reads checkpoints of every known format, without ever executing what is in them.

In: a file or folder that `formats.py` opens. Out: `LoadedEncoder` for feature extraction, or `LoadedCheckpoint` with
all weights under our names, for `initialise.py` and for export.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.model.architecture import DATA2VEC2, OURS, Layout, read_sizes, recognise
from emotion2vec.model.config import ModelConfig
from emotion2vec.model.encoder import SpeechEncoder
from emotion2vec.model.factory import build_encoder, build_pretraining_model
from emotion2vec.model.foreign_config import architecture_only, read_settings
from emotion2vec.model.formats import OUR_MODEL_NAME, Source, open_source, read_state
from emotion2vec.model.key_map import from_fairseq, to_fairseq
from emotion2vec.model.stored_tensor import DamagedFileError, load_tensors

__all__ = [
    "OUR_MODEL_NAME", "LoadedCheckpoint", "LoadedEncoder", "file_sha256", "list_problems", "load_encoder",
    "mismatches", "read_checkpoint", "read_state",
]  # fmt: skip

logger = logging.getLogger(__name__)

# A classification head, as FunASR's emotion2vec+ has it: nothing here uses one
_HEAD = frozenset({"proj.weight", "proj.bias"})
_WIDTHS = (
    "conv_dim", "embed_dim", "mlp_ratio", "conv_pos_width", "decoder_dim", "decoder_kernel", "num_utterance_tokens",
)  # fmt: skip
_MAX_WIDTH = 1 << 16


@dataclass(frozen=True)
class LoadedCheckpoint:
    """Everything of a checkpoint that is not the state of an optimizer.

    Attributes:
        config: Architecture and objective of the model.
        tensors: Our names (`student.`, `decoder.`, `teacher.context.`) -> tensors on the CPU, in the precision of the
            file and where possible in its mapped memory. The student is whole; of decoder and teacher some or all may
            be missing.
        sha256: Digest of the file with the weights.
        kind: Format of the file, in words.
    """

    config: ModelConfig
    tensors: Mapping[str, Tensor]
    sha256: str
    kind: str


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder ready for feature extraction.

    Attributes:
        config: Architecture and objective of the model.
        encoder: The student, in eval mode, on the CPU, float32.
        sha256: Digest of the file with the weights.
        kind: Format of the file, in words.
    """

    config: ModelConfig
    encoder: SpeechEncoder
    sha256: str
    kind: str


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_checkpoint(path: Path) -> LoadedCheckpoint:
    """Read a checkpoint of any known format: a file or a folder, recognised by its content.

    Raises:
        CheckpointError: It cannot be read, is not safe to read, or holds another model.
    """
    return _read(Path(path), open_source(Path(path)))


def _read(path: Path, source: Source) -> LoadedCheckpoint:
    try:
        layout = recognise(source.model, model_name=_model_name(source))
        config = _read_config(source, layout)
        _check_sizes(source, config)
        tensors = _our_tensors(source, layout, config)
        _check_tensors(tensors, config)
    except DamagedFileError as error:
        raise CheckpointError(
            f"{source.path}: damaged or cut short ({error}); use an older checkpoint of the run or download the "
            "file again"
        ) from None
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return LoadedCheckpoint(
        config, tensors, file_sha256(source.path), _kind(source, layout, config)
    )


def load_encoder(path: Path) -> LoadedEncoder:
    """Read the student of a checkpoint of any known format.

    Raises:
        CheckpointError: It cannot be read, is not safe to read, or holds another model.
    """
    checkpoint = _read(Path(path), _without_teacher(open_source(Path(path))))
    with torch.device("meta"):  # no weights are drawn: the file's take their place
        encoder = build_encoder(checkpoint.config)
    prefix = "student."
    tensors = {
        key.removeprefix(prefix): tensor.to(torch.float32, copy=True)
        for key, tensor in checkpoint.tensors.items()
        if key.startswith(prefix)
    }
    encoder.load_state_dict(tensors, assign=True)
    return LoadedEncoder(checkpoint.config, encoder.eval(), checkpoint.sha256, checkpoint.kind)


def _without_teacher(source: Source) -> Source:
    """Leave the teacher's tensors on the disk."""
    model = {key: value for key, value in source.model.items() if not key.startswith("teacher.")}
    return replace(source, model=model, teacher={})


def _model_name(source: Source) -> str | None:
    settings = source.settings or {}
    name = settings.get("_name") or settings.get("arch")
    return str(name)[:80] if name else None


def _kind(source: Source, layout: Layout, config: ModelConfig) -> str:
    if layout is OURS:
        return f"emotion2vec {source.container}"
    has_tokens = config.num_utterance_tokens > 0
    name = "data2vec 2.0" if layout is DATA2VEC2 else "data2vec"
    return f"{f'emotion2vec on {name}' if has_tokens else name}, {source.container}"


def _read_config(source: Source, layout: Layout) -> ModelConfig:
    if layout is OURS and source.settings is not None:
        return _validated(source.settings)
    if source.entry is not None:
        return _validated(source.entry)
    sizes = read_sizes(source.model, layout)
    if source.settings is None or layout is OURS:
        return _validated(_consistent(sizes))
    if source.task.get("normalize") is False:
        raise CheckpointError(
            "was trained on waveforms that are not normalised (task.normalize=False), expected normalised ones; its "
            "features would be wrong here"
        )
    settings = read_settings(source.settings, sizes["backbone"])
    try:
        return ModelConfig.from_mapping(
            _consistent({**settings, **sizes, **_width(settings, sizes)})
        )
    except ConfigError as error:
        logger.warning(
            "%s: training settings left at their defaults, as they cannot be expressed here (%s)",
            source.path, error,
        )  # fmt: skip
    settings = architecture_only(settings)
    return _validated(_consistent({**settings, **sizes, **_width(settings, sizes)}))


def _width(settings: Mapping[str, Any], sizes: Mapping[str, Any]) -> dict[str, Any]:
    """Take what a config tells better than shapes: width of the positions, and heads that no tensor counts."""
    better: dict[str, Any] = {}
    depth, width = sizes["conv_pos_depth"], settings.get("conv_pos_width")
    if width is not None and max(3, width // depth) == max(3, sizes["conv_pos_width"] // depth):
        better["conv_pos_width"] = width
    if sizes["backbone"] == "data2vec" and "num_heads" in settings:
        better["num_heads"] = settings["num_heads"]
    return better


def _consistent(values: dict[str, Any]) -> dict[str, Any]:
    """Fit the objective to the sizes: no more target layers than there are, no utterance loss without tokens."""
    top_k = values.get("average_top_k_layers", ModelConfig.average_top_k_layers)
    values = {**values, "average_top_k_layers": min(top_k, values["depth"])}
    if not values["num_utterance_tokens"] and values.get("utterance_method") != "global":
        values["utterance_loss_weight"] = 0.0
    return values


def _validated(values: Mapping[str, Any]) -> ModelConfig:
    try:
        return ModelConfig.from_mapping(values)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def _check_sizes(source: Source, config: ModelConfig) -> None:
    """Refuse a config of more layers than there are tensors, or too wide, before anything is built from it."""
    too_wide = [name for name in _WIDTHS if getattr(config, name) > _MAX_WIDTH]
    if too_wide:
        raise CheckpointError(
            f"its config has {too_wide[0]}={getattr(config, too_wide[0])}, expected at most {_MAX_WIDTH}; the file is "
            "damaged"
        )
    claimed = max(config.num_layers, config.conv_pos_depth, config.decoder_layers)
    if claimed > len(source.model):
        raise CheckpointError(
            f"its config names {claimed} layers, but there are {len(source.model)} tensors; the file is damaged"
        )


def _our_tensors(source: Source, layout: Layout, config: ModelConfig) -> dict[str, Tensor]:
    model, teacher = load_tensors(source.model), load_tensors(source.teacher)
    if layout is OURS:
        return model
    tensors = from_fairseq({"model": model, "_ema": teacher}, config)
    known = to_fairseq(tensors, config)
    unknown = sorted(model.keys() - known["model"].keys())
    head = [name for name in unknown if name in _HEAD]
    if head:
        logger.info("%s: its classification head (%s) is not read", source.path, ", ".join(head))
    problems = [f"{name} is unexpected" for name in unknown if name not in _HEAD]
    problems += [
        f"_ema.{name} is unexpected" for name in sorted(teacher.keys() - known["_ema"].keys())
    ]
    if problems:
        raise CheckpointError(list_problems(problems))
    return tensors


def _check_tensors(tensors: Mapping[str, Tensor], config: ModelConfig) -> None:
    """See that the student is whole, and that decoder and teacher, where they are there, fit."""
    with torch.device("meta"):
        wanted = build_pretraining_model(config).state_dict()
    required = {
        key: value for key, value in wanted.items() if key.startswith("student.") or key in tensors
    }
    problems = mismatches(required, tensors)
    problems += [f"{key} is unexpected" for key in sorted(tensors.keys() - wanted.keys())]
    if problems:
        raise CheckpointError(list_problems(problems))


def mismatches(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Say which wanted tensors are missing or of another shape."""
    problems = []
    for key, tensor in wanted.items():
        if key not in found:
            problems.append(f"{key} is missing")
        elif found[key].shape != tensor.shape:
            shapes = f"{tuple(found[key].shape)}, expected {tuple(tensor.shape)}"
            problems.append(f"{key} has shape {shapes}")
    return problems


def list_problems(problems: Sequence[str]) -> str:
    """Put the first problems into one sentence."""
    more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
    return "tensors do not fit the model: " + "; ".join(problems[:5]) + more
