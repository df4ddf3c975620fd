"""Puts the report together: one HTML page that asks the network for nothing and runs no script.

In: `ProbeResult`s, `LayerCurve`s and `TrainingLog`s. Out: the text of the page. Every piece of text that comes from a
file or a user passes through `html.escape` here, in `sections.py`, `markup.py` or `plots.py`.
"""

import platform
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

import emotion2vec
from emotion2vec.errors import ReportError
from emotion2vec.progress import progress
from emotion2vec.report.layer_curves import LayerCurve
from emotion2vec.report.markup import render_badges, render_details, render_legend, render_table
from emotion2vec.report.palette import series_colour
from emotion2vec.report.paper import paper_tables
from emotion2vec.report.plots import Line
from emotion2vec.report.protocols import BEYOND, column_of, heading_of
from emotion2vec.report.records import ProbeResult
from emotion2vec.report.result_block import render_result
from emotion2vec.report.sections import Task, chart_card, make_tasks, render_task
from emotion2vec.report.style import STYLE
from emotion2vec.report.tables import (
    OPTIMISTIC_BADGE,
    SYNTHETIC_BADGE,
    Cell,
    Table,
    glance_table,
    group_by_task,
    result_badges,
)
from emotion2vec.report.training_log import TrainingLog

BANNER = (
    "<strong>SYNTHETIC DATA</strong> <span>computer-generated speech: these figures show that the software runs and "
    "say nothing about human emotion</span>"
)
MAX_OPEN = 3  # a page of so few results shows them unfolded

# Quantity in the log -> title of its chart, in this order; a quantity that no log holds is left out
CHARTS = {
    "loss": "Loss",
    "loss_frame": "Frame loss (Eq. 8)",
    "loss_utterance": "Utterance loss (Eqs. 5\u20137)",
    "target_var": "Target variance",
    "pred_var": "Prediction variance",
    "utterance_target_var": "Utterance-target variance",
    "lr": "Learning rate",
    "ema_decay": "EMA decay",
    "gnorm": "Gradient norm",
    "masked_share": "Masked share",
}

_BADGES = {
    SYNTHETIC_BADGE: "computer-generated speech; says nothing about human emotion",
    "PARTIAL": "clearly fewer utterances than the corpus' release has; not comparable with the paper",
    OPTIMISTIC_BADGE: "the epoch was chosen on the test part, as in the paper's rows marked *; too optimistic",
}


def render_report(
    results: Sequence[ProbeResult],
    logs: Sequence[TrainingLog] = (),
    *,
    title: str,
    curves: Sequence[LayerCurve] = (),
    skipped: Sequence[tuple[str, str]] = (),
    baseline: str = "",
) -> str:
    """Write the page.

    Args:
        results: Shown in this order within a protocol, one that comes twice under its first name; at least one result
            or curve.
        logs: Of the pre-training runs to show.
        title: Heading of the page.
        curves: Per-layer curves.
        skipped: What was not run: its name, and why.
        baseline: Name of the result with which the others of its protocol are compared; empty for the best.

    Returns:
        A whole HTML document.

    Raises:
        ReportError: A file that a result names cannot be read, or no result is called as `baseline`.
    """
    _check_baseline(results, baseline)
    results = _once(results)
    tasks = make_tasks(results, curves)
    details = {
        str(result.path): render_result(
            result, anchor=f"result-{index}", is_open=len(results) <= MAX_OPEN
        )
        for index, result in enumerate(progress(results, description="report", unit="result"))
    }
    parts = [
        (f"part-{index}", heading, group)
        for index, (heading, group) in enumerate(_by_heading(tasks).items())
    ]
    links: list[tuple[str, str, list[Task]]] = [("overview", "Overview", []), *parts]
    body = [_overview(results, curves, [task for _, _, group in parts for task in group])]
    body += [_render_part(*part, details=details, baseline=baseline) for part in parts]
    if skipped:
        body.append(_skipped_section(skipped))
        links.append(("skipped", "Not run", []))
    if logs:
        body.append(_pretraining_section(logs))
        links.append(("pretraining", "Pre-training", []))
    synthetic = any(one.synthetic for one in results) or any(one.synthetic for one in curves)
    return _page(title, _contents(links), "".join(body), synthetic=synthetic)


def _render_part(
    anchor: str, heading: str, tasks: Sequence[Task], *, details: Mapping[str, str], baseline: str
) -> str:
    """Write the tasks of one table of the paper under its heading."""
    sections = [render_task(task, details, baseline=baseline) for task in tasks]
    return f'<h2 id="{anchor}">{escape(heading)}</h2>' + "".join(sections)


def _once(results: Sequence[ProbeResult]) -> list[ProbeResult]:
    """Keep each file once, under the name that it has first."""
    unique: dict[Path, ProbeResult] = {}
    for result in results:
        unique.setdefault(result.path, result)
    return list(unique.values())


def _check_baseline(results: Sequence[ProbeResult], baseline: str) -> None:
    names = sorted({result.name for result in results})
    if baseline and baseline not in names:
        raise ReportError(
            f"no result is called {baseline!r}; give --baseline one of {', '.join(names)}"
        )


