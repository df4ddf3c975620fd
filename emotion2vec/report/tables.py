"""Arranges results in tables: comparison, per fold, provenance.

In: `ProbeResult`s. Out: `Table`s of plain text, which `html.py` escapes and lays out.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

from emotion2vec.report.records import METRICS, ProbeResult, ProbeRun, Score
from emotion2vec.report.uncertainty import label_rows, stored_intervals

SYNTHETIC_BADGE = "SYNTHETIC"
OPTIMISTIC_BADGE = "VALIDATED ON TEST"  # the paper's rows marked *

# Printed in the paper; shown beside results of the same protocol only.
PAPER_FIGURES: Mapping[str, tuple[tuple[str, tuple[float, float, float]], ...]] = {
    "iemocap_5fold": (("emotion2vec, paper (Table 10)", (71.79, 72.69, 71.80)),),
    "meld": (
        ("emotion2vec, paper (Table 3)", (51.88, 28.03, 48.70)),
        ("data2vec 2.0, paper (Table 3)", (48.92, 26.10, 45.80)),
    ),
    "ravdess_speech_10fold": (
        ("emotion2vec, paper (Table 3)", (82.43, 82.86, 82.39)),
        ("data2vec 2.0, paper (Table 3)", (81.04, 80.80, 80.97)),
    ),
    "emodb_10fold": (
        ("emotion2vec, paper (Table 4)", (84.34, 84.85, 84.32)),
        ("data2vec 2.0, paper (Table 4)", (83.77, 83.07, 83.93)),
    ),
    "urdu_10fold": (
        ("emotion2vec, paper (Table 4)", (81.50, 81.87, 81.60)),
        ("data2vec 2.0, paper (Table 4)", (77.50, 78.42, 77.12)),
    ),
}


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: Shown text, not yet escaped.
        badges: Short warnings shown beside it.
        best: True where it is the best of its column.
        detail: Shown when a pointer rests on it.
    """

    text: str
    badges: tuple[str, ...] = ()
    best: bool = False
    detail: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        headers: Column names.
        rows: Cells, one per column.
        note: Sentence under the table.
        num_text_columns: The first columns, aligned left; the others hold numbers.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    num_text_columns: int = 1


def group_by_task(results: Sequence[ProbeResult]) -> dict[tuple[str, str], list[ProbeResult]]:
    """Group results that may be compared: same corpus and same protocol, in the order given."""
    groups: dict[tuple[str, str], list[ProbeResult]] = {}
    for result in results:
        groups.setdefault((result.corpus, result.protocol), []).append(result)
    return groups


def result_badges(result: ProbeResult) -> tuple[str, ...]:
    """List what a reader must know before believing a result."""
    synthetic = (SYNTHETIC_BADGE,) if result.synthetic else ()
    return (*synthetic, OPTIMISTIC_BADGE) if result.raw.get("valid_is_test") is True else synthetic


def comparison_table(results: Sequence[ProbeResult]) -> Table:
    """Set results of one corpus and protocol side by side, with the paper's figures and the floor.

    Args:
        results: At least one, of one group of `group_by_task`.
    """
    # a figure that saw the test part competes with its like only
    is_honest = [OPTIMISTIC_BADGE not in result_badges(result) for result in results]
    competes = is_honest if any(is_honest) else [True] * len(results)
    rivals = list(compress(results, competes))
    best = {metric: max(result.summary[metric].mean for result in rivals) for metric in METRICS}
    rows = [
        _comparison_row(result, best if len(rivals) > 1 and is_rival else {})
        for result, is_rival in zip(results, competes, strict=True)
    ]
    rows += [
        (Cell(name), *(Cell(f"{figure:.2f}") for figure in figures), Cell("\u2013"))
        for name, figures in PAPER_FIGURES.get(results[0].protocol, ())
    ]
    floors = {floor: None for floor in map(_floor_sentence, results)}
    brackets = {one.sentence(): None for one in map(stored_intervals, results) if one}
    return Table(
        headers=("Features", *(f"{metric} %" for metric in METRICS), "Folds \u00d7 seeds"),
        rows=tuple(rows),
        note="Mean \u00b1 standard deviation over seeds of the mean over folds. "
        + " ".join([*floors, *brackets]),
    )


def recall_table(result: ProbeResult) -> Table | None:
    """List each label's recall and support; None for a result of a version that wrote none."""
    rows = label_rows(result)
    if not rows:
        return None
    return Table(
        headers=("Class", "Recall %", "Utterances"),
        rows=tuple(
            (
                Cell(row.label),
                Cell("\u2013" if row.mean is None else format_score(Score(row.mean, row.std))),
                Cell(str(row.support)),
            )
            for row in rows
        ),
        note="Test parts of all folds together; mean \u00b1 standard deviation over seeds.",
    )


