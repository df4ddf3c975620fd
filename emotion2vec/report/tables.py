"""Arranges results in tables: comparison, per fold, provenance.

In: `ProbeResult`s. Out: `Table`s of plain text, which `html.py` escapes and lays out.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

from emotion2vec.report.pairs import PairTable
from emotion2vec.report.paper import paper_figures
from emotion2vec.report.protocols import (
    main_metric,
    metric_title,
    paper_figure,
    partial_corpus,
    shown_metrics,
)
from emotion2vec.report.records import METRICS, ProbeResult, ProbeRun, Score, task_of
from emotion2vec.report.uncertainty import label_rows, stored_intervals

SYNTHETIC_BADGE = "SYNTHETIC"
OPTIMISTIC_BADGE = "VALIDATED ON TEST"  # the paper's rows marked *
MAX_GLANCE_COLUMNS = 8

_MISSING = "\u2013"
_MINUS = "\u2212"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: Shown text, not yet escaped.
        badges: Short warnings shown beside it.
        best: True where it is the best of its column.
        detail: Shown when a pointer rests on it.
        lines: Smaller lines below the text.
        target: Id of the place in the page that it links to.
    """

    text: str
    badges: tuple[str, ...] = ()
    best: bool = False
    detail: str = ""
    lines: tuple[str, ...] = ()
    target: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        headers: Column names.
        rows: Cells, one per column.
        note: Sentence under the table.
        num_text_columns: The first columns, aligned left; the others hold numbers.
        num_paper_rows: The last rows, which hold the paper's figures and none of ours.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    num_text_columns: int = 1
    num_paper_rows: int = 0


def group_by_task(results: Sequence[ProbeResult]) -> dict[tuple[str, str], list[ProbeResult]]:
    """Group results that may be compared: same corpus and same protocol, in the order given."""
    groups: dict[tuple[str, str], list[ProbeResult]] = {}
    for result in results:
        groups.setdefault(task_of(result), []).append(result)
    return groups


def result_badges(result: ProbeResult) -> tuple[str, ...]:
    """List what a reader must know before believing a result."""
    badges = [SYNTHETIC_BADGE] if result.synthetic else []
    partial = partial_corpus(result)
    if partial is not None:
        badges.append(f"PARTIAL {partial[0]}/{partial[1]}")
    return (*badges, OPTIMISTIC_BADGE) if result.starred else tuple(badges)


def comparison_table(results: Sequence[ProbeResult]) -> Table:
    """Set results of one corpus and protocol side by side, with the paper's figures and the floor.

    Args:
        results: At least one, of one group of `group_by_task`.
    """
    metrics = shown_metrics(results[0].protocol)
    # a figure that saw the test part competes with its like only
    is_honest = [not result.starred for result in results]
    competes = is_honest if any(is_honest) else [True] * len(results)
    rivals = list(compress(results, competes))
    best = {
        metric: max(
            (result.summary[metric].mean for result in rivals if metric in result.summary),
            default=0.0,
        )
        for metric in metrics
    }
    rows = [
        _comparison_row(result, metrics, best if len(rivals) > 1 and is_rival else {})
        for result, is_rival in zip(results, competes, strict=True)
    ]
    paper = _paper_rows(results, metrics)
    floors = {floor: None for floor in map(_floor_sentence, results)}
    brackets = {one.sentence(): None for one in map(stored_intervals, results) if one}
    note = "Mean \u00b1 standard deviation over seeds of the mean over folds."
    return Table(
        headers=("Features", *map(metric_title, metrics), "Folds \u00d7 seeds"),
        rows=(*rows, *paper),
        note=" ".join([note, *floors, *brackets]),
        num_paper_rows=len(paper),
    )


def glance_table(
    groups: Mapping[tuple[str, str], Sequence[ProbeResult]], targets: Mapping[tuple[str, str], str]
) -> Table:
    """Set each task's main metric side by side for all features.

    Args:
        groups: Those of `group_by_task`.
        targets: Task -> id of its section.
    """
    honest = {task: [one for one in group if not one.starred] for task, group in groups.items()}
    count = Counter(result.name for group in honest.values() for result in group)
    frequent = {name for name, _ in count.most_common(MAX_GLANCE_COLUMNS)}
    names = [name for name in count if name in frequent]
    rows = tuple(
        _glance_row(task[1], group, names, targets[task]) for task, group in honest.items() if group
    )
    left_out = len(count) - len(names)
    return Table(
        headers=("Protocol", *names),
        rows=rows,
        note="Mean over seeds of the mean over folds, in percent."
        + (f" {left_out} further feature names are in the sections only." if left_out else ""),
    )


