"""Results against the best of their task, corrected for their number."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.errors import ReportError
from emotion2vec.report import pairs
from emotion2vec.report.comparison import SPEAKER, UTTERANCE, compare
from emotion2vec.report.html import render_report
from emotion2vec.report.pairs import compare_with_reference, holm
from emotion2vec.report.records import ProbeResult, read_result
from tests.report.conftest import write_compared

INTERVALS = {"level": 0.95, "speaker": {"num_units": 6, "WA": {"low": 1.0, "high": 2.0}}}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., ProbeResult]:
    def make_one(name: str, right: float, **changes: object) -> ProbeResult:
        changes = {"name": name, "embeddings": None} | changes
        return read_result(write_compared(tmp_path / name, right, **changes))

    return make_one


def slow_holm(p_values: list[float]) -> list[float]:
    """Adjusted p: the largest of (m - j + 1) p_j over all j that are not larger, at most 1."""
    m = len(p_values)
    rank = {index: place for place, index in enumerate(np.argsort(p_values, kind="stable"))}
    return [
        min(1.0, max((m - rank[j]) * p_values[j] for j in range(m) if rank[j] <= rank[i]))
        for i in range(m)
    ]


@pytest.mark.parametrize("number", [1, 2, 5, 30])
def test_holm_is_its_definition(number: int) -> None:
    rng = np.random.default_rng(number)
    p_values = (rng.random(number) ** 4).round(2).tolist()  # some are equal

    assert holm(p_values) == pytest.approx(slow_holm(p_values))


def test_holm_of_the_papers_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_a_bar_counts_the_comparisons(
    make: Callable[..., ProbeResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, int]] = []

    def record(items: Iterable[ProbeResult], *, description: str, unit: str) -> list[ProbeResult]:
        given = list(items)
        shown.append((description, len(given)))
        return given

    monkeypatch.setattr(pairs, "progress", record)
    results = [make("a", 0.5), make("best", 0.9), make("b", 0.8)]
    compare_with_reference(results, metric="WA")

    assert shown == [(f"statistics, {results[0].protocol}", 2)]


def test_every_other_result_is_compared_with_the_best(make: Callable[..., ProbeResult]) -> None:
    results = [make("a", 0.5), make("best", 0.9), make("b", 0.8)]

    table = compare_with_reference(results, metric="WA")

    assert table is not None
    assert (table.reference, table.is_best) == ("best", True)
    assert [pair.comparison.names for pair in table.pairs] == [("a", "best"), ("b", "best")]
    expected = compare(results[0], results[1], metric="wa", unit=UTTERANCE)
    assert table.pairs[0].comparison == expected
    assert [pair.difference_p for pair in table.pairs] == holm(
        [pair.comparison.difference.p_value for pair in table.pairs]
    )
    assert [pair.mcnemar_p for pair in table.pairs] == holm(
        [pair.comparison.combined_p for pair in table.pairs]
    )


def test_a_chosen_baseline_takes_the_bests_place(make: Callable[..., ProbeResult]) -> None:
    table = compare_with_reference([make("a", 0.5), make("best", 0.9)], metric="WA", baseline="a")

    assert table is not None
    assert (table.reference, table.is_best) == ("a", False)
    assert table.pairs[0].comparison.difference.interval.estimate > 0


def test_speakers_are_drawn_where_the_results_know_them(make: Callable[..., ProbeResult]) -> None:
    results = [make("a", 0.5, intervals=INTERVALS), make("b", 0.9, intervals=INTERVALS)]

    table = compare_with_reference(results, metric="WA")

    assert table is not None
    assert table.pairs[0].comparison.unit == SPEAKER
    assert table.is_few


def test_what_cannot_be_compared_is_left_out_with_the_reason(
    make: Callable[..., ProbeResult],
) -> None:
    results = [
        make("a", 0.5),
        make("best", 0.9),
        make("old", 0.7, predictions=None),
        make("torn", 0.7, predictions="gone.tsv"),
    ]

    table = compare_with_reference(results, metric="WA")

    assert table is not None
    assert len(table.pairs) == 1
    assert table.left_out[0] == ("old", "holds no predictions")
    assert table.left_out[1][0] == "torn"
    assert "gone.tsv: no such file" in table.left_out[1][1]


def test_one_result_with_predictions_is_compared_with_nothing(
    make: Callable[..., ProbeResult],
) -> None:
    assert compare_with_reference([make("a", 0.5)], metric="WA") is None


def test_the_page_shows_differences_and_warns_of_few_speakers(
    make: Callable[..., ProbeResult],
) -> None:
    results = [make("a", 0.3, intervals=INTERVALS), make("b", 0.9, intervals=INTERVALS)]

    page = render_report(results, title="t")

    assert "1 of 1 differ from b (corrected p &lt; 0.05)" in page
    assert "WA of each result less that of b, the best here; that it was picked" in page
    assert "Drawn: 6 speakers. Few speakers: the intervals are too narrow" in page


def test_results_that_chose_their_epoch_elsewhere_are_compared_with_their_like(
    make: Callable[..., ProbeResult],
) -> None:
    results = [make("a", 0.5), make("b", 0.9), make("star", 0.9, valid_is_test=True)]

    page = render_report(results, title="t")

    assert page.count("<h4>Statistics") == 1
    assert "of 1 differ from b" in page


def test_a_baseline_that_is_not_there_is_named(make: Callable[..., ProbeResult]) -> None:
    with pytest.raises(ReportError, match=r"no result is called 'c'; give --baseline one of a, b"):
        render_report([make("a", 0.5), make("b", 0.9)], title="t", baseline="c")
