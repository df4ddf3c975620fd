"""Writes the pieces of HTML that pages share: tables, badges, legends, confusion matrices, folding blocks.

In: `Table`s and plain text. Out: HTML for `html.py` and `sections.py`. Every text is escaped here.
"""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from emotion2vec.report.tables import Cell, Table

_SHORT = 8  # characters of a row's heading that never need a second line
_FEW_COLUMNS = 3


def render_table(table: Table, *, name: str) -> str:
    """Lay a table out in a box of its own that scrolls where the screen is narrow.

    Args:
        table: At least one row.
        name: For screen readers.
    """
    classes = [
        ' class="text"' if column < table.num_text_columns else ""
        for column in range(len(table.headers))
    ]
    head = "".join(
        f'<th scope="col"{kind}>{escape(text)}</th>'
        for kind, text in zip(classes, table.headers, strict=True)
    )
    num_own = len(table.rows) - table.num_paper_rows
    body = f"<tbody>{_render_rows(table.rows[:num_own], classes)}</tbody>" if num_own else ""
    if table.num_paper_rows:
        body += (
            f'<tbody class="paper"><tr><th scope="colgroup" class="text" colspan="{len(table.headers)}">'
            "Printed in the paper, not measured here</th></tr>"
            f"{_render_rows(table.rows[num_own:], classes)}</tbody>"
        )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(name)}">'
        f"<table{_size_class(table)}><thead><tr>{head}</tr></thead>{body}</table></div>{note}"
    )


def render_confusion(counts_KK: NDArray[np.int64], labels: Sequence[str], *, name: str) -> str:
    """Write a confusion matrix as a table: percent of the true class, the count below, darker where more.

    Args:
        counts_KK: Rows are the true class, columns the predicted one, (K, K).
        labels: Names, K.
        name: For screen readers.
    """
    rows_K = np.maximum(counts_KK.sum(axis=1), 1)
    percent_KK = 100 * counts_KK / rows_K[:, None]
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in labels)
    rows = []
    for index, label in enumerate(labels):
        cells = "".join(
            f'<td style="--s:{percent:.0f}%"><b>{percent:.0f}%</b>{count}</td>'
            for percent, count in zip(percent_KK[index], counts_KK[index], strict=True)
        )
        rows.append(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(name)}"><table class="confusion">'
        f"<thead><tr><td>true \\ predicted</td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def render_details(summary: str, body: str, *, attributes: str = "") -> str:
    """Write a block that opens when its summary is pressed.

    Args:
        summary: HTML.
        body: HTML.
        attributes: Of the block, such as an id.
    """
    space = " " if attributes else ""
    return f"<details{space}{attributes}><summary>{summary}</summary>{body}</details>"


def render_badges(badges: Iterable[str]) -> str:
    """Write badges, each a short warning."""
    return "".join(f' <span class="badge">{escape(badge)}</span>' for badge in badges)


def render_legend(names: Iterable[str], colours: Iterable[str]) -> str:
    """Write a legend: a dot of its colour before each name."""
    items = "".join(
        f'<li><i style="background:{colour}"></i>{escape(name)}</li>'
        for name, colour in zip(names, colours, strict=True)
    )
    return f'<ul class="legend">{items}</ul>'


def _size_class(table: Table) -> str:
    """Name what the style sheet must know: names as row headings, few columns."""
    names = ["names"] if any(len(row[0].text) > _SHORT for row in table.rows) else []
    names += ["few"] if len(table.headers) <= _FEW_COLUMNS else []
    return f' class="{" ".join(names)}"' if names else ""


def _render_rows(rows: Sequence[Sequence[Cell]], classes: Sequence[str]) -> str:
    return "".join(f"<tr>{_render_row(row, classes)}</tr>" for row in rows)


def _render_row(row: Sequence[Cell], classes: Sequence[str]) -> str:
    first, *others = (
        f"{kind}>{_render_cell(cell)}" for kind, cell in zip(classes, row, strict=True)
    )
    return f'<th scope="row"{first}</th>' + "".join(f"<td{other}</td>" for other in others)


def _render_cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.best:
        text = f'<span class="best">{text}</span>'
    if cell.target:
        text = f'<a href="#{cell.target}">{text}</a>'
    if cell.detail:
        text = f'<span title="{escape(cell.detail)}">{text}</span>'
    lines = "".join(f"<small>{escape(line)}</small>" for line in cell.lines)
    return text + render_badges(cell.badges) + lines
