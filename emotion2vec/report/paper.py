"""The paper's tables as data: which protocols and features each compares, and every figure that it prints.

In: the YAML files of `paper_tables/`. Out: `PaperTable`s for `reproduction/`, figures to show beside results for
`tables.py`. They are the paper's figures, never results of this program. Paper: Tables 2 to 11.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

_FOLDER = Path(__file__).parent / "paper_tables"

# what the head is given; the last three are those of emotion prediction in conversation
INPUTS = ("frames", "utterance", "both", "speech", "text", "speech+text")


@dataclass(frozen=True)
class Column:
    """One evaluation of a table.

    Attributes:
        protocol: Name of the protocol, a file of `config/probe/`.
        title: Heading.
        metrics: Metrics that the paper prints for it, of `WA`, `UA`, `WF1`, `UAR`, `macro_F1`.
    """

    protocol: str
    title: str
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        key: Name of the features; rows of one model with other inputs share it.
        title: What the table calls it.
        group: Heading above the row; empty where there is none.
        starred: The epoch is chosen on the test part, the paper's rows with *.
        inputs: What the head is given, one of `INPUTS`.
        reported_only: Taken by the paper from another publication whose model has no features to extract.
        figures: Protocol -> metric -> the paper's figure in percent.
    """

    key: str
    title: str
    group: str
    starred: bool
    inputs: str
    reported_only: bool
    figures: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class PaperTable:
    """One table.

    Attributes:
        number: The paper's number, or a name of a table beyond the paper.
        title: What it shows.
        columns: Its evaluations.
        rows: Its rows; empty for a table beyond the paper.
        note: What a reader should know about the paper's figures.
        is_ablation: It compares settings of pre-training, not models.
    """

    number: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str
    is_ablation: bool

    @property
    def heading(self) -> str:
        """Number and title; a table beyond the paper has a title only."""
        return f"Table {self.number}: {self.title}" if self.number.isdigit() else self.title

    def row_name(self, row: Row) -> str:
        """Name a row outside its table: with its group where the title alone does not tell."""
        count = Counter(other.title for other in self.rows)
        is_clear = count[row.title] == 1 and not self.is_ablation
        return row.title if is_clear else f"{row.group}: {row.title}"


@cache
def paper_tables() -> dict[str, PaperTable]:
    """Return all tables: `2` to `11` as in the paper, then those beyond it, `speaker` and `superb`."""
    tables = [_read_table(path) for path in sorted(_FOLDER.glob("*.yaml"))]
    order = {table.number: index for index, table in enumerate(tables)}
    # the files' names sort the paper's numbers behind the names beyond the paper
    numbers = sorted(order, key=lambda number: (not number.isdigit(), order[number]))
    by_number = {table.number: table for table in tables}
    return {number: by_number[number] for number in numbers}


def paper_figures(protocol: str, *, starred: bool) -> list[tuple[str, dict[str, float]]]:
    """List what the paper prints for a protocol.

    Args:
        protocol: Its name.
        starred: The rows whose epoch is chosen on the test part, or the others.

    Returns:
        For each row its name with the table's number, and metric -> figure in percent.
    """
    return [
        (f"{table.row_name(row)}, paper (Table {table.number})", dict(row.figures[protocol]))
        for table in paper_tables().values()
        for row in table.rows
        if row.starred == starred and protocol in row.figures
    ]


def _read_table(path: Path) -> PaperTable:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    columns = tuple(
        Column(**{**column, "metrics": tuple(column["metrics"])}) for column in raw["columns"]
    )
    metrics = {column.protocol: column.metrics for column in columns}
    return PaperTable(
        number=raw["number"],
        title=raw["title"],
        columns=columns,
        rows=tuple(_read_row(row, metrics) for row in raw["rows"]),
        note=raw.get("note", ""),
        is_ablation=raw.get("is_ablation", False),
    )


def _read_row(raw: Mapping[str, Any], metrics: Mapping[str, tuple[str, ...]]) -> Row:
    figures = {
        protocol: {
            metric: float(value)
            for metric, value in zip(metrics[protocol], values, strict=True)
            if value is not None
        }
        for protocol, values in raw["figures"].items()
    }
    return Row(
        key=raw["key"],
        title=raw["title"],
        group=raw.get("group", ""),
        starred=raw.get("starred", False),
        inputs=raw.get("inputs", "frames"),
        reported_only=raw.get("reported_only", False),
        figures=figures,
    )
