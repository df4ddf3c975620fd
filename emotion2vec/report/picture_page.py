"""The interactive picture: panels in one HTML file that asks the network for nothing.

In: `Panel`s. Out: the text of the page; its script is `picture.js`, its style `picture.css` after the report's. Without
the script it is the same picture, still. Every text of a file or a user passes through `html.escape` or `_json`.
Paper: Figures 3 and 4.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Any

from emotion2vec.report.picture_panel import (
    AROUSAL,
    SYNTHETIC_TITLE,
    Key,
    Panel,
    fit_square,
    make_keys,
)
from emotion2vec.report.projection import Separation
from emotion2vec.report.style import STYLE

SIZE = 400.0  # of a plot, in its own units
# the page may run its own script and style and load nothing at all
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
_BUTTONS = (
    ("in", "zoom in", "+"),
    ("out", "zoom out", "&minus;"),
    ("all", "show everything", "all"),
)
_AROUSAL_NOTE = (
    " Red tones are classes of low arousal, blue tones of high, as in Figure 3 of the paper."
)
_HELP = (
    "<details><summary>How to use it, and what it shows</summary><ul>"
    "<li>Point at or tap a point: its utterance, its true class and, where the result holds predictions, the probe's "
    "answer (first seed). The same utterance is ringed in every picture.</li>"
    "<li>An entry of the legend hides and shows a class in all pictures.</li>"
    "<li>Wheel, pinch or + and &minus; zoom; dragging and the arrow keys move; 0 shows everything again.</li>"
    "<li>Positions and axes of such a picture have no meaning of their own. The figures under it are computed in the "
    "embedding space, inside each fold, and averaged: silhouette, -1 to 1, is how much nearer a point is to its own "
    "class than to the next one; nearest-neighbour accuracy is the share of points whose class wins among their "
    "nearest neighbours.</li></ul></details>"
)


def render_page(panels: Sequence[Panel]) -> str:
    """Write the page; at least one panel."""
    keys = make_keys(panels)
    index_of = {key.label: index for index, key in enumerate(keys)}
    cards = "".join(_card(number, panel, index_of) for number, panel in enumerate(panels))
    note = _AROUSAL_NOTE if panels[0].colour == AROUSAL else ""
    banner = (
        f'<div class="banner" role="note"><strong>{SYNTHETIC_TITLE}</strong></div>'
        if any(panel.synthetic for panel in panels)
        else ""
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>Embeddings</title><style>{STYLE}{_asset('picture.css')}{_class_rules(keys)}</style></head>\n"
        f"<body>{banner}<main><h1>Embeddings of the test utterances</h1>"
        f'<p class="muted">Each point is an utterance that the probe was tested on.{note}</p>'
        f'<div class="keys" role="group" aria-label="Classes to show">{_legend(keys)}</div>'
        f'<div class="plots">{cards}</div>{_HELP}</main><div id="tip" role="status" hidden></div>'
        f'<script type="application/json" id="data">{_json(_data(panels, keys, index_of))}</script>'
        f"<script>{_asset('picture.js')}</script></body></html>\n"
    )


def _card(number: int, panel: Panel, index_of: Mapping[str, int]) -> str:
    badge = '<span class="badge">SYNTHETIC</span>' if panel.synthetic else ""
    buttons = "".join(
        f'<button type="button" data-do="{action}" aria-label="{name}: {escape(panel.name)}" title="{name}">'
        f"{sign}</button>"
        for action, name, sign in _BUTTONS
    )
    figures = "".join(_figures(what, found) for what, found in panel.figures)
    return (
        f'<section class="card" data-panel="{number}"><div class="head"><h3>{escape(panel.name)}{badge}</h3>'
        f'<div class="zoom">{buttons}</div></div>{_plot(panel, index_of)}'
        f'<p class="note">{escape(panel.task)}: {escape(panel.caption)}. Shown: {escape(panel.shown)}.</p>'
        f'<table class="figures"><thead><tr><th class="text"></th><th>silhouette</th>'
        f"<th>{panel.separation.num_neighbours}-nearest-neighbour accuracy</th></tr></thead>"
        f'<tbody>{figures}</tbody></table><p class="note">{panel.mean_of}</p></section>'
    )


def _figures(what: str, found: Separation) -> str:
    return (
        f'<tr><td class="text">{what}</td><td>{found.silhouette_text}</td>'
        f"<td>{found.accuracy_text}</td></tr>"
    )


def _plot(panel: Panel, index_of: Mapping[str, int]) -> str:
    """Draw the points in the order of the utterances, so that no class lies on top of all others."""
    at_N2 = fit_square(panel.projection, SIZE, 14.0)
    radius = 4.2 if len(at_N2) <= 400 else 2.6
    classes = [index_of[panel.labels[index]] for index in panel.projection.label_index_N]
    circles = "".join(
        f'<circle class="p k{index}" cx="{x:.2f}" cy="{y:.2f}" r="{radius}"/>'
        for (x, y), index in zip(at_N2, classes, strict=True)
    )
    description = (
        f"{panel.projection.method} of {panel.name}: {len(at_N2)} utterances, coloured by {panel.colour}. "
        "Arrow keys move, plus and minus zoom, 0 shows everything."
    )
    return (
        f'<svg class="plot" viewBox="0 0 {SIZE:g} {SIZE:g}" tabindex="0" role="img" '
        f'aria-label="{escape(description)}" style="--r0:{radius}"><g class="view">{circles}'
        f'<circle class="ring" r="{2 * radius}"/></g></svg>'
    )


def _legend(keys: Sequence[Key]) -> str:
    """Write a button for each class, and one for each group of classes before its own."""
    parts = []
    numbered = list(enumerate(keys))
    for group, members in groupby(numbered, key=lambda item: item[1].group):
        entries = list(members)
        if group:
            indices = " ".join(str(index) for index, _ in entries)
            parts.append(_button(indices, f"{escape(group)}:", kind="key group"))
        parts += [
            _button(str(index), f'<i style="background:{key.colour}"></i>{escape(key.label)}', kind="key")
            for index, key in entries
        ]  # fmt: skip
    return "".join(parts)


def _button(indices: str, content: str, *, kind: str) -> str:
    return f'<button type="button" class="{kind}" data-k="{indices}" aria-pressed="true">{content}</button>'


def _class_rules(keys: Sequence[Key]) -> str:
    return "".join(
        f".k{index}{{fill:{key.colour}}}.hide-{index} .k{index}{{display:none}}"
        for index, key in enumerate(keys)
    )


def _data(
    panels: Sequence[Panel], keys: Sequence[Key], index_of: Mapping[str, int]
) -> dict[str, Any]:
    """Gather what the script says of each point; positions and classes it reads from the drawing."""
    return {
        "labels": [key.label for key in keys],
        "panels": [
            {
                "ids": panel.points.ids,
                "true": [index_of[panel.labels[k]] for k in panel.projection.label_index_N],
                "predicted": [index_of[panel.labels[k]] for k in panel.points.predicted],
            }
            for panel in panels
        ],
    }


def _json(value: object) -> str:
    """Write JSON that may stand in a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


@cache
def _asset(name: str) -> str:
    return files("emotion2vec.report").joinpath(name).read_text(encoding="utf-8")
