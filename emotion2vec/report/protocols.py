"""What the paper says of a protocol: in which table it is, which metrics it prints, its figure beside a result's.

In: names of protocols. Out: headings, metrics and figures for `tables.py` and `html.py`. Paper: Tables 2 to 11.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emotion2vec.report.paper import PaperTable, Row, paper_tables
from emotion2vec.report.records import ALL_METRICS, METRICS, ProbeResult

BEYOND = "Other protocols"

_TITLES = {"macro_F1": "Macro F1", "valid_WA": "Validation WA"}


@dataclass(frozen=True)
class PaperFigure:
    """A figure that the paper prints.

    Attributes:
        value: Percent.
        table: Number of the table.
    """

    value: float
    table: str


def metric_title(metric: str) -> str:
    """Write a metric's name as a heading.

    >>> metric_title("macro_F1")
    'Macro F1 %'
    """
    return _TITLES.get(metric, metric) + " %"


def shown_metrics(protocol: str) -> tuple[str, ...]:
    """List a protocol's metrics: those of the paper's table first, then WA, UA and WF1.

    UA is left out where UAR is shown: they are one figure on one test set.

    >>> shown_metrics("iemocap_epc"), shown_metrics("cmu_mosi")
    (('UAR', 'macro_F1', 'WA', 'WF1'), ('WF1', 'WA', 'UA'))
    """
    printed = next((set(_printed(table, protocol)) for table in tables_of(protocol)), set())
    if printed <= set(METRICS) and "WA" in printed:
        return METRICS
    first = tuple(metric for metric in ALL_METRICS if metric in printed)
    rest = (metric for metric in METRICS if metric not in printed)
    return (*first, *(metric for metric in rest if metric != "UA" or "UAR" not in printed))


def main_metric(results: Sequence[ProbeResult]) -> str:
    """Return the first of a protocol's metrics that all its results hold."""
    metrics = shown_metrics(results[0].protocol)
    return next(metric for metric in metrics if all(metric in result.summary for result in results))


def tables_of(protocol: str) -> tuple[PaperTable, ...]:
    """Return the tables that have a column of a protocol, in the paper's order."""
    return tuple(
        table
        for table in paper_tables().values()
        if any(column.protocol == protocol for column in table.columns)
    )


def heading_of(protocol: str) -> str:
    """Return the heading under which a protocol stands: its first table's."""
    tables = tables_of(protocol)
    return tables[0].heading if tables else BEYOND


def column_of(protocol: str) -> int:
    """Return the position of a protocol's column in its first table; 0 for a protocol of no table."""
    tables = tables_of(protocol)
    return [column.protocol for column in tables[0].columns].index(protocol) if tables else 0


def further_tables(protocol: str) -> tuple[str, ...]:
    """Return the numbers of the tables behind the first that have the protocol too."""
    return tuple(table.number for table in tables_of(protocol)[1:] if table.number.isdigit())


def paper_figure(result: ProbeResult, metric: str) -> PaperFigure | None:
    """Return the paper's figure for the features that a result is named after; None where it prints none.

    A result's counterpart has the same name (a row's title, or its key), the same inputs of the head, and chose its
    epoch on the same part. Speech of another kind, or another size of the corpus, has no counterpart.
    """
    if result.synthetic or partial_corpus(result) is not None:
        return None
    for table in tables_of(result.protocol):
        for row in table.rows:
            value = row.figures.get(result.protocol, {}).get(metric)
            if value is not None and _is_counterpart(result, table, row):
                return PaperFigure(value, table.number)
    return None


def partial_corpus(result: ProbeResult) -> tuple[int, int] | None:
    """Return how many utterances a result has and the corpus' release, where that is clearly less; else None."""
    from emotion2vec.corpora.registry import all_corpora

    have = result.raw.get("num_utterances")
    corpus = all_corpora().get(result.corpus)
    if corpus is None or not isinstance(have, int) or "num_utterances_heard" in result.raw:
        return None
    whole = corpus.card.release.utterances
    # some are always skipped or of a label that the protocol leaves out
    return (have, whole) if whole and have < 0.9 * whole else None


def _printed(table: PaperTable, protocol: str) -> tuple[str, ...]:
    return next(column.metrics for column in table.columns if column.protocol == protocol)


def _is_counterpart(result: ProbeResult, table: PaperTable, row: Row) -> bool:
    if row.starred != result.starred or row.inputs != result.inputs:
        return False
    names = {row.key, row.title, row.title.removesuffix("*"), table.row_name(row)}
    return _plain(result.name) in {_plain(name) for name in names}


def _plain(name: str) -> str:
    """Write names that differ in spelling only alike.

    >>> _plain("WavLM-base"), _plain("wavlm_base")
    ('wavlm base', 'wavlm base')
    """
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