def pair_table(pairs: PairTable) -> Table:
    """List each result's difference from the reference with both tests, corrected for their number."""
    metric = metric_title(pairs.metric).removesuffix(" %")
    return Table(
        headers=(
            "Features",
            f"\u0394 {metric}, points",
            "p",
            "p, Holm",
            "McNemar p",
            "McNemar p, Holm",
        ),
        rows=tuple(
            (
                Cell(pair.comparison.names[0]),
                Cell(
                    signed(pair.comparison.difference.interval.estimate),
                    lines=(
                        f"[{signed(pair.comparison.difference.interval.low)}, "
                        f"{signed(pair.comparison.difference.interval.high)}]",
                    ),
                ),
                Cell(format_p(pair.comparison.difference.p_value)),
                Cell(format_p(pair.difference_p)),
                Cell(format_p(pair.comparison.combined_p)),
                Cell(format_p(pair.mcnemar_p)),
            )
            for pair in pairs.pairs
        ),
    )


def format_p(value: float) -> str:
    """Write a p-value, which is never 0.

    >>> format_p(0.0312), format_p(2e-9)
    ('0.0312', '<0.0001')
    """
    return f"{value:.4f}" if value >= 1e-4 else "<0.0001"


def signed(value: float) -> str:
    """Write a difference with its sign.

    >>> signed(1.234), signed(-0.5)
    ('+1.23', '\u22120.50')
    """
    return f"{value:+.2f}".replace("-", _MINUS)


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
        headers=("Fold", "Seed", *map(metric_title, metrics), "Best epoch"),
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


def _comparison_row(
    result: ProbeResult, metrics: Sequence[str], best: Mapping[str, float]
) -> tuple[Cell, ...]:
    scores = (_score_cell(result, metric, best.get(metric)) for metric in metrics)
    runs = Cell(f"{result.num_folds} \u00d7 {result.num_seeds}")
    return (Cell(result.name, badges=result_badges(result), detail=str(result.path)), *scores, runs)


def _score_cell(result: ProbeResult, metric: str, best: float | None) -> Cell:
    score = result.summary.get(metric)
    if score is None:
        return Cell(_MISSING)
    intervals = stored_intervals(result)
    lines = [intervals.text(metric)] if intervals and intervals.text(metric) else []
    paper = paper_figure(result, metric)
    if paper is not None:
        lines.append(f"paper {paper.value:.2f} ({signed(score.mean - paper.value)})")
    detail = f"the paper's figure: Table {paper.table}" if paper is not None else ""
    return Cell(format_score(score), best=score.mean == best, detail=detail, lines=tuple(lines))


def _paper_rows(results: Sequence[ProbeResult], metrics: Sequence[str]) -> list[tuple[Cell, ...]]:
    """List the paper's rows that chose their epoch as one of the results did."""
    rows = []
    for starred in (False, True):
        if not any(result.starred == starred for result in results):
            continue
        badges = (OPTIMISTIC_BADGE,) if starred else ()
        for name, figures in paper_figures(results[0].protocol, starred=starred):
            cells = (
                Cell(f"{figures[metric]:.2f}" if metric in figures else _MISSING)
                for metric in metrics
            )
            rows.append((Cell(name, badges=badges), *cells, Cell(_MISSING)))
    return rows


def _glance_row(
    protocol: str, group: Sequence[ProbeResult], names: Sequence[str], target: str
) -> tuple[Cell, ...]:
    metric = main_metric(group)
    means = {result.name: result.summary[metric].mean for result in group}
    top = max(means.values(), default=0.0)
    cells = (
        Cell(f"{means[name]:.2f}", best=len(means) > 1 and means[name] == top)
        if name in means
        else Cell(_MISSING)
        for name in names
    )
    badges = tuple(dict.fromkeys(badge for one in group for badge in result_badges(one)))
    return (Cell(protocol, target=target, badges=badges, lines=(metric_title(metric),)), *cells)


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
