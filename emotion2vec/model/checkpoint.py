"""Reads checkpoints without ever executing what is in them, and starts a run from one.

In: a file written by `fairseq-hydra-train` with this plugin. Out: `LoadedEncoder` for feature extraction, or weights
copied into a new `Emotion2VecPretraining` with a report of what was loaded, created and ignored.
"""

import hashlib
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.model.config import TEACHER_INITS, ModelConfig
from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.encoder import SpeechEncoder
from emotion2vec.model.factory import build_encoder

OUR_MODEL_NAME = "emotion2vec"
# Not needed to start a run: a model with other tokens or another decoder gets fresh ones.
_REPLACEABLE = ("student.context.tokens.", "teacher.context.tokens.", "decoder.")


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


@dataclass(frozen=True)
class InitReport:
    """What starting from a checkpoint did; each a tuple of tensor names."""

    loaded: tuple[str, ...]
    created: tuple[str, ...]
    ignored: tuple[str, ...]

    def __str__(self) -> str:
        """Return a short table for the log."""
        rows = [("loaded", self.loaded), ("created", self.created), ("ignored", self.ignored)]
        return "\n".join(
            f"  {title:<8}{len(names):>5} tensors{_shown(names, 4) if title != 'loaded' else ''}"
            for title, names in rows
        )


def _shown(names: tuple[str, ...], limit: int) -> str:
    if not names:
        return ""
    return ": " + ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")


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


def load_encoder(path: Path) -> LoadedEncoder:
    """Read the student of one of our fairseq checkpoints.

    Raises:
        CheckpointError: The file cannot be read, or its tensors do not fit the architecture it names.
    """
    state = read_state(path)
    config = _read_config(path, state)
    encoder = build_encoder(config)
    prefix = "student."
    tensors = {k.removeprefix(prefix): v for k, v in state["model"].items() if k.startswith(prefix)}
    problems = _mismatches(encoder.state_dict(), tensors)
    problems += [
        f"{key} is unexpected" for key in sorted(tensors.keys() - encoder.state_dict().keys())
    ]
    if problems:
        raise CheckpointError(f"{path}: {_list_problems(problems)}")
    encoder.load_state_dict(tensors)
    return LoadedEncoder(
        config, encoder.float().eval(), file_sha256(path), "emotion2vec fairseq checkpoint"
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


def _mismatches(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    problems = []
    for key, tensor in wanted.items():
        if key not in found:
            problems.append(f"{key} is missing")
        elif found[key].shape != tensor.shape:
            shapes = f"{tuple(found[key].shape)}, expected {tuple(tensor.shape)}"
            problems.append(f"{key} has shape {shapes}")
    return problems


def _list_problems(problems: list[str]) -> str:
    more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
    return "tensors do not fit the model: " + "; ".join(problems[:5]) + more


def initialise_from(
    model: Emotion2VecPretraining, path: Path, *, teacher_init: str = "student"
) -> InitReport:
    """Start a new run from a checkpoint of ours; the optimizer and the update count start afresh.

    Utterance tokens and decoder that the checkpoint lacks, or has in another size, stay freshly initialised.

    Args:
        model: The model to fill.
        path: A checkpoint of this plugin.
        teacher_init: `student` copies the loaded student into the teacher (Section 3.4), `checkpoint` takes the
            checkpoint's own teacher.

    Raises:
        ConfigError: `teacher_init` is neither.
        CheckpointError: The file cannot be read or is of another architecture.
    """
    if teacher_init not in TEACHER_INITS:
        raise ConfigError(f"teacher_init must be one of {TEACHER_INITS}, but is {teacher_init!r}")
    state = read_state(path)
    _read_config(path, state)
    wanted, found = model.state_dict(), state["model"]
    if teacher_init == "student":
        wanted = {key: tensor for key, tensor in wanted.items() if not key.startswith("teacher.")}
    fitting = {k: v for k, v in found.items() if k in wanted and wanted[k].shape == v.shape}
    created = tuple(key for key in wanted if key not in fitting)
    broken = [key for key in created if not key.startswith(_REPLACEABLE)]
    if broken:
        problems = _mismatches({key: wanted[key] for key in broken}, found)
        raise CheckpointError(f"{path}: {_list_problems(problems)}")
    model.load_state_dict(fitting, strict=False)
    if teacher_init == "student":
        model.teacher.copy_from(model.student.context)
    return InitReport(tuple(fitting), created, tuple(key for key in found if key not in fitting))
