from collections.abc import Callable
from pathlib import Path

from emotion2vec.report.records import read_result
from emotion2vec.report.tables import comparison_table, fold_table, group_by_task, provenance_table


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
