"""The pictures of Figures 3 and 4: embeddings of several results side by side, as PNG or HTML.

In: `ProbeResult`s with embeddings. Out: the content of a file. Paper: Section 5.6.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from emotion2vec.errors import ReportError
from emotion2vec.report.palette import class_colours
from emotion2vec.report.plots import scatter
from emotion2vec.report.projection import (
    Projection,
    Separation,
    measure_separation,
    project,
)
from emotion2vec.report.records import ProbeResult, read_embeddings
from emotion2vec.report.style import STYLE

SYNTHETIC_TITLE = "SYNTHETIC DATA: computer-generated speech"


@dataclass(frozen=True)
class Panel:
    """One result's picture.

    Attributes:
        name: What made the features.
        labels: Class names.
        projection: Positions and classes of one fold.
        separation: Figures over all folds.
        synthetic: True when the speech is computer-generated.
    """

    name: str
    labels: tuple[str, ...]
    projection: Projection
    separation: Separation
    synthetic: bool


def make_panel(result: ProbeResult, *, fold: int, seed: int) -> Panel:
    """Lay out one fold of a result.

    Args:
        result: A result that names embeddings.
        fold: The fold to show.
        seed: Of UMAP's layout.

    Raises:
        ReportError: The result has no embeddings, or none of this fold.
    """
    embeddings = read_embeddings(result)
    if embeddings is None:
        raise ReportError(
            f"{result.path}: the result names no embeddings; run train_probe.py again"
        )
    folds = sorted({int(number) for number in embeddings.fold_N})
    if fold not in folds:
        raise ReportError(f"{result.embeddings_path}: no fold {fold}; it holds folds {folds}")
    return Panel(
        name=result.name,
        labels=result.labels,
        projection=project(embeddings, fold=fold, seed=seed),
        separation=measure_separation(embeddings),
        synthetic=result.synthetic,
    )


def render_picture(panels: Sequence[Panel], path: Path) -> bytes:
    """Draw the panels in the format that the file's name asks for.

    Args:
        panels: At least one.
        path: Ends in .png or .html.

    Raises:
        ReportError: Another ending, or matplotlib is missing for a PNG.
    """
    if path.suffix == ".html":
        return _render_html(panels).encode()
    if path.suffix == ".png":
        return _render_png(panels)
    raise ReportError(f"{path}: ending {path.suffix!r}; expected .png or .html")


def _render_html(panels: Sequence[Panel]) -> str:
    synthetic = any(panel.synthetic for panel in panels)
    banner = (
        f'<div class="banner" role="note"><strong>{SYNTHETIC_TITLE}</strong></div>'
        if synthetic
        else ""
    )
    cards = "".join(
        f'<section class="card"><h3>{escape(panel.name)}</h3>'
        f'<p class="note">{panel.projection.method}, fold {panel.projection.fold}: {panel.separation}</p>'
        f'<ul class="legend">{_legend_items(panel.labels)}</ul>{scatter(panel.projection, panel.labels)}</section>'
        for panel in panels
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Embeddings</title><style>{STYLE}</style></head>"
        f'<body>{banner}<main><h1>Output of the first linear layer</h1><div class="pair">{cards}</div>'
        "</main></body></html>\n"
    )


def _legend_items(labels: Sequence[str]) -> str:
    return "".join(
        f'<li><i style="background:{colour}"></i>{escape(label)}</li>'
        for label, colour in zip(labels, class_colours(labels), strict=True)
    )


def _render_png(panels: Sequence[Panel]) -> bytes:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ReportError(
            "a PNG needs matplotlib (pip install emotion2vec[evaluation]); or give --out a name ending in .html"
        ) from None
    figure = Figure(figsize=(4.6 * len(panels), 4.6), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for index, colour in enumerate(class_colours(panel.labels)):
            x_y_N2 = panel.projection.xy_N2[panel.projection.label_index_N == index]
            axes.scatter(
                *x_y_N2.T, s=14, color=colour, alpha=0.8, linewidths=0, label=panel.labels[index]
            )
        axes.set_title(panel.name, fontsize=11, parse_math=False)
        axes.set_xlabel(
            f"{panel.projection.method}, fold {panel.projection.fold}\n{panel.separation}",
            fontsize=8,
        )
        axes.set(xticks=[], yticks=[])
        axes.legend(
            fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.11), ncols=4
        )
    if any(panel.synthetic for panel in panels):
        figure.suptitle(SYNTHETIC_TITLE, color="#b3541e", fontweight="bold", fontsize=12)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
