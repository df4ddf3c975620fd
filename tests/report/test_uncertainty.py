"""Intervals and recalls on the page, and pages of results that have none."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emotion2vec.errors import ReportError
from emotion2vec.report.html import render_report
from emotion2vec.report.records import read_result
from emotion2vec.report.tables import comparison_table, recall_table

ENDS = {"WA": {"low": 58.0, "high": 66.5}, "UA": {"low": 57.25, "high": 65.125}}
INTERVALS = {"level": 0.95, "utterance": {"num_units": 120, **ENDS}}
RECALLS = {
    "angry": {"recall": {"mean": 60.0, "std": 1.5}, "support": 30},
    "happy": {"recall": {"mean": 50.0, "std": 0.0}, "support": 30},
    "neutral": {"recall": None, "support": 0},
    "sad": {"recall": {"mean": 70.0, "std": 2.0}, "support": 30},
}


@pytest.fixture(autouse=True)
def pca_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)


def test_the_comparison_shows_intervals_and_says_what_they_cover(
    write_result: Callable[..., Path],
) -> None:
    table = comparison_table([read_result(write_result(intervals=INTERVALS))])
    assert [(cell.text, cell.lines) for cell in table.rows[0][1:4]] == [
        ("62.25 \u00b1 0.50", ("[58.00, 66.50]",)),
        ("61.75 \u00b1 0.71", ("[57.25, 65.12]",)),
        ("60.25 \u00b1 0.00", ()),
    ]
    assert (
        "In brackets: 95% bootstrap interval over 120 utterances; it covers neither" in table.note
    )


def test_the_interval_over_speakers_is_shown_where_there_is_one(
    write_result: Callable[..., Path],
) -> None:
    wider = {"num_units": 8, "WA": {"low": 50.0, "high": 70.0}}
    table = comparison_table([read_result(write_result(intervals=INTERVALS | {"speaker": wider}))])
    assert table.rows[0][1].lines == ("[50.00, 70.00]",)
    assert "interval over 8 speakers" in table.note


def test_old_results_stand_beside_new_ones(write_result: Callable[..., Path]) -> None:
    results = [
        read_result(write_result("new", intervals=INTERVALS, per_class=RECALLS)),
        read_result(write_result("old", name="logmel")),
    ]
    page = render_report(results, title="t")
    assert page.count("Recall of each class") == 1
    assert "[58.00, 66.50]" in page
    assert comparison_table(results).rows[1][1].text == "62.25 \u00b1 0.50"


def test_each_labels_recall_has_its_support(write_result: Callable[..., Path]) -> None:
    table = recall_table(read_result(write_result(per_class=RECALLS)))
    assert table is not None
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["angry", "60.00 \u00b1 1.50", "30"],
        ["happy", "50.00 \u00b1 0.00", "30"],
        ["neutral", "\u2013", "0"],
        ["sad", "70.00 \u00b1 2.00", "30"],
    ]


def test_a_result_without_recalls_has_no_table_of_them(write_result: Callable[..., Path]) -> None:
    assert recall_table(read_result(write_result())) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"intervals": {"level": 0.95}},
        {"intervals": [1, 2]},
        {"intervals": {"level": 0.95, "speaker": {"num_units": 3, "WA": 5}}},
        {"per_class": {"angry": {"recall": None, "support": 3}}},
        {"per_class": [60.0]},
    ],
)
def test_damaged_statistics_get_one_sentence(
    write_result: Callable[..., Path], changes: dict
) -> None:
    result = read_result(write_result(**changes))
    with pytest.raises(ReportError, match="is not what train_probe.py writes"):
        render_report([result], title="t")
