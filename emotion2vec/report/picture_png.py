"""Draws panels with matplotlib, side by side over one legend.

In: `Panel`s. Out: the bytes of a PNG. Paper: Figures 3 and 4.
"""

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from emotion2vec.errors import ReportError
from emotion2vec.report.picture_panel import SYNTHETIC_TITLE, Panel, fit_square, make_keys

_MAX_COLUMNS = 4
_SIDE = 4.4  # inches


def render_png(panels: Sequence[Panel]) -> bytes:
    """Draw the panels, at least one.

    Raises:
        ReportError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
    except ImportError:
        raise ReportError(
            "a PNG needs matplotlib (pip install emotion2vec[evaluation]); or give --out a name ending in .html"
        ) from None
    keys = make_keys(panels)
    rows = math.ceil(len(panels) / _MAX_COLUMNS)
    columns = math.ceil(len(panels) / rows)
    legend_columns = 2 * columns
    # a panel is a square with its title and up to five lines below it; the legend takes a line for each row of names
    height = rows * (_SIDE + 1.4) + 0.25 * math.ceil(len(keys) / legend_columns) + 0.7
    figure = Figure(figsize=(_SIDE * columns, height), dpi=160, layout="compressed")
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(all_axes, panels, strict=False):
        _draw_panel(axes, panel, {key.label: key.colour for key in keys})
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    dots = [Line2D([], [], marker="o", linestyle="", color=key.colour) for key in keys]
    names = [f"{key.label} ({key.group})" if key.group else key.label for key in keys]
    figure.legend(
        dots, names, loc="outside lower center", ncols=legend_columns, frameon=False, fontsize=8
    )
    if any(panel.synthetic for panel in panels):
        figure.suptitle(SYNTHETIC_TITLE, color="#b3541e", fontweight="bold", fontsize=12)
    content = io.BytesIO()
    figure.savefig(content, format="png", bbox_inches="tight")
    return content.getvalue()


def _draw_panel(axes: Any, panel: Panel, colour_of: Mapping[str, str]) -> None:
    """Draw one panel; points in the order of the utterances, so that no class lies on top of all others."""
    at_N2 = fit_square(panel.projection, 1.0, 0.03)
    colours = [colour_of[panel.labels[index]] for index in panel.projection.label_index_N]
    size = 16 if len(at_N2) <= 400 else 8
    axes.scatter(at_N2[:, 0], 1 - at_N2[:, 1], s=size, c=colours, alpha=0.8, linewidths=0)
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_title("\n".join(textwrap.wrap(panel.name, 40)), fontsize=11, parse_math=False)
    lines = [panel.task, panel.caption, f"{panel.mean_of}:"]
    lines += [
        f"{what}: silhouette {found.silhouette_text}, {found.num_neighbours}-NN accuracy {found.accuracy_text}"
        for what, found in panel.figures
    ]
    axes.set_xlabel("\n".join(lines), fontsize=8, parse_math=False)