def fold_table(result: ProbeResult) -> Table:
    """List every run of a result, fold by fold; the columns are what the runs hold."""
    extra = [
        metric
        for metric in ("UAR", "macro_F1", "valid_WA")
        if all(metric in run.scores for run in result.runs)
    ]
    metrics = (*METRICS, *extra)
    runs = sorted(result.runs, key=lambda run: (run.fold, run.seed))
    return Table(
        headers=("Fold", "Seed", *(_metric_title(metric) for metric in metrics), "Best epoch"),
        rows=tuple(_fold_row(run, metrics) for run in runs),
        num_text_columns=2,
    )


def provenance_table(result: ProbeResult) -> Table:
    """List where a result comes from: features, checkpoint, probe settings, versions."""
    rows: dict[str, str] = {"Result file SHA-256": _sha256(result)}
    features = result.raw["features"]
    for key in (
        "layers",
        "granularity",
        "utterance_from",
        "frame_rate_hz",
        "dim",
        "corpus",
        "split",
    ):
        _put(rows, f"features: {key}", features.get(key))
    for group in ("checkpoint", "software"):
        _put_all(rows, f"features: {group}", features.get(group))
    _put(rows, "features: skipped files", _count_skipped(features))
    _put_all(rows, "folds", result.raw.get("folds"))
    _put_all(rows, "probe", result.raw.get("probe"))
    _put_all(rows, "versions", result.raw.get("versions"))
    _put(rows, "git commit", result.raw.get("git_commit"))
    seconds = result.raw.get("seconds")
    if isinstance(seconds, int | float):
        rows["seconds"] = f"{seconds:.1f}"
    return Table(
        headers=("What", "Value"),
        rows=tuple((Cell(key), Cell(value)) for key, value in rows.items()),
        num_text_columns=2,
    )


def format_score(score: Score) -> str:
    """Write a score as the paper's tables do, with its deviation.

    >>> format_score(Score(71.789, 0.4))
    '71.79 \u00b1 0.40'
    """
    return f"{score.mean:.2f} \u00b1 {score.std:.2f}"


def _comparison_row(result: ProbeResult, best: Mapping[str, float]) -> tuple[Cell, ...]:
    intervals = stored_intervals(result)
    scores = (
        Cell(
            format_score(result.summary[metric]) + (intervals.text(metric) if intervals else ""),
            best=result.summary[metric].mean == best.get(metric),
        )
        for metric in METRICS
    )
    runs = Cell(f"{result.num_folds} \u00d7 {result.num_seeds}")
    return (Cell(result.name, badges=result_badges(result), detail=str(result.path)), *scores, runs)


def _floor_sentence(result: ProbeResult) -> str:
    """Say what a classifier reaches that has heard nothing."""
    counts_K = result.confusion.sum(axis=1)
    if not counts_K.sum():
        return ""
    largest = int(counts_K.argmax())
    return (
        f"Always answering \u201c{result.labels[largest]}\u201d gives "
        f"WA {100 * counts_K[largest] / counts_K.sum():.2f}, "
        f"UA {100 / len(result.labels):.2f}."
    )


def _fold_row(run: ProbeRun, metrics: Sequence[str]) -> tuple[Cell, ...]:
    epoch = "\u2013" if run.best_epoch is None else str(run.best_epoch)
    scores = (Cell(f"{run.scores[metric]:.2f}") for metric in metrics)
    return (Cell(str(run.fold)), Cell(str(run.seed)), *scores, Cell(epoch))


def _metric_title(metric: str) -> str:
    return {"macro_F1": "Macro F1", "valid_WA": "Validation WA"}.get(metric, metric) + " %"


def _put(rows: dict[str, str], key: str, value: object) -> None:
    if value is not None:
        rows[key] = str(value)


def _put_all(rows: dict[str, str], prefix: str, values: object) -> None:
    if isinstance(values, Mapping):
        for key, value in values.items():
            _put(rows, f"{prefix}: {key}", value)


def _count_skipped(features: Mapping[str, object]) -> int | None:
    skipped = features.get("skipped")
    return len(skipped) if isinstance(skipped, Sequence) else None


def _sha256(result: ProbeResult) -> str:
    return hashlib.sha256(result.path.read_bytes()).hexdigest()
