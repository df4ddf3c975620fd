from collections.abc import Callable
from pathlib import Path

import pytest

from emotion2vec.report.records import read_result
from emotion2vec.report.tables import (
    comparison_table,
    fold_table,
    glance_table,
    group_by_task,
    provenance_table,
)


def texts(table: object) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_the_comparison_holds_mean_and_deviation_of_each_result(
    write_result: Callable[..., Path],
) -> None:
    results = [
        read_result(write_result("a", wa=61.25)),
        read_result(write_result("b", wa=40.0, name="logmel")),
    ]

    table = comparison_table(results)

    assert texts(table) == [
        ["tiny.pt", "62.25 \u00b1 0.50", "61.75 \u00b1 0.71", "60.25 \u00b1 0.00", "3 \u00d7 2"],
        ["logmel", "41.00 \u00b1 0.50", "40.50 \u00b1 0.71", "39.00 \u00b1 0.00", "3 \u00d7 2"],
    ]
    assert [cell.best for cell in table.rows[0]] == [False, True, True, True, False]


def test_the_floor_of_a_constant_answer_is_stated(write_result: Callable[..., Path]) -> None:
    confusion = [[60, 0, 0, 0], [10, 0, 0, 0], [20, 0, 0, 0], [10, 0, 0, 0]]

    table = comparison_table([read_result(write_result(confusion=confusion))])

    assert "Always answering \u201cangry\u201d gives WA 60.00, UA 25.00." in table.note


def test_synthetic_results_are_marked_in_their_row(write_result: Callable[..., Path]) -> None:
    results = [read_result(write_result("a", synthetic=True)), read_result(write_result("b"))]

    assert [row[0].badges for row in comparison_table(results).rows] == [("SYNTHETIC",), ()]


def test_a_result_validated_on_its_test_part_is_marked(write_result: Callable[..., Path]) -> None:
    result = read_result(write_result(valid_is_test=True))

    assert comparison_table([result]).rows[0][0].badges == ("VALIDATED ON TEST",)


def test_a_result_validated_on_its_test_part_is_not_the_best(
    write_result: Callable[..., Path],
) -> None:
    results = [
        read_result(write_result("a", wa=50.0)),
        read_result(write_result("b", wa=40.0)),
        read_result(write_result("c", wa=90.0, valid_is_test=True)),
    ]
    best = [row[1].best for row in comparison_table(results).rows]
    assert best == [True, False, False]


def test_the_paper_stands_beside_a_result_of_its_protocol(
    write_result: Callable[..., Path],
) -> None:
    result = read_result(write_result(protocol="urdu_10fold", corpus="urdu"))

    assert ["emotion2vec, paper (Table 4)", "81.50", "81.87", "81.60", "\u2013"] in texts(
        comparison_table([result])
    )


def test_the_papers_rows_stand_last_and_are_counted(write_result: Callable[..., Path]) -> None:
    table = comparison_table([read_result(write_result(protocol="urdu_10fold", corpus="urdu"))])

    assert table.num_paper_rows == len(table.rows) - 1 > 3
    assert all(", paper (Table 4)" in row[0].text for row in table.rows[1:])


def test_a_result_of_the_papers_features_is_set_against_the_papers_figure(
    write_result: Callable[..., Path],
) -> None:
    task = {"protocol": "urdu_10fold", "corpus": "urdu"}
    results = [
        read_result(write_result("a", name="emotion2vec", wa=80.0, **task)),
        read_result(write_result("b", name="logmel", wa=80.0, **task)),
    ]

    ours, other = comparison_table(results).rows[:2]
    assert ours[1].lines == ("paper 81.50 (\u22120.50)",)
    assert ours[1].detail == "the paper's figure: Table 4"
    assert other[1].lines == ()


@pytest.mark.parametrize("changes", [{"synthetic": True}, {"num_utterances": 40}])
def test_what_is_not_the_papers_speech_is_not_set_against_its_figure(
    write_result: Callable[..., Path], changes: dict
) -> None:
    result = read_result(
        write_result(name="emotion2vec", protocol="urdu_10fold", corpus="urdu", **changes)
    )

    assert [cell.lines for cell in comparison_table([result]).rows[0][1:4]] == [(), (), ()]


