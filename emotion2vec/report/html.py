"""Puts the report together: one HTML page that asks the network for nothing and runs no script.

In: `ProbeResult`s and `TrainingLog`s. Out: the text of the page. Every piece of text that comes from a file or a user
passes through `html.escape` here or in `plots.py`.
"""

import platform
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

import emotion2vec
from emotion2vec.progress import progress
from emotion2vec.report.palette import class_colours, series_colour
from emotion2vec.report.plots import Line, confusion_matrix, line_chart, scatter
from emotion2vec.report.projection import Projection, Separation, measure_separation, project
from emotion2vec.report.records import ProbeResult, read_embeddings
from emotion2vec.report.style import STYLE
from emotion2vec.report.tables import (
    Cell,
    Table,
    comparison_table,
    fold_table,
    group_by_task,
    provenance_table,
    recall_table,
    result_badges,
)
from emotion2vec.report.training_log import TrainingLog

BANNER = (
    "<strong>SYNTHETIC DATA</strong> &nbsp;computer-generated speech: these figures show that the software runs and "
    "say nothing about human emotion"
)

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


def render_report(
    results: Sequence[ProbeResult], logs: Sequence[TrainingLog] = (), *, title: str
) -> str:
    """Write the page.

    Args:
        results: At least one; shown in this order.
        logs: Of the pre-training runs to show.
        title: Heading of the page.

    Returns:
        A whole HTML document.

    Raises:
        ReportError: Embeddings that a result names cannot be read.
    """
    synthetic = any(result.synthetic for result in results)
    details = [
        _result_section(index, result)
        for index, result in enumerate(progress(results, description="report", unit="result"))
    ]
    sections = [
        '<h2 id="comparison">Comparison</h2>',
        *(_comparison_section(group) for group in group_by_task(results).values()),
        *([_pretraining_section(logs)] if logs else []),
        *([_probe_curves_section(results)] if any(result.curve for result in results) else []),
        '<h2 id="results">Results in detail</h2>',
        *details,
    ]
    return _page(title, _header(title, results, logs), "".join(sections), synthetic=synthetic)


def _page(title: str, header: str, body: str, *, synthetic: bool) -> str:
    banner = f'<div class="banner" role="note">{BANNER}</div>' if synthetic else ""
    footer = (
        f"emotion2vec {escape(emotion2vec.__version__)}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body>{banner}<main>{header}{body}<footer>Report made by {footer}.</footer></main></body></html>\n"
    )


def _header(title: str, results: Sequence[ProbeResult], logs: Sequence[TrainingLog]) -> str:
    links = ['<a href="#comparison">Comparison</a>']
    if logs:
        links.append('<a href="#pretraining">Pre-training</a>')
    if any(result.curve for result in results):
        links.append('<a href="#probe">Probe training</a>')
    links += [
        f'<a href="#result-{index}">{escape(result.name)}</a>'
        for index, result in enumerate(results)
    ]
    return (
        f"<header><h1>{escape(title)}</h1>"
        '<p class="muted">Frozen features, a head of two linear layers: weighted accuracy '
        "(WA), unweighted accuracy (UA) and weighted F1 (WF1), in percent.</p>"
        f"<nav>{''.join(links)}</nav></header>"
    )


def _comparison_section(group: Sequence[ProbeResult]) -> str:
    return (
        f'<section class="card"><h3>{escape(group[0].corpus)}: {escape(group[0].protocol)}</h3>'
        f"{_render_table(comparison_table(group))}</section>"
    )


def _pretraining_section(logs: Sequence[TrainingLog]) -> str:
    cards = []
    for quantity, title in CHARTS.items():
        lines = [
            Line(log.name, series_colour(index), log.series[quantity])
            for index, log in enumerate(logs)
            if log.series.get(quantity)
        ]
        if lines:
            cards.append(_chart_card(title, lines, x_label="update"))
    names = [f"{log.name} ({log.num_updates} updates)" for log in logs]
    return (
        '<h2 id="pretraining">Pre-training</h2>'
        f'{_legend(names, map(series_colour, range(len(logs))))}<div class="grid">{"".join(cards)}</div>'
    )