def _by_heading(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """Sort tasks under the paper's tables, in their order; the others stand last."""
    order = [table.heading for table in paper_tables().values()] + [BEYOND]
    found: dict[str, list[Task]] = {}
    for task in sorted(tasks, key=lambda task: column_of(task.protocol)):
        found.setdefault(heading_of(task.protocol), []).append(task)
    if list(found) == [BEYOND]:
        return {"Comparison": found[BEYOND]}
    return {heading: found[heading] for heading in order if heading in found}


def _page(title: str, contents: str, body: str, *, synthetic: bool) -> str:
    banner = f'<div class="banner" role="note">{BANNER}</div>' if synthetic else ""
    footer = (
        f"emotion2vec {escape(emotion2vec.__version__)}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f'<body>{banner}<div class="page"><nav class="side" aria-label="Contents">{contents}</nav><main>'
        f'<header id="top"><h1>{escape(title)}</h1>'
        '<p class="muted">Frozen features and a small head. WA is weighted, UA unweighted accuracy, UAR unweighted '
        "average recall, WF1 weighted F1; all in percent.</p>"
        f"{_fold_contents(contents)}</header>{body}"
        f"<footer>Report made by {footer}.</footer></main></div>"
        '<a class="up" href="#top">\u2191 Contents</a></body></html>\n'
    )


def _fold_contents(contents: str) -> str:
    return render_details(
        "Contents", f'<nav aria-label="Contents">{contents}</nav>', attributes='class="contents"'
    )


def _contents(links: Sequence[tuple[str, str, Sequence[Task]]]) -> str:
    items = []
    for anchor, name, tasks in links:
        below = "".join(
            f'<li><a href="#{task.anchor}">{escape(task.protocol)}</a></li>' for task in tasks
        )
        inner = f"<ul>{below}</ul>" if below else ""
        items.append(f'<li><a href="#{anchor}">{escape(name)}</a>{inner}</li>')
    return f"<ul>{''.join(items)}</ul>"


def _overview(
    results: Sequence[ProbeResult], curves: Sequence[LayerCurve], tasks: Sequence[Task]
) -> str:
    everything: tuple[ProbeResult | LayerCurve, ...] = (*results, *curves)
    seeds = sorted({run.seed for result in results for run in result.runs})
    commits = {str(result.raw.get("git_commit") or "")[:10] for result in results} - {""}
    facts = {
        "Results": f"{len(results)}"
        + (f" and {len(curves)} per-layer curves" if curves else "")
        + f", {len(tasks)} protocols",
        "Corpora": ", ".join(dict.fromkeys(one.corpus for one in everything)),
        "Features": ", ".join(dict.fromkeys(one.name for one in everything)),
        "Seeds": ", ".join(map(str, seeds)),
        "Program": ", ".join(sorted(_programs(results))),
        "Commit": ", ".join(sorted(commits)),
    }
    rows = "".join(
        f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items() if text
    )
    glance = ""
    groups = group_by_task(results)
    if len(groups) > 1:
        targets = {(task.corpus, task.protocol): task.anchor for task in tasks if task.results}
        groups = {task: groups[task] for task in targets}
        glance = "<h3>At a glance</h3>" + render_table(
            glance_table(groups, targets), name="At a glance"
        )
    return (
        f'<h2 id="overview">Overview</h2><section class="card"><dl class="facts">{rows}</dl>'
        f"{_explain_badges(results)}{glance}</section>"
    )


def _programs(results: Sequence[ProbeResult]) -> set[str]:
    versions = [result.raw.get("versions") for result in results]
    return {
        f"{name} {one[name]}"
        for one in versions
        if isinstance(one, dict)
        for name in ("emotion2vec", "torch")
        if name in one
    }


def _explain_badges(results: Sequence[ProbeResult]) -> str:
    """Say what the badges on the page mean, and on how many results they are."""
    badges = [badge for result in results for badge in result_badges(result)]
    items = "".join(
        f"<li>{render_badges([badge])} {number} of {len(results)} results: {meaning}.</li>"
        for badge, meaning in _BADGES.items()
        if (number := sum(one.startswith(badge) for one in badges))
    )
    return f'<ul class="meanings">{items}</ul>' if items else ""


def _skipped_section(skipped: Sequence[tuple[str, str]]) -> str:
    table = Table(
        headers=("What", "Why"),
        rows=tuple((Cell(name), Cell(reason)) for name, reason in skipped),
        num_text_columns=2,
    )
    shown = render_details(
        f"{len(skipped)} without a result, and why", render_table(table, name="Not run")
    )
    return f'<h2 id="skipped">Not run</h2><section class="card">{shown}</section>'


def _pretraining_section(logs: Sequence[TrainingLog]) -> str:
    cards = []
    for quantity, title in CHARTS.items():
        lines = [
            Line(log.name, series_colour(index), log.series[quantity])
            for index, log in enumerate(logs)
            if log.series.get(quantity)
        ]
        if lines:
            cards.append(chart_card(title, lines, x_label="update", level=3))
    names = [f"{log.name} ({log.num_updates} updates)" for log in logs]
    return (
        '<h2 id="pretraining">Pre-training</h2>'
        f'{render_legend(names, map(series_colour, range(len(logs))))}<div class="grid">{"".join(cards)}</div>'
    )
