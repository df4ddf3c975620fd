import doctest
from xml.etree import ElementTree

import numpy as np
import pytest

from emotion2vec.report import palette, plots, tables
from emotion2vec.report.plots import Line, confusion_matrix, line_chart, nice_ticks


@pytest.mark.parametrize("module", [palette, plots, tables])
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


def test_confusion_cells_hold_count_and_share_of_the_true_class() -> None:
    svg = confusion_matrix(np.array([[3, 1], [0, 0]]), ["calm", "angry"])

    texts = [element.text for element in ElementTree.fromstring(svg).iter("text")]
    assert [text for text in texts if text.endswith("%")] == ["75%", "25%", "0%", "0%"]
    assert "3" in texts


def test_labels_in_pictures_are_escaped() -> None:
    svg = confusion_matrix(np.eye(2, dtype=np.int64), ["<script>", "a&b"])

    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg


def test_colours_of_classes_are_distinct() -> None:
    labels = ["anger", "angry", "joy", "calm", "sad", "x", "y", "z"]

    assert len(set(palette.class_colours(labels))) == len(labels)
