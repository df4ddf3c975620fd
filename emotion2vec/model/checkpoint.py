"""Reads checkpoints without ever executing what is in them.

In: a file written by `fairseq-hydra-train` with this plugin. Out: `LoadedEncoder` for feature extraction, or
`LoadedCheckpoint` with all weights, for `initialise.py` and for export.
"""

import hashlib
import pickle
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.model.config import ModelConfig
from emotion2vec.model.encoder import SpeechEncoder
from emotion2vec.model.factory import build_encoder

OUR_MODEL_NAME = "emotion2vec"


@dataclass(frozen=True)
class LoadedCheckpoint:
    """Everything of a checkpoint that is not the state of an optimizer.

    Attributes:
        config: Architecture and objective of the model.
        tensors: Our names (`student.`, `decoder.`, `teacher.context.`) -> tensors on the CPU; a checkpoint may lack
            decoder and teacher.
        sha256: Digest of the file.
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
        sha256: Digest of the file.
        kind: Format of the file.
    """

    config: ModelConfig
    encoder: SpeechEncoder
    sha256: str
    kind: str


def read_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint's contents: plain types and tensors only, anything else is refused.

    Raises:
        CheckpointError: Missing, damaged, not a checkpoint, or holding objects that would run code.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(
            f"{path}: no such checkpoint; expected a file such as checkpoint_last.pt"
        )
    if path.is_dir():
        raise CheckpointError(
            f"{path}: is a folder; expected a checkpoint file such as checkpoint_last.pt"
        )
    try:
        state = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except pickle.UnpicklingError as error:
        raise CheckpointError(_refusal(path, str(error))) from None
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path}: damaged or cut short ({_first_line(error)}); use an older checkpoint of the run or "
            "download the file again"
        ) from None
    if not isinstance(state, dict):
        raise CheckpointError(
            f"{path}: holds a {type(state).__name__}, expected a checkpoint's dictionary"
        )
    return state


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _refusal(path: Path, message: str) -> str:
    named = re.search(r"(?:GLOBAL|global:?) ([\w.]+)", message)
    if named is None:
        return (
            f"{path}: not a checkpoint that can be read safely (it does not start like one); nothing was executed. "
            "Expected a file such as checkpoint_last.pt"
        )
    return (
        f"{path}: refused, because it holds an object of {named[1]!r}, which could run code; nothing was executed. "
        "Expected tensors and plain types only"
    )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_checkpoint(path: Path) -> LoadedCheckpoint:
    """Read a checkpoint of any known format.

    Raises:
        CheckpointError: The file cannot be read, or holds another model.
    """
    state = read_state(path)
    config = _read_config(path, state)
    return LoadedCheckpoint(
        config, state["model"], file_sha256(path), "emotion2vec fairseq checkpoint"
    )


def load_encoder(path: Path) -> LoadedEncoder:
    """Read the student of a checkpoint.

    Raises:
        CheckpointError: The file cannot be read, or its tensors do not fit the architecture it names.
    """
    checkpoint = read_checkpoint(path)
    encoder = build_encoder(checkpoint.config)
    prefix = "student."
    tensors = {
        key.removeprefix(prefix): tensor
        for key, tensor in checkpoint.tensors.items()
        if key.startswith(prefix)
    }
    problems = mismatches(encoder.state_dict(), tensors)
    problems += [
        f"{key} is unexpected" for key in sorted(tensors.keys() - encoder.state_dict().keys())
    ]
    if problems:
        raise CheckpointError(f"{path}: {list_problems(problems)}")
    encoder.load_state_dict(tensors)
    return LoadedEncoder(
        checkpoint.config, encoder.float().eval(), checkpoint.sha256, checkpoint.kind
    )


def _read_config(path: Path, state: Mapping[str, Any]) -> ModelConfig:
    model = state.get("cfg", {}).get("model", {}) if isinstance(state.get("cfg"), dict) else {}
    name = model.get("_name") if isinstance(model, dict) else None
    if name != OUR_MODEL_NAME or not isinstance(state.get("model"), dict):
        raise CheckpointError(
            f"{path}: holds a model named {name!r}, expected {OUR_MODEL_NAME!r} (a checkpoint of this plugin)"
        )
    try:
        return ModelConfig.from_mapping(model)
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None


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
