"""Starts a run from a checkpoint.

In: a checkpoint that `checkpoint.py` reads. Out: weights copied into a new `Emotion2VecPretraining`, with a report of
what was loaded, created and ignored. Paper: Section 3.4, Table 8.
"""

from dataclasses import dataclass
from pathlib import Path

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.model.checkpoint import list_problems, mismatches, read_checkpoint
from emotion2vec.model.config import TEACHER_INITS
from emotion2vec.model.emotion2vec import Emotion2VecPretraining

# Not needed to start a run: a model with other tokens or another decoder gets fresh ones.
_REPLACEABLE = ("student.context.tokens.", "teacher.context.tokens.", "decoder.")


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
    wanted, found = model.state_dict(), read_checkpoint(path).tensors
    if teacher_init == "student":
        wanted = {key: tensor for key, tensor in wanted.items() if not key.startswith("teacher.")}
    fitting = {k: v for k, v in found.items() if k in wanted and wanted[k].shape == v.shape}
    created = tuple(key for key in wanted if key not in fitting)
    broken = [key for key in created if not key.startswith(_REPLACEABLE)]
    if broken:
        problems = mismatches({key: wanted[key] for key in broken}, found)
        raise CheckpointError(f"{path}: {list_problems(problems)}")
    model.load_state_dict(fitting, strict=False)
    if teacher_init == "student":
        model.teacher.copy_from(model.student.context)
    return InitReport(tuple(fitting), created, tuple(key for key in found if key not in fitting))