def test_starred_rows_of_the_paper_stand_beside_starred_results_only(
    write_result: Callable[..., Path],
) -> None:
    task = {"protocol": "iemocap_5fold", "corpus": "iemocap"}
    honest = read_result(write_result("a", **task))
    starred = read_result(write_result("b", valid_is_test=True, **task))

    names = [{row[0].text for row in comparison_table(one).rows} for one in ([honest], [starred])]
    assert "emotion2vec, paper (Table 2)" in names[0] - names[1]
    assert "emotion2vec*, paper (Table 2)" in names[1] - names[0]


def test_a_part_of_a_corpus_is_marked(write_result: Callable[..., Path]) -> None:
    parts = [("a", 120), ("b", 400)]
    results = [
        read_result(write_result(name, corpus="urdu", num_utterances=number))
        for name, number in parts
    ]

    assert [row[0].badges for row in comparison_table(results).rows] == [("PARTIAL 120/400",), ()]


@pytest.mark.parametrize(
    ("protocol", "headers"),
    [
        ("iemocap_epc", ["UAR %", "Macro F1 %", "WA %", "WF1 %"]),
        ("cmu_mosi", ["WF1 %", "WA %", "UA %"]),
        ("iemocap_5fold", ["WA %", "UA %", "WF1 %"]),
        ("unheard_of", ["WA %", "UA %", "WF1 %"]),
    ],
)
def test_a_protocols_metrics_are_the_papers_first(
    write_result: Callable[..., Path], protocol: str, headers: list[str]
) -> None:
    result = read_result(write_result(protocol=protocol))

    assert list(comparison_table([result]).headers[1:-1]) == headers


def test_a_metric_that_a_result_lacks_is_a_dash(write_result: Callable[..., Path]) -> None:
    row = comparison_table([read_result(write_result(protocol="iemocap_epc"))]).rows[0]

    assert [cell.text for cell in row[1:3]] == ["\u2013", "\u2013"]


def test_at_a_glance_has_a_row_a_protocol_and_a_column_for_each_features(
    write_result: Callable[..., Path],
) -> None:
    results = [
        read_result(write_result("a", name="x", wa=50.0)),
        read_result(write_result("b", name="y", wa=40.0)),
        read_result(write_result("c", name="x", wa=30.0, protocol="meld")),
        read_result(write_result("d", name="x", wa=90.0, protocol="meld", valid_is_test=True)),
    ]
    groups = group_by_task(results)

    table = glance_table(groups, {task: f"t{index}" for index, task in enumerate(groups)})

    assert table.headers == ("Protocol", "x", "y")
    assert texts(table) == [
        ["quickstart_speaker", "51.00", "41.00"],
        ["meld", "31.00", "\u2013"],
    ]
    assert [row[0].target for row in table.rows] == ["t0", "t1"]
    assert [cell.best for cell in table.rows[0]] == [False, True, False]


def test_at_a_glance_has_no_more_columns_than_fit(write_result: Callable[..., Path]) -> None:
    results = [read_result(write_result(f"r{index}", name=f"n{index}")) for index in range(10)]
    groups = group_by_task(results)

    table = glance_table(groups, dict.fromkeys(groups, "t"))

    assert len(table.headers) == 9
    assert "2 further feature names are in the sections only" in table.note


def test_results_of_different_protocols_are_not_compared(write_result: Callable[..., Path]) -> None:
    results = [
        read_result(write_result("a")),
        read_result(write_result("b", protocol="urdu_10fold")),
    ]

    assert list(group_by_task(results)) == [
        ("folder", "quickstart_speaker"),
        ("folder", "urdu_10fold"),
    ]


def test_every_fold_and_seed_has_a_row(write_result: Callable[..., Path]) -> None:
    table = fold_table(read_result(write_result(wa=61.25)))

    assert [row[:2] for row in texts(table)] == [
        [str(f), str(s)] for f in range(3) for s in range(2)
    ]
    assert texts(table)[-1] == ["2", "1", "63.25", "62.25", "60.25", "62.25", "59.25", "64.25", "9"]


def test_provenance_names_checkpoint_commit_and_versions(write_result: Callable[..., Path]) -> None:
    rows = dict(texts(provenance_table(read_result(write_result()))))

    assert rows["features: checkpoint: sha256"] == "ab" * 32
    assert rows["git commit"] == "0123456789abcdef"
    assert rows["versions: torch"] == "2.13.0"
    assert rows["seconds"] == "12.5"
    assert rows["features: skipped files"] == "0"
