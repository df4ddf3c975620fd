"""Writes the tables: our figures beside the paper's and the difference, what is missing by name.

In: `Plan`, `Outcome`s. Out: `table_04.md` and `.json` for each table, `tables.md` of all. The paper's figures are never
ours: each stands in a column of its own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion2vec.files import write_text
from emotion2vec.report.paper import Column, PaperTable
from emotion2vec.report.records import ProbeResult, read_result
from emotion2vec.report.tables import SYNTHETIC_BADGE
from emotion2vec.report.uncertainty import StoredIntervals, stored_intervals
from emotion2vec.reproduction.cells import PARTIAL_BADGE, POOLED_BADGE, Plan, TableRow
from emotion2vec.reproduction.execute import Outcome

SCHEMA_VERSION = 1
_DASH = "\u2013"
_NOT_THE_PAPERS = (SYNTHETIC_BADGE, PARTIAL_BADGE, POOLED_BADGE)
_INTRODUCTION = (
    "Ours: mean \u00b1 standard deviation over seeds of the mean over folds, in percent. Paper: what the paper prints. "
    "Difference: ours less the paper's, in points; none where ours is SYNTHETIC, PARTIAL or ONE VECTOR AN UTTERANCE, "
    "so of other data than the paper's."
)


@dataclass(frozen=True)
class Figure:
    """One metric of one cell, in percent.

    Attributes:
        metric: Its name.
        mean: Our mean over seeds; None without a result.
        std: Our standard deviation over seeds.
        ends: Our interval; None where the result has none.
        paper: The paper's figure; None where it prints none.
        is_comparable: Both are of the same data.
    """

    metric: str
    mean: float | None
    std: float | None
    ends: tuple[float, float] | None
    paper: float | None
    is_comparable: bool

    @property
    def difference(self) -> float | None:
        """Ours less the paper's, in points; None where they are not to be compared."""
        if self.mean is None or self.paper is None or not self.is_comparable:
            return None
        return self.mean - self.paper

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the table's JSON."""
        ours = None
        if self.mean is not None:
            ours = {"mean": self.mean, "std": self.std, "interval": list(self.ends or ()) or None}
        return {"ours": ours, "paper": self.paper, "difference": _round(self.difference)}


@dataclass(frozen=True)
class TableCell:
    """One row's evaluation under one protocol.

    Attributes:
        row: The row.
        column: The protocol.
        figures: Its metrics.
        outcome: What became of it; None where only the paper has it.
        result: The result; None without one.
    """

    row: TableRow
    column: Column
    figures: tuple[Figure, ...]
    outcome: Outcome | None
    result: ProbeResult | None

    def as_json(self, out: Path) -> dict[str, Any]:
        """Return it as it stands in the table's JSON; the result's path is relative to the table's folder."""
        outcome, result = self.outcome, self.result
        return {
            "protocol": self.column.protocol,
            "cell": outcome.cell.name if outcome else None,
            "state": outcome.state if outcome else "paper only",
            "reason": outcome.reason if outcome else "",
            "badges": list(outcome.cell.badges) if outcome else [],
            "metrics": {figure.metric: figure.as_json() for figure in self.figures},
            "num_folds": result.num_folds if result else None,
            "num_seeds": result.num_seeds if result else None,
            "result": f"../{result.path.relative_to(out).as_posix()}" if result else None,
        }


def write_tables(plan: Plan, outcomes: Sequence[Outcome], out: Path) -> list[Path]:
    """Write every table of a plan.

    Args:
        plan: What was asked for.
        outcomes: What became of its cells.
        out: Folder of the reproduction; the files go to `tables` in it.

    Returns:
        The Markdown files, that of all tables last.

    Raises:
        ReportError: A result cannot be read.
    """
    by_name = {outcome.cell.name: outcome for outcome in outcomes}
    folder, introduction = out / "tables", _introduction(plan)
    folder.mkdir(parents=True, exist_ok=True)
    read: dict[Path, ProbeResult] = {}
    written, texts = [], []
    for table, rows in plan.tables:
        cells = list(_table_cells(table, rows, by_name, read))
        number = table.number
        stem = f"table_{int(number):02d}" if number.isdigit() else f"table_{number}"
        text = _markdown(table, cells)
        write_text(folder / f"{stem}.md", f"# {table.heading}\n\n{introduction}\n\n{text}")
        contents = {**_json(table, cells, out), "overrides": list(plan.overrides)}
        write_text(
            folder / f"{stem}.json", json.dumps(contents, indent=1, ensure_ascii=False) + "\n"
        )
        texts.append(f"## {table.heading}\n\n{text}")
        written.append(folder / f"{stem}.md")
    if texts:
        written.append(folder / "tables.md")
        write_text(written[-1], "\n".join(["# Tables", "", introduction, "", *texts]))
    return written


def _introduction(plan: Plan) -> str:
    """Explain the columns, and name every setting that is not the protocols' own."""
    if not plan.overrides:
        return _INTRODUCTION
    changed = ", ".join(f"`{override}`" for override in plan.overrides)
    return f"{_INTRODUCTION}\n\nSettings given for this run, instead of the protocols': {changed}."


