"""Reads fairseq's text log of a pre-training run.

In: `common.log_file` or the saved output of a run: JSON objects of `common.log_format=json`, one a line, alone or
behind fairseq's or Hydra's prefix. Out: `TrainingLog`, series of numbers over updates, for `plots.py`.
"""

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emotion2vec.errors import ReportError

_FIGURES = re.compile(r'(?:^|train_inner\b.*?)(\{"epoch": .*)$')

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingLog:
    """What one pre-training run logged.

    Attributes:
        path: The log file.
        name: Name for legends: the run's folder.
        series: Quantity -> ((update, value), ...), by rising update.
    """

    path: Path
    name: str
    series: Mapping[str, tuple[tuple[int, float], ...]]

    @property
    def num_updates(self) -> int:
        """The last update that was logged."""
        return max(points[-1][0] for points in self.series.values())


def read_training_log(path: Path) -> TrainingLog:
    """Read one log; of a run that was resumed, the later line of an update counts.

    Args:
        path: The file.

    Raises:
        ReportError: The file is missing, not text, or holds no line with training figures.
    """
    if not path.is_file():
        raise ReportError(
            f"{path}: no such file; expected the log of a pre-training run (common.log_file)"
        )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ReportError(
            f"{path}: not a text file; expected the log of a pre-training run"
        ) from None
    matches = [match for match in map(_FIGURES.search, lines) if match]
    figures_of_lines = [_parse_figures(match[1]) for match in matches]
    by_update = {
        int(figures["num_updates"]): figures
        for figures in figures_of_lines
        if figures and "num_updates" in figures  # the summary of an epoch has `train_num_updates`
    }
    num_damaged = sum(figures is None for figures in figures_of_lines)
    if num_damaged:
        logger.warning(
            "%s: %d lines of training figures are cut short; left out", path, num_damaged
        )
    if not by_update:
        raise ReportError(
            f"{path}: none of its {len(lines)} lines holds training figures ('{{\"epoch\": ...}}'); "
            "train longer than common.log_interval updates with common.log_format=json"
        )
    return TrainingLog(path=path, name=_run_name(path), series=_to_series(by_update))


def _parse_figures(text: str) -> dict[str, float] | None:
    """Return the finite numbers of one JSON object; None when a killed run cut it short."""
    try:
        raw = json.loads(text)
    except json.JSONDecodeError:
        return None
    numbers = {key: _to_number(value) for key, value in raw.items()}
    return {key: number for key, number in numbers.items() if number is not None}


def _to_number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _to_series(
    by_update: Mapping[int, Mapping[str, float]],
) -> dict[str, tuple[tuple[int, float], ...]]:
    names = sorted({name for figures in by_update.values() for name in figures} - {"num_updates"})
    return {
        name: tuple(
            (update, figures[name])
            for update, figures in sorted(by_update.items())
            if name in figures
        )
        for name in names
    }


def _run_name(path: Path) -> str:
    return path.resolve().parent.name or path.name
