"""What a reproduction has written."""

import json
from pathlib import Path
from typing import Any


def table(folder: Path, number: str) -> dict[str, Any]:
    contents: dict[str, Any] = json.loads((folder / f"out/tables/table_{number}.json").read_text())
    return contents


def cell(folder: Path, number: str, key: str, protocol: str) -> dict[str, Any]:
    rows = [row for row in table(folder, number)["rows"] if row["key"] == key]
    (found,) = [one for row in rows for one in row["cells"] if one["protocol"] == protocol]
    return dict(found)


def result(folder: Path, name: str) -> dict[str, Any]:
    contents: dict[str, Any] = json.loads((folder / "out/cells" / name / "result.json").read_text())
    return contents
