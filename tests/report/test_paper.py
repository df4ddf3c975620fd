"""The paper's figures as data: complete, of known protocols and metrics, and equal to a second transcription."""

import pytest
import yaml

from emotion2vec.probe.results import METRICS
from emotion2vec.report.paper import INPUTS, PaperTable, paper_figures, paper_tables
from tests.architecture.sources import ROOT

TABLES = paper_tables()
PROTOCOLS = {path.stem for path in (ROOT / "config" / "probe").glob("*.yaml")}
# figures that each table prints, counted in the paper
NUM_FIGURES = {
    "2": 18 + 2, "3": 45, "4": 135, "5": 33 - 7, "6": 22, "7": 12, "8": 9, "9": 15, "10": 9, "11": 12,
    "speaker": 0, "superb": 0,
}  # fmt: skip

# read off the paper a second time: table, title, then each figure from left to right
SECOND_READING = """
2 Vesper-12 70.70
2 emotion2vec 71.79 72.94
2 emotion2vec* 74.48 77.64
2 WavLM+ 67.98
3 WavLM-base 46.95 16.34 35.16 37.01 37.11 36.08 42.08 38.46 38.93
3 emotion2vec 51.88 28.03 48.70 82.43 82.86 82.39 84.38 82.30 84.45
4 data2vec 56.67 57.26 56.57 57.10 57.68 57.36 49.42 49.77 48.97 67.17 64.81 66.52 51.21 51.97 49.82 44.44 21.10 37.77 78.29 78.25 78.21 70.80 53.96 69.84 71.75 72.67 71.83
4 emotion2vec 72.33 72.27 71.57 74.52 75.26 74.53 64.75 65.04 64.53 84.34 84.85 84.32 61.21 62.97 60.89 49.15 26.98 44.38 90.91 90.96 90.91 79.97 66.04 79.56 81.50 81.87 81.60
5 WavLM-base+ 54.9 53.9 54.2
5 L3-Net 71.0
5 emotion2vec 85.0 85.2 84.8
6 Speech:emotion2vec 77.19 76.71
6 Text:Shi_et_al._(2023) 77.30 76.67
6 Speech_+_text:emotion2vec 81.68 80.75
7 Whisper_encoder 65.41 74.75 64.93 76.46
7 emotion2vec 69.16 76.56
8 cold_start 61.34 62.71 61.19
8 from_data2vec 70.2 70.93 70.11
9 both_losses,_utterance_tokens_with_frames 71.37 72.69 71.29
9 utterance_loss_only,_utterance_tokens 28.96 25.0 13.13
10 global 70.30 71.52 70.18
11 0.1 71.06 72.16 71.08
11 1 72.14 72.84 72.13
"""  # noqa: E501


def _figures(table: PaperTable) -> list[float]:
    return [
        value for row in table.rows for column in row.figures.values() for value in column.values()
    ]


@pytest.mark.parametrize("line", SECOND_READING.strip().splitlines())
def test_a_row_read_off_the_paper_a_second_time_is_the_same(line: str) -> None:
    number, title, *figures = line.split()
    group, _, own = title.replace("_", " ").rpartition(":")
    table = TABLES[number]
    found = [
        value
        for row in table.rows
        if row.title == own and (not group or row.group == group)
        for column in table.columns
        for value in row.figures.get(column.protocol, {}).values()
    ]
    assert found == [float(figure) for figure in figures]


def test_all_ten_tables_are_there_in_order_and_two_beyond_the_paper() -> None:
    assert list(TABLES) == [*map(str, range(2, 12)), "speaker", "superb"]


@pytest.mark.parametrize("number", TABLES)
def test_a_table_has_as_many_figures_as_the_paper_prints(number: str) -> None:
    assert len(_figures(TABLES[number])) == NUM_FIGURES[number]


@pytest.mark.parametrize("number", TABLES)
def test_every_column_is_a_protocol_and_every_metric_known(number: str) -> None:
    for column in TABLES[number].columns:
        assert column.protocol in PROTOCOLS
        assert column.metrics
        assert set(column.metrics) <= set(METRICS)


@pytest.mark.parametrize("number", TABLES)
def test_rows_are_told_apart_and_every_figure_is_a_percentage(number: str) -> None:
    table = TABLES[number]
    places = [(row.key, row.starred, row.inputs) for row in table.rows]
    assert len(set(places)) == len(places)
    names = [table.row_name(row) for row in table.rows]
    assert len(set(names)) == len(names)
    assert all(row.inputs in INPUTS for row in table.rows)
    assert all(0 < value < 100 for value in _figures(table))
    assert all(set(row.figures) <= {c.protocol for c in table.columns} for row in table.rows)


def test_the_misprint_of_table_4_is_read_as_wa_and_said() -> None:
    assert {column.metrics for column in TABLES["4"].columns} == {("WA", "UA", "WF1")}
    assert "calls the first figure of the third column (RESD, M3ED, URDU) WF1" in TABLES["4"].note


def test_every_random_protocol_of_the_paper_has_its_speaker_independent_variant() -> None:
    variants = {column.protocol.split("fold")[0] for column in TABLES["speaker"].columns}
    shared = {
        column.protocol
        for number in ("3", "4", "5")
        for column in TABLES[number].columns
        if _rule(column.protocol) == "random_kfold"
    }
    corpora = {protocol.rpartition("_")[0] for protocol in shared}
    assert {variant.rpartition("_")[0] for variant in variants} == corpora
    assert all(
        _rule(c.protocol) in ("group_kfold", "leave_one_group_out")
        for c in TABLES["speaker"].columns
    )


def test_figures_of_a_protocol_name_row_and_table() -> None:
    honest = dict(paper_figures("iemocap_5fold", starred=False))
    assert honest["emotion2vec, paper (Table 2)"] == {"WA": 71.79}
    assert honest["Utterance loss: chunk, paper (Table 10)"] == {
        "WA": 71.79,
        "UA": 72.69,
        "WF1": 71.80,
    }
    assert "emotion2vec*, paper (Table 2)" not in honest
    assert paper_figures("iemocap_5fold", starred=True) == [
        ("emotion2vec*, paper (Table 2)", {"WA": 74.48})
    ]
    assert paper_figures("urdu_10fold_speaker", starred=False) == []


def test_rows_of_one_title_are_named_with_their_group() -> None:
    names = [name for name, _ in paper_figures("cmu_mosi", starred=False)]
    assert "Base size: WavLM, paper (Table 7)" in names
    assert "Large size: WavLM, paper (Table 7)" in names
    assert "data2vec, paper (Table 7)" in names


def _rule(protocol: str) -> str:
    path = ROOT / "config" / "probe" / f"{protocol}.yaml"
    return str(yaml.safe_load(path.read_text("utf-8"))["rule"])