def _table_cells(
    table: PaperTable,
    rows: Sequence[TableRow],
    by_name: Mapping[str, Outcome],
    read: dict[Path, ProbeResult],
) -> Iterator[TableCell]:
    groups = list(dict.fromkeys(row.row.group for row in rows))
    ordered = sorted(rows, key=lambda row: groups.index(row.row.group))
    for column in table.columns:
        for row in ordered:
            outcome = by_name.get(row.cells.get(column.protocol, ""))
            if outcome is None and column.protocol not in row.row.figures:
                continue
            result = None
            if outcome is not None and outcome.result is not None:
                path = outcome.result
                result = read[path] = read.get(path) or read_result(path)
            badges = outcome.cell.badges if outcome else ()
            is_comparable = not any(badge.startswith(_NOT_THE_PAPERS) for badge in badges)
            figures = _figures(column, row, result, is_comparable=is_comparable)
            yield TableCell(row, column, figures, outcome, result)


def _figures(
    column: Column, row: TableRow, result: ProbeResult | None, *, is_comparable: bool
) -> tuple[Figure, ...]:
    paper = row.row.figures.get(column.protocol, {})
    intervals = stored_intervals(result) if result else None
    figures = []
    for metric in column.metrics:
        ours = result.raw["summary"][metric] if result else {"mean": None, "std": None}
        ends = intervals.ends.get(metric) if intervals else None
        figures.append(
            Figure(
                metric=metric,
                mean=ours["mean"],
                std=ours["std"],
                ends=ends,
                paper=paper.get(metric),
                is_comparable=is_comparable,
            )
        )
    return tuple(figures)


def _json(table: PaperTable, cells: Sequence[TableCell], out: Path) -> dict[str, Any]:
    rows: dict[tuple[str, bool, str], dict[str, Any]] = {}
    for cell in cells:
        row = cell.row.row
        entry = rows.setdefault(
            (row.key, row.starred, row.inputs),
            {"key": row.key, "title": row.title, "group": row.group, "starred": row.starred,
             "inputs": row.inputs, "in_paper": bool(row.figures), "cells": []},
        )  # fmt: skip
        entry["cells"].append(cell.as_json(out))
    return {
        "schema_version": SCHEMA_VERSION,
        "table": table.number,
        "title": table.title,
        "note": table.note,
        "protocols": [column.protocol for column in table.columns],
        "rows": list(rows.values()),
    }


def _markdown(table: PaperTable, cells: Sequence[TableCell]) -> str:
    """Lay out a block for each protocol, then what is missing."""
    parts = []
    for column in table.columns:
        shown = [cell for cell in cells if cell.column == column]
        parts.append(f"### {column.title} (`{column.protocol}`)\n\n{_block(column, shown)}")
    missing = [
        f"- `{cell.outcome.cell.name}` {cell.outcome.state}: {cell.outcome.reason or 'not run yet'}"
        for cell in cells
        if cell.outcome is not None and cell.result is None
    ]
    if missing:
        parts.append("Without a result of ours:\n\n" + "\n".join(dict.fromkeys(missing)) + "\n")
    if table.note:
        parts.append(f"{_escaped(table.note)}\n")
    return "\n".join(parts)


def _block(column: Column, cells: Sequence[TableCell]) -> str:
    header = ["Features"]
    for metric in column.metrics:
        header += [f"{metric.replace('_', ' ')} %, ours", "paper", "difference"]
    lines = [[*header, "folds \u00d7 seeds", ""], ["---", *["---:"] * (len(header)), "---"]]
    group = ""
    for cell in cells:
        if cell.row.row.group != group:
            group = cell.row.row.group
            lines.append([f"*{group}*", *[""] * (len(header) + 1)])
        lines.append(_line(cell))
    brackets = {one.sentence(): None for one in map(_intervals, cells) if one}
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{text}\n{' '.join(brackets)}\n" if brackets else text


def _line(cell: TableCell) -> list[str]:
    values = [_escaped(cell.row.row.title)]
    for figure in cell.figures:
        values += [_ours(figure), _number(figure.paper), _number(figure.difference, sign=True)]
    result = cell.result
    count = f"{result.num_folds} \u00d7 {result.num_seeds}" if result else _DASH
    badges = cell.outcome.cell.badges if cell.outcome and result else ()
    state = cell.outcome.state if cell.outcome and not result else ""
    return [*values, count, ", ".join(f"**{badge}**" for badge in badges) or state]


def _ours(figure: Figure) -> str:
    if figure.mean is None or figure.std is None:
        return _DASH
    ends = f" [{figure.ends[0]:.2f}, {figure.ends[1]:.2f}]" if figure.ends else ""
    return f"{figure.mean:.2f} \u00b1 {figure.std:.2f}{ends}"


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return _DASH
    return f"{value:+.2f}" if sign else f"{value:.2f}"


def _intervals(cell: TableCell) -> StoredIntervals | None:
    return stored_intervals(cell.result) if cell.result else None


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
