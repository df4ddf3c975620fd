"""What every benchmark writes: a table in Markdown and, where asked, JSON.

In: rows, measurements. Out: text, a file.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SHARED_MACHINE = (
    "shared machine: times are longer than on an idle one, ratios within a round are not"
)


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a Markdown table; floats get three significant digits, NaN a dash."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_json(path: Path | None, content: Mapping[str, Any]) -> None:
    """Write a result where asked."""
    if path is not None:
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
