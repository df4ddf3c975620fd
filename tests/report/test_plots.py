import doctest
from xml.etree import ElementTree

import numpy as np
import pytest

from emotion2vec.report import pairs, palette, plots, protocols, tables
from emotion2vec.report.plots import Line, bar_chart, line_chart, nice_ticks, scatter
from emotion2vec.report.projection import Projection


@pytest.mark.parametrize("module", [pairs, palette, plots, protocols, tables])
def test_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-3.2, 7.9), (7.4e-5, 7.5e-5), (0.999, 0.99999), (5, 5)]
)
def test_ticks_enclose_the_values(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)

    assert ticks[0] <= low <= high <= ticks[-1]
    assert 2 <= len(ticks) <= 7


def test_a_chart_draws_one_line_per_series() -> None:
    lines = [Line("a", "#111", [(0, 1.0), (10, 2.0)]), Line("b", "#222", [(5, 0.5)])]

    chart = ElementTree.fromstring(line_chart(lines, x_label="update", description="loss"))

    assert len(chart.findall(".//polyline")) == 2


def test_a_long_series_is_thinned_and_keeps_its_end() -> None:
    chart = line_chart(
        [Line("a", "#111", [(i, i) for i in range(10_000)])], x_label="x", description="d"
    )

    points = ElementTree.fromstring(chart).find(".//polyline").attrib["points"].split()
    assert len(points) <= 501
    assert points[-1] == "350.0,8.0"


def test_a_band_reaches_the_spread_and_widens_the_axis() -> None:
    line = Line("a", "#111", [(0, 50.0), (1, 60.0)], spread=[0.0, 30.0], marked=1)
    chart = ElementTree.fromstring(line_chart([line], x_label="layer", description="d"))

    corners = [
        tuple(map(float, pair.split(",")))
        for pair in chart.find(".//polygon").attrib["points"].split()
    ]
    ring = chart.find(".//circle[@class='svg-ring']").attrib
    axis = [text.text for text in chart.iter("text")]
    assert len(corners) == 4
    assert corners[1][1] < float(ring["cy"]) < corners[2][1]  # up is less
    assert corners[0] == corners[3]  # no spread at the first point
    assert (ring["cx"], ring["stroke"]) == ("350.0", "#111")
    assert "100" in axis


def test_bars_stand_on_zero_and_are_as_high_as_their_value() -> None:
    chart = ElementTree.fromstring(
        bar_chart([10.0, 40.0], x_label="layer", unit=" %", description="weights")
    )

    first, second = chart.findall(".//rect")
    assert float(second.attrib["height"]) == pytest.approx(
        4 * float(first.attrib["height"]), abs=0.2
    )
    foot = [float(bar.attrib["y"]) + float(bar.attrib["height"]) for bar in (first, second)]
    assert foot == [158.0, 158.0]
    assert second.find("title").text == "1: 40 %"


def test_a_scatter_plot_has_one_path_a_class_and_a_dot_a_point() -> None:
    xy = np.arange(20.0).reshape(10, 2)
    labels = np.array([0] * 7 + [2] * 3)
    svg = ElementTree.fromstring(scatter(Projection(xy, labels, 0, "PCA"), ["a", "b", "<c>"]))

    paths = svg.findall("path")
    assert [path.attrib["d"].count("M") for path in paths] == [7, 3]
    assert [path.find("title").text for path in paths] == ["a", "<c>"]


def test_colours_of_classes_are_distinct() -> None:
    labels = ["anger", "angry", "joy", "calm", "sad", "x", "y", "z"]

    assert len(set(palette.class_colours(labels))) == len(labels)