def _probe_curves_section(results: Sequence[ProbeResult]) -> str:
    shown = [(index, result) for index, result in enumerate(results) if result.curve]
    losses = [
        Line(
            result.name,
            series_colour(index),
            [(point.epoch, point.train_loss) for point in result.curve],
        )
        for index, result in shown
    ]
    accuracies = [
        Line(
            result.name,
            series_colour(index),
            [(point.epoch, point.valid_wa) for point in result.curve],
        )
        for index, result in shown
    ]
    cards = _chart_card("Training loss", losses, x_label="epoch") + _chart_card(
        "Validation WA %", accuracies, x_label="epoch"
    )
    names = [result.name for _, result in shown]
    return (
        '<h2 id="probe">Probe training</h2><p class="note">First fold, first seed.</p>'
        f'{_legend(names, [series_colour(index) for index, _ in shown])}<div class="grid">{cards}</div>'
    )


def _chart_card(title: str, lines: Sequence[Line], *, x_label: str) -> str:
    chart = line_chart(lines, x_label=x_label, description=title)
    return f'<div class="card"><h4>{escape(title)}</h4>{chart}</div>'


def _result_section(index: int, result: ProbeResult) -> str:
    confusion = (
        "<div><h4>Confusion matrix</h4>"
        '<p class="note">Rows are true classes; percent of the row, counts below (all folds, first seed).</p>'
        f"{confusion_matrix(result.confusion, result.labels)}</div>"
    )
    recall = recall_table(result)
    recalls = f"<h4>Recall of each class</h4>{_render_table(recall)}" if recall else ""
    name = escape(result.name) + _render_badges(result_badges(result))
    return (
        f'<section class="card" id="result-{index}"><h3>{name}</h3>'
        f'<p class="note">{escape(result.corpus)}, {escape(result.protocol)}</p>'
        f'<div class="pair">{confusion}{_embedding_block(result)}</div>{recalls}'
        f"<details><summary>Every fold and seed</summary>{_render_table(fold_table(result))}</details>"
        f"<details><summary>Where it comes from: features, checkpoint, versions</summary>"
        f"{_render_table(provenance_table(result))}</details></section>"
    )


def _embedding_block(result: ProbeResult) -> str:
    embeddings = read_embeddings(result)
    if embeddings is None or len(embeddings.x_ND) == 0:
        return '<div><h4>Embeddings</h4><p class="note">The result holds no embeddings.</p></div>'
    projection = project(embeddings, fold=int(embeddings.fold_N.min()))
    note = describe_projection(projection, measure_separation(embeddings))
    return (
        f"<div><h4>{projection.method} of the first linear layer's output</h4>"
        f'<p class="note">{escape(note)}</p>{_legend(result.labels, class_colours(result.labels))}'
        f"{scatter(projection, result.labels)}</div>"
    )


def describe_projection(projection: Projection, separation: Separation) -> str:
    """Say in words what a picture shows and how well the classes are separated."""
    replaced = (
        ""
        if projection.method == "UMAP"
        else " PCA in place of UMAP (umap-learn not installed or too few points)."
    )
    return (
        f"Test utterances of fold {projection.fold}, {len(projection.xy_N2)} points.{replaced} "
        f"In the embedding space itself: {separation}."
    )


def _render_table(table: Table) -> str:
    classes = [
        ' class="text"' if column < table.num_text_columns else ""
        for column in range(len(table.headers))
    ]
    head = "".join(
        f"<th{kind}>{escape(text)}</th>" for kind, text in zip(classes, table.headers, strict=True)
    )
    rows = "".join(f"<tr>{_render_row(row, classes)}</tr>" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}'


def _render_row(row: Sequence[Cell], classes: Sequence[str]) -> str:
    return "".join(
        f"<td{kind}>{_render_cell(cell)}</td>" for kind, cell in zip(classes, row, strict=True)
    )


def _render_cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.best:
        text = f'<span class="best">{text}</span>'
    if cell.detail:
        text = f'<span title="{escape(cell.detail)}">{text}</span>'
    return text + _render_badges(cell.badges)


def _render_badges(badges: Iterable[str]) -> str:
    return "".join(f'<span class="badge">{escape(badge)}</span>' for badge in badges)


def _legend(names: Iterable[str], colours: Iterable[str]) -> str:
    items = "".join(
        f'<li><i style="background:{colour}"></i>{escape(name)}</li>'
        for name, colour in zip(names, colours, strict=True)
    )
    return f'<ul class="legend">{items}</ul>'
