"""Runs cells: a finished one is kept, an interrupted one goes on, a failed one does not stop the others.

In: `Plan`. Out: a folder for each cell below `cells`, with the files of a probe, and `Outcome`s for `tables.py`.
`cell.json` says what a result was made from.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import emotion2vec
from emotion2vec.errors import Emotion2VecError
from emotion2vec.files import write_text
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.conversation_config import ConversationConfig
from emotion2vec.probe.conversation_run import evaluate_conversation
from emotion2vec.probe.run import evaluate
from emotion2vec.progress import progress
from emotion2vec.reproduction.cells import Cell, Plan

_IDENTITY = "cell.json"
_FAILURE = "failed.json"
# where the inputs lie and how they are computed with does not change a result
_NOT_IDENTITY = (
    "features", "utterance_features", "text_features", "manifest", "device", "jobs", "runs_together",
)  # fmt: skip
STATES = ("done", "kept", "failed", "skipped", "open")


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Attributes:
        cell: The cell.
        state: `done` now, `kept` from an earlier run, `failed`, `skipped` as it cannot run, `open`: not run yet.
        folder: Folder of the cell.
        reason: Why it failed or was skipped, in a sentence.
    """

    cell: Cell
    state: str
    folder: Path
    reason: str = ""

    @property
    def result(self) -> Path | None:
        """The result's file; None where there is none."""
        return self.folder / "result.json" if self.state in ("done", "kept") else None


def run_cells(
    plan: Plan,
    out: Path,
    *,
    config_dir: Path,
    on_outcome: Callable[[Outcome], None],
    collect: bool = False,
) -> list[Outcome]:
    """Run every cell that can run and is not finished.

    Args:
        plan: The cells.
        out: Folder of the reproduction.
        config_dir: Folder of the protocols.
        on_outcome: Called after each cell.
        collect: Train nothing: take what is finished.
    """
    outcomes = []
    for cell in progress(plan.cells.values(), description="reproduce", unit="cell"):
        outcome = look_up(cell, out, config_dir)
        if outcome.state == "open" and not collect:
            outcome = run_cell(cell, outcome.folder, config_dir)
        elif outcome.state == "open" and (reason := _failure(cell, outcome.folder, config_dir)):
            outcome = Outcome(cell, "failed", outcome.folder, reason)
        on_outcome(outcome)
        outcomes.append(outcome)
    return outcomes


def look_up(cell: Cell, out: Path, config_dir: Path) -> Outcome:
    """Say without running anything whether a cell is `kept`, `skipped` or `open`."""
    folder = out / "cells" / cell.name
    if cell.config is None:
        return Outcome(cell, "skipped", folder, cell.reason)
    try:
        stored = json.loads((folder / _IDENTITY).read_text("utf-8"))
        finished = stored == {
            **_identity(cell, config_dir),
            "result": _digest(folder / "result.json"),
        }
    except (OSError, ValueError):
        finished = False
    return Outcome(cell, "kept" if finished else "open", folder)


def run_cell(cell: Cell, folder: Path, config_dir: Path) -> Outcome:
    """Train one cell; the files of a training that was interrupted are taken up by the trainer.

    Returns:
        Its outcome, `done` or `failed`: a mistake that a user can mend becomes a sentence.
    """
    assert cell.config is not None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FAILURE).unlink(missing_ok=True)
        train(cell.config, folder, config_dir)
        identity = {**_identity(cell, config_dir), "result": _digest(folder / "result.json")}
        write_text(folder / _IDENTITY, json.dumps(identity, indent=1) + "\n")
    except (Emotion2VecError, OSError, MemoryError, torch.OutOfMemoryError) as error:
        sentence = " ".join(str(error).split()) or "out of memory"
        write_failure(cell, folder, config_dir, sentence)
        return Outcome(cell, "failed", folder, sentence)
    return Outcome(cell, "done", folder)


def write_failure(cell: Cell, folder: Path, config_dir: Path, sentence: str) -> None:
    """Leave a note of why a cell has failed, for `collect`; it counts as long as the cell would be made alike."""
    with contextlib.suppress(OSError):  # a full disk has no place for its own failure
        note = {**_identity(cell, config_dir), "reason": sentence}
        write_text(folder / _FAILURE, json.dumps(note, indent=1) + "\n")


def _failure(cell: Cell, folder: Path, config_dir: Path) -> str:
    """Return why a cell has failed; empty where it has not, or would be made in another way now."""
    try:
        note = json.loads((folder / _FAILURE).read_text("utf-8"))
        reason = str(note.pop("reason"))
        return reason if note == _identity(cell, config_dir) else ""
    except (OSError, ValueError, KeyError, AttributeError):
        return ""


def train(config: ProbeConfig, folder: Path, config_dir: Path) -> None:
    """Evaluate with the probe of the config's kind."""
    if isinstance(config, ConversationConfig):
        evaluate_conversation(config, folder, config_dir=config_dir, on_fold=lambda *_: None)
    else:
        evaluate(config, folder, config_dir=config_dir, on_fold=lambda *_: None)


def results(outcomes: Iterable[Outcome]) -> Iterator[tuple[Outcome, Path]]:
    """Yield the outcomes that have a result."""
    for outcome in outcomes:
        if outcome.result is not None:
            yield outcome, outcome.result


def _identity(cell: Cell, config_dir: Path) -> dict[str, Any]:
    """Return all that decides a result."""
    config = cell.config
    assert config is not None
    files = [config_dir / config.fold_file] if config.fold_file else []
    if isinstance(config, ConversationConfig):
        folder = Path(config.manifest).parent
        files += [Path(config.manifest), folder / "utterances.tsv"]
    identity = {
        "cell": cell.name,
        "settings": {
            key: value for key, value in asdict(config).items() if key not in _NOT_IDENTITY
        },
        "features": [entry.fingerprint for entry in cell.entries],
        "files": {path.name: _digest(path) if path.is_file() else None for path in files},
        "synthetic": any(entry.synthetic for entry in cell.entries),
        "program": emotion2vec.__version__,
    }
    loaded: dict[str, Any] = json.loads(json.dumps(identity))  # as it will be read
    return loaded


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
