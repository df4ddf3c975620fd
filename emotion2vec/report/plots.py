"""Draws crisp inline SVG without any library: line charts, confusion matrices, scatter plots.

In: numbers. Out: `<svg>` text for `html.py`; colours of text and grid come from the page's CSS (`--muted`, `--grid`),
so that pictures follow its light or dark theme. All text is escaped.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from emotion2vec.report.palette import class_colours
from emotion2vec.report.projection import Projection

MAX_LINE_POINTS = 500  # more cannot be told apart at this size


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: Shown when a pointer rests on it.
        colour: CSS colour.
        points: (x, y), by rising x.
    """

    name: str
    colour: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Frame:
    """The area of a chart and the values at its edges."""

    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.left + self.width * (value - low) / (high - low)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return self.top + self.height * (high - value) / (high - low)


def line_chart(lines: Sequence[Line], *, x_label: str, description: str) -> str:
    """Draw lines over one axis.

    Args:
        lines: At least one, each with at least one point.
        x_label: Under the axis.
        description: For screen readers.
    """
    points = np.array([point for line in lines for point in line.points], dtype=np.float64)
    x_range = _widen(float(points[:, 0].min()), float(points[:, 0].max()))
    y_ticks = nice_ticks(float(points[:, 1].min()), float(points[:, 1].max()))
    frame = _Frame(55, 8, 295, 150, x_range, (y_ticks[0], y_ticks[-1]))
    parts = [
        *_y_axis(frame, y_ticks),
        *_x_axis(frame, x_label),
        *map(_draw_line, [frame] * len(lines), lines),
    ]
    return _svg(360, 196, parts, description=description)


def confusion_matrix(counts_KK: NDArray[np.int64], labels: Sequence[str]) -> str:
    """Draw a confusion matrix: percent of the true class, with the count below.

    Args:
        counts_KK: Rows are the true class, columns the predicted one, (K, K).
        labels: Names, K.
    """
    cell, left, top = 64, 92, 26
    rows_K = counts_KK.sum(axis=1)
    parts = [
        f'<text class="svg-muted" x="{left + cell * len(labels) / 2}" y="{top + cell * len(labels) + 18}" '
        'text-anchor="middle">predicted</text>'
    ]
    for index, label in enumerate(labels):
        middle = top + cell * index + cell / 2 + 4
        parts.append(
            f'<text class="svg-text" x="{left - 8}" y="{middle}" text-anchor="end">{_short(label)}</text>'
            f'<text class="svg-text" x="{left + cell * index + cell / 2}" y="{top - 8}" '
            f'text-anchor="middle">{_short(label)}</text>'
        )
        for column in range(len(labels)):
            share = counts_KK[index, column] / rows_K[index] if rows_K[index] else 0.0
            position = (left + cell * column, top + cell * index)
            hover = f"{label} heard as {labels[column]}"
            parts.append(
                _confusion_cell(position, cell, share, int(counts_KK[index, column]), hover)
            )
    size = cell * len(labels)
    return _svg(
        left + size + 8,
        top + size + 26,
        parts,
        description="confusion matrix, rows are true classes",
    )


def scatter(projection: Projection, labels: Sequence[str]) -> str:
    """Draw one fold's embeddings, coloured by class.

    Args:
        projection: Positions and classes.
        labels: Names of the classes.
    """
    width, height, margin = 360.0, 320.0, 10.0
    colours = class_colours(labels)
    low_2, high_2 = projection.xy_N2.min(axis=0), projection.xy_N2.max(axis=0)
    scale_2 = np.array([width - 2 * margin, height - 2 * margin]) / np.maximum(
        high_2 - low_2, 1e-12
    )
    at_N2 = margin + (projection.xy_N2 - low_2) * scale_2
    radius = 3.6 if len(at_N2) <= 400 else 2.2
    parts = [f'<rect class="svg-panel" x="0" y="0" width="{width:g}" height="{height:g}" rx="8"/>']
    parts += [
        f'<circle cx="{x:.1f}" cy="{height - y:.1f}" r="{radius}" fill="{colours[index]}" fill-opacity="0.78">'
        f"<title>{escape(labels[index])}</title></circle>"
        for (x, y), index in zip(at_N2, projection.label_index_N, strict=True)
    ]
    return _svg(
        width, height, parts, description=f"{projection.method} of embeddings, coloured by class"
    )


