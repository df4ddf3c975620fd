"""Writes the folding block of one result: confusion, embeddings, recalls, layer weights, folds, provenance.

In: `ProbeResult`. Out: HTML for `html.py`. Text from files is escaped here, in `markup.py` or in `plots.py`.
"""

from dataclasses import replace
from html import escape

import numpy as np

from emotion2vec.errors import ReportError
from emotion2vec.report.markup import (
    render_badges,
    render_confusion,
    render_details,
    render_legend,
    render_table,
)
from emotion2vec.report.palette import class_colours
from emotion2vec.report.plots import bar_chart, scatter
from emotion2vec.report.projection import Projection, Separation, measure_separation, project
from emotion2vec.report.protocols import main_metric, metric_title
from emotion2vec.report.records import Embeddings, ProbeResult, read_embeddings
from emotion2vec.report.tables import fold_table, provenance_table, recall_table, result_badges

MAX_DRAWN_POINTS = (
    600  # of a scatter plot: more only cover each other, and a page may hold a hundred
)


def render_result(result: ProbeResult, *, anchor: str, is_open: bool) -> str:
    """Write the block.

    Args:
        result: The result.
        anchor: Id of the block.
        is_open: Whether it is open when the page opens.

    Raises:
        ReportError: Embeddings that the result names cannot be read.
    """
    metric = main_metric([result])
    score = f"{metric_title(metric).removesuffix(' %')} {result.summary[metric].mean:.2f}"
    summary = (
        f"<h4>{escape(result.name)}{render_badges(result_badges(result))}</h4> "
        f'<span class="muted">{escape(score)}</span>'
    )
    confusion = (
        "<div><h5>Confusion matrix</h5>"
        '<p class="note">Percent of the true class, counts below; all folds, first seed.</p>'
        f"{render_confusion(result.confusion, result.labels, name=f'Confusion matrix, {result.name}')}</div>"
    )
    recall = recall_table(result)
    recalls = (
        f"<h5>Recall of each class</h5>{render_table(recall, name=f'Recall, {result.name}')}"
        if recall
        else ""
    )
    folds = render_table(fold_table(result), name=f"Folds and seeds, {result.name}")
    provenance = render_table(provenance_table(result), name=f"Provenance, {result.name}")
    body = (
        f'<div class="two">{confusion}{_render_embeddings(result)}</div>{recalls}{_render_weights(result)}'
        f"{render_details('Every fold and seed', folds)}"
        f"{render_details('Where it comes from: features, checkpoint, versions', provenance)}"
    )
    attributes = f'class="result" id="{anchor}"' + (" open" if is_open else "")
    return render_details(summary, body, attributes=attributes)


def _render_embeddings(result: ProbeResult) -> str:
    embeddings = read_embeddings(result)
    if embeddings is None or len(embeddings.x_ND) == 0:
        return '<div><h5>Embeddings</h5><p class="note">The result holds no embeddings.</p></div>'
    fold = int(embeddings.fold_N.min())
    num_points = int((embeddings.fold_N == fold).sum())
    projection = project(_thin(embeddings, fold), fold=fold)
    note = describe_projection(projection, measure_separation(embeddings), num_points=num_points)
    return (
        f"<div><h5>{projection.method} of the first linear layer's output</h5>"
        f'<p class="note">{escape(note)}</p>{render_legend(result.labels, class_colours(result.labels))}'
        f"{scatter(projection, result.labels)}</div>"
    )


def describe_projection(projection: Projection, separation: Separation, *, num_points: int) -> str:
    """Say in words what a picture shows and how well the classes are separated.

    Args:
        projection: The picture.
        separation: Figures over all folds.
        num_points: Test utterances of the fold, of which the picture may show a part.
    """
    drawn = len(projection.xy_N2)
    points = f"{drawn} points" if drawn == num_points else f"{drawn} of {num_points} points drawn"
    replaced = (
        ""
        if projection.method == "UMAP"
        else " PCA in place of UMAP (umap-learn not installed or too few points)."
    )
    return (
        f"Test utterances of fold {projection.fold}, {points}.{replaced} "
        f"In the embedding space itself: {separation}."
    )


def _thin(embeddings: Embeddings, fold: int) -> Embeddings:
    """Keep one fold's points, evenly chosen where there are more than `MAX_DRAWN_POINTS`."""
    rows = np.flatnonzero(embeddings.fold_N == fold)
    if len(rows) > MAX_DRAWN_POINTS:
        rows = rows[np.linspace(0, len(rows) - 1, MAX_DRAWN_POINTS).round().astype(int)]
    return replace(
        embeddings,
        x_ND=embeddings.x_ND[rows],
        label_index_N=embeddings.label_index_N[rows],
        fold_N=embeddings.fold_N[rows],
    )


def _render_weights(result: ProbeResult) -> str:
    raw = result.raw.get("layer_weights")
    if raw is None:
        return ""
    try:
        percents = [100 * float(weight) for weight in raw]
    except (TypeError, ValueError) as error:
        raise ReportError(
            f"{result.path}: 'layer_weights' is not what train_probe.py writes ({error}); run it again"
        ) from None
    chart = bar_chart(percents, x_label="layer", unit=" %", description="Learned layer weights")
    return (
        "<h5>Learned layer weights</h5>"
        f'<p class="note">Percent, after the softmax; mean over folds and seeds.</p>{chart}'
    )
