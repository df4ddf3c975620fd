"""Writes everything that a reproduction shows: tables, figures, and one page of all results.

In: `Plan`, `Outcome`s. Out: `tables/`, `figures/`, `report.html`. Drawing and page are `report/`'s; this is the one
place that calls them. Paper: Tables 2 to 11, Figures 3 and 4.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from emotion2vec.errors import ReportError
from emotion2vec.progress import progress
from emotion2vec.report.html import render_report
from emotion2vec.report.output import write_atomically
from emotion2vec.report.picture import AROUSAL, CLASS, make_panel, render_picture
from emotion2vec.report.protocols import partial_corpus
from emotion2vec.report.records import ProbeResult, read_result
from emotion2vec.reproduction.cells import PARTIAL_BADGE, Plan
from emotion2vec.reproduction.execute import Outcome, results
from emotion2vec.reproduction.tables import write_tables

logger = logging.getLogger(__name__)

TITLE = "emotion2vec: the paper's tables and figures"
_COLOURS = {"3": AROUSAL, "4": CLASS}


def write_outputs(
    plan: Plan, outcomes: Sequence[Outcome], out: Path, *, with_report: bool = True
) -> list[Path]:
    """Write tables, figures and the page.

    Args:
        plan: What was asked for.
        outcomes: What became of its cells.
        out: Folder of the reproduction.
        with_report: Write the page; its picture of every result takes a few seconds each.

    Returns:
        The files for a reader, the page last.

    Raises:
        ReportError: A result cannot be read.
    """
    written = write_tables(plan, outcomes, out)
    shown = {outcome.cell.name: _named(outcome, path) for outcome, path in results(outcomes)}
    for number, names in plan.figures.items():
        written += _write_figure(number, [shown[name] for name in names if name in shown], out)
    if shown and with_report:
        missing = [
            (outcome.cell.name, f"{outcome.state}: {outcome.reason or 'not run yet'}")
            for outcome in outcomes
            if outcome.result is None
        ]
        page = render_report(list(shown.values()), title=TITLE, skipped=missing)
        write_atomically(out / "report.html", page.encode())
        written.append(out / "report.html")
    return written


def _named(outcome: Outcome, path: Path) -> ProbeResult:
    """Read a result and name it by its row; the page must not show a part of a corpus as the whole."""
    result = replace(read_result(path), name=outcome.cell.title)
    partial = [badge for badge in outcome.cell.badges if badge.startswith(PARTIAL_BADGE)]
    if not partial or partial_corpus(result) is not None:  # the page says the latter itself
        return result
    return replace(result, name=f"{result.name} ({partial[0]})")


def _write_figure(number: str, shown: Sequence[ProbeResult], out: Path) -> Iterator[Path]:
    """Draw one figure, as HTML and as PNG; without results there is none."""
    if not shown:
        return
    panels = [
        make_panel(result, colour=_COLOURS[number])
        for result in progress(shown, description=f"figure {number}", unit="result")
    ]
    for suffix in (".html", ".png"):
        path = out / "figures" / f"figure_{number}{suffix}"
        try:
            write_atomically(path, render_picture(panels, path))
        except ReportError as error:  # a PNG needs matplotlib, the page does not
            logger.warning("%s is left out: %s", path.name, error)
        else:
            yield path
