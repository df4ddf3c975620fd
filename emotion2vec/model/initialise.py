"""Starts a run from a checkpoint.

In: a checkpoint that `checkpoint.py` reads. Out: weights copied into a new `Emotion2VecPretraining`, with a report of
what was loaded, created and ignored. Paper: Section 3.4, Table 8.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.model.checkpoint import (
    LoadedCheckpoint,
    list_problems,
    mismatches,
    read_checkpoint,
)
from emotion2vec.model.config import TEACHER_INITS, ModelConfig
from emotion2vec.model.emotion2vec import Emotion2VecPretraining

_TOKENS, _DECODER = "context.tokens.", "decoder."
# Parts of the report: title, beginning of the names; the first that fits
_PARTS = (
    ("feature extractor", "student.frontend."),
    ("positions", "student.context.positions."),
    ("utterance tokens", f"student.{_TOKENS}"),
    ("transformer", "student.context."),
    ("decoder", _DECODER),
    ("teacher", "teacher."),
)


@dataclass(frozen=True)
class InitReport:
    """What starting from a checkpoint did; tuples of tensor names.

    Attributes:
        kind: Format of the checkpoint.
        loaded: Taken from the checkpoint.
        created: Fresh, as the checkpoint lacks them.
        resized: Fresh, as the checkpoint has them in another size (or, for a decoder, in parts).
        ignored: In the checkpoint, but of no use to the run.
        teacher_init: Where the teacher came from.
    """

    kind: str
    loaded: tuple[str, ...]
    created: tuple[str, ...]
    resized: tuple[str, ...]
    ignored: tuple[str, ...]
    teacher_init: str

    def __str__(self) -> str:
        """Return a table for the log: a row for each part, with counts of tensors."""
        columns = [self.loaded, self.created, self.resized, self.ignored]
        lines = [f"  {self.kind}", "  part                loaded  created  resized  ignored"]
        for title, _ in _PARTS:
            counts = [sum(_part(name) == title for name in names) for names in columns]
            note = "  (a copy of the student)" if self._copies_student(title) else ""
            if any(counts) or note:
                lines.append(f"  {title:<17}{''.join(f'{count:>9}' for count in counts)}{note}")
        return "\n".join(lines)

    def _copies_student(self, title: str) -> bool:
        return title == "teacher" and self.teacher_init == "student"


def _part(name: str) -> str:
    return next((title for title, beginning in _PARTS if name.startswith(beginning)), "")


def initialise_from(
    model: Emotion2VecPretraining, path: Path, *, teacher_init: str = "student"
) -> InitReport:
    """Start a new run from a checkpoint; the optimizer and the update count start afresh.

    Utterance tokens that the checkpoint lacks, or has in another number, stay freshly initialised; so does the decoder
    as a whole when any of its tensors is missing or of another size.

    Args:
        model: The model to fill.
        path: A checkpoint of any format that `checkpoint.py` reads.
        teacher_init: `student` copies the loaded student into the teacher (Section 3.4), `checkpoint` takes the
            checkpoint's own teacher.

    Raises:
        ConfigError: `teacher_init` is neither.
        CheckpointError: The file cannot be read, is of another architecture, or lacks the teacher asked for.
    """
    if teacher_init not in TEACHER_INITS:
        raise ConfigError(f"teacher_init must be one of {TEACHER_INITS}, but is {teacher_init!r}")
    checkpoint = read_checkpoint(path)
    _check_backbone(path, checkpoint, model.config)
    wanted: dict[str, Tensor] = model.state_dict()
    if teacher_init == "student":
        wanted = {key: tensor for key, tensor in wanted.items() if not key.startswith("teacher.")}
    elif not any(key.startswith("teacher.") for key in checkpoint.tensors):
        raise CheckpointError(
            f"{path}: has no teacher, but teacher_init is 'checkpoint'; set teacher_init=student"
        )
    fitting = _fitting(wanted, checkpoint.tensors)
    _check_complete(path, wanted, checkpoint.tensors, fitting)
    model.load_state_dict({**fitting, **_teacher_tokens(wanted, fitting)}, strict=False)
    if teacher_init == "student":
        model.teacher.copy_from(model.student.context)
    missing = [key for key in wanted if key not in fitting]
    return InitReport(
        kind=checkpoint.kind,
        loaded=tuple(fitting),
        created=tuple(key for key in missing if key not in checkpoint.tensors),
        resized=tuple(key for key in missing if key in checkpoint.tensors),
        ignored=tuple(key for key in checkpoint.tensors if key not in wanted),
        teacher_init=teacher_init,
    )


def _check_backbone(path: Path, checkpoint: LoadedCheckpoint, config: ModelConfig) -> None:
    for name in ("backbone", "num_heads"):
        found, wanted = getattr(checkpoint.config, name), getattr(config, name)
        if found != wanted:
            raise CheckpointError(
                f"{path}: has {name}={found} ({checkpoint.kind}), but the run has model.{name}={wanted}; set "
                f"model.{name}={found} or start from another checkpoint"
            )


def _fitting(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the found tensors that have the wanted names and sizes; of the decoder all or none."""
    fitting = {k: v for k, v in found.items() if k in wanted and wanted[k].shape == v.shape}
    if all(key in fitting for key in _decoder(wanted)):
        return fitting
    return {key: tensor for key, tensor in fitting.items() if not key.startswith(_DECODER)}


def _decoder(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(_DECODER)]


def _check_complete(
    path: Path,
    wanted: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    fitting: Mapping[str, Tensor],
) -> None:
    """See that only tokens and decoder, which a run can learn anew, are missing."""
    broken = {
        key: tensor
        for key, tensor in wanted.items()
        if key not in fitting and _TOKENS not in key and not key.startswith(_DECODER)
    }
    if broken:
        raise CheckpointError(f"{path}: {list_problems(mismatches(broken, found))}")


def _teacher_tokens(
    wanted: Mapping[str, Tensor], fitting: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Give a checkpoint's teacher the student's tokens where it has none of the right number (Section 3.4)."""
    tokens = {}
    for key in wanted:
        if key.startswith(f"teacher.{_TOKENS}") and key not in fitting:
            student_key = key.replace("teacher.", "student.", 1)
            tokens[key] = fitting.get(student_key, wanted[student_key])
    return tokens