def nice_ticks(low: float, high: float, *, count: int = 4) -> list[float]:
    """Return round values that enclose [low, high].

    >>> nice_ticks(0.13, 0.92)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    low, high = _widen(low, high)
    raw_step = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw_step))
    step = next(
        magnitude * factor
        for factor in (1, 2, 2.5, 5, 10)
        if magnitude * factor >= raw_step * 0.999
    )
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def format_tick(value: float, step: float) -> str:
    """Write a tick with as many digits as its step needs.

    >>> format_tick(0.9992, 0.0002), format_tick(2.5e-05, 2.5e-05), format_tick(3000.0, 1000.0)
    ('0.9992', '2.5e-05', '3000')
    """
    if value and max(abs(value), step) < 1e-3:
        return f"{value:.3g}"
    decimals = max(0, -math.floor(math.log10(step)))
    text = f"{value:.{decimals + 1}f}"
    return text.rstrip("0").rstrip(".") or "0"


def _widen(low: float, high: float) -> tuple[float, float]:
    """Give a range without extent some, so that it can be an axis."""
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    margin = 0.05 * abs(low) or 0.5
    return low - margin, high + margin


def _y_axis(frame: _Frame, ticks: Sequence[float]) -> Iterator[str]:
    for tick in ticks:
        y = frame.y(tick)
        yield (
            f'<line class="svg-grid" x1="{frame.left}" x2="{frame.left + frame.width}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="svg-muted" x="{frame.left - 6}" y="{y + 3.5:.1f}" text-anchor="end">'
            f"{format_tick(tick, ticks[1] - ticks[0])}</text>"
        )


def _x_axis(frame: _Frame, label: str) -> Iterator[str]:
    low, high = frame.x_range
    bottom = frame.top + frame.height
    ticks = [tick for tick in nice_ticks(low, high) if low <= tick <= high]
    for tick in ticks:
        text = format_tick(tick, ticks[1] - ticks[0] if len(ticks) > 1 else 1.0)
        yield (
            f'<text class="svg-muted" x="{frame.x(tick):.1f}" y="{bottom + 15}" text-anchor="middle">{text}</text>'
        )
    yield (
        f'<text class="svg-muted" x="{frame.left + frame.width / 2}" y="{bottom + 31}" '
        f'text-anchor="middle">{escape(label)}</text>'
    )


def _draw_line(frame: _Frame, line: Line) -> str:
    stride = math.ceil(len(line.points) / MAX_LINE_POINTS)
    kept = [*line.points[:-1:stride], line.points[-1]]
    places = [(frame.x(x), frame.y(y)) for x, y in kept]
    title = f"<title>{escape(line.name)}: {line.points[-1][1]:.5g} at the end</title>"
    end_x, end_y = places[-1]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return (
        f'<g><polyline class="svg-line" stroke="{line.colour}" points="{path}">{title}</polyline>'
        f'<circle cx="{end_x:.1f}" cy="{end_y:.1f}" r="2.6" fill="{line.colour}">{title}</circle></g>'
    )


def _confusion_cell(
    position: tuple[float, float], cell: float, share: float, count: int, hover: str
) -> str:
    x, y = position
    text_class = "svg-on-strong" if share > 0.8 else "svg-text"
    return (
        f"<g><title>{escape(hover)}: {count} ({100 * share:.1f} %)</title>"
        f'<rect class="svg-cell" x="{x + 1}" y="{y + 1}" width="{cell - 2}" height="{cell - 2}" rx="5" '
        f'fill-opacity="{0.06 + 0.9 * share:.3f}"/>'
        f'<text class="{text_class} svg-strong" x="{x + cell / 2}" y="{y + cell / 2}" text-anchor="middle">'
        f"{100 * share:.0f}%</text>"
        f'<text class="{text_class} svg-small" x="{x + cell / 2}" y="{y + cell / 2 + 16}" text-anchor="middle">'
        f"{count}</text></g>"
    )


def _short(label: str) -> str:
    return escape(label if len(label) <= 12 else label[:11] + "\u2026")


def _svg(width: float, height: float, parts: Sequence[str], *, description: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(description)}">'
        f"{''.join(parts)}</svg>"
    )
