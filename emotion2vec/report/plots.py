"""Draws crisp inline SVG without any library: line charts, bars, scatter plots.

In: numbers. Out: `<svg>` text for `html.py`; colours of text and grid come from the page's CSS (`--muted`, `--grid`),
so that pictures follow its light or dark theme. All text is escaped.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

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
        spread: What the band around each point reaches up and down; empty for a line without a band.
        marked: Index of a point that gets a ring; None for none.
    """

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    spread: Sequence[float] = ()
    marked: int | None = None


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
        """Return where a value stands from the left, in pixels."""
        low, high = self.x_range
        return self.left + self.width * (value - low) / (high - low)

    def y(self, value: float) -> float:
        """Return where a value stands from the top, in pixels."""
        low, high = self.y_range
        return self.top + self.height * (high - value) / (high - low)


def line_chart(lines: Sequence[Line], *, x_label: str, description: str) -> str:
    """Draw lines over one axis.

    Args:
        lines: At least one, each with at least one point.
        x_label: Under the axis.
        description: For screen readers.
    """
    x = [point[0] for line in lines for point in line.points]
    y = [end for line in lines for end in _extent(line)]
    y_ticks = nice_ticks(min(y), max(y))
    frame = _Frame(55, 8, 295, 150, _widen(min(x), max(x)), (y_ticks[0], y_ticks[-1]))
    parts = [
        *_y_axis(frame, y_ticks),
        *_x_axis(frame, x_label),
        *(_draw_band(frame, line) for line in lines if line.spread),
        *(_draw_line(frame, line) for line in lines),
    ]
    return _svg(360, 196, parts, description=description)


def bar_chart(values: Sequence[float], *, x_label: str, unit: str, description: str) -> str:
    """Draw one bar for each value, numbered from 0.

    Args:
        values: At least one, none negative.
        x_label: Under the axis.
        unit: Behind a value where a pointer rests on its bar.
        description: For screen readers.
    """
    y_ticks = nice_ticks(0.0, max(values))
    frame = _Frame(55, 8, 295, 150, (-0.5, len(values) - 0.5), (y_ticks[0], y_ticks[-1]))
    half = 0.4 * frame.width / len(values)
    bars = [
        f'<rect class="svg-cell" x="{frame.x(index) - half:.1f}" y="{frame.y(value):.1f}" width="{2 * half:.1f}" '
        f'height="{frame.y(0) - frame.y(value):.1f}" rx="2"><title>{index}: {value:.4g}{escape(unit)}</title></rect>'
        for index, value in enumerate(values)
    ]
    return _svg(
        360,
        196,
        [*_y_axis(frame, y_ticks), *_x_axis(frame, x_label), *bars],
        description=description,
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
    size = 7 if len(at_N2) <= 400 else 5
    parts = [f'<rect class="svg-panel" x="0" y="0" width="{width:g}" height="{height:g}" rx="8"/>']
    for index, label in enumerate(labels):
        # one path a class: a point is a line of no length with round ends, a tenth of a circle's text
        at_n2 = at_N2[projection.label_index_N == index]
        if len(at_n2):
            dots = "".join(f"M{x:.1f} {height - y:.1f}h0" for x, y in at_n2)
            parts.append(
                f'<path class="svg-dots" stroke="{colours[index]}" stroke-width="{size}" d="{dots}">'
                f"<title>{escape(label)}</title></path>"
            )
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


def _extent(line: Line) -> Iterator[float]:
    """Yield the heights that the line and its band reach."""
    for index, (_, y) in enumerate(line.points):
        reach = line.spread[index] if line.spread else 0.0
        yield y - reach
        yield y + reach


def _draw_band(frame: _Frame, line: Line) -> str:
    rows = [(x, y, reach) for (x, y), reach in zip(line.points, line.spread, strict=True)]
    upper = [f"{frame.x(x):.1f},{frame.y(y + reach):.1f}" for x, y, reach in rows]
    lower = [f"{frame.x(x):.1f},{frame.y(y - reach):.1f}" for x, y, reach in reversed(rows)]
    return f'<polygon class="svg-band" fill="{line.colour}" points="{" ".join([*upper, *lower])}"/>'


def _draw_line(frame: _Frame, line: Line) -> str:
    stride = math.ceil(len(line.points) / MAX_LINE_POINTS)
    kept = [*line.points[:-1:stride], line.points[-1]]
    title = f"<title>{escape(line.name)}: {line.points[-1][1]:.5g} at the end</title>"
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in kept)
    end = _draw_point(frame, line, -1, 'r="2.6"')
    ring = (
        ""
        if line.marked is None
        else _draw_point(frame, line, line.marked, 'class="svg-ring" r="5"')
    )
    return f'<g>{title}<polyline class="svg-line" stroke="{line.colour}" points="{path}"/>{end}{ring}</g>'


def _draw_point(frame: _Frame, line: Line, index: int, attributes: str) -> str:
    x, y = line.points[index]
    colour = "stroke" if "svg-ring" in attributes else "fill"
    return f'<circle {attributes} cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" {colour}="{line.colour}"/>'


def _svg(width: float, height: float, parts: Sequence[str], *, description: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(description)}">'
        f"{''.join(parts)}</svg>"
    )
