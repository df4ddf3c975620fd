"""Read the text files that come with a release: label tables and transcripts.

In: path of a text, CSV or JSON file. Out: its text, its rows with their line numbers, its JSON value, text on one line.
Old releases are not all UTF-8: what is not is read as Windows-1252.
"""

import csv
import io
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emotion2vec.errors import CorpusError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        where: File and line, for errors.
        cells: Column -> cell without surrounding white space.
    """

    where: str
    cells: dict[str, str]


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without byte-order mark, or Windows-1252.

    Raises:
        CorpusError: It is not a text file.
    """
    data = path.read_bytes()
    # a NUL is in no text of either encoding, but in all of UTF-16
    for encoding in () if b"\x00" in data else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CorpusError(
        f"{path}: neither UTF-8 nor Windows-1252 text; save it as UTF-8, or copy it from the release again"
    )


def read_lenient(path: Path) -> str:
    """Return the text of a file as `read_text` does; a byte of neither encoding spoils its word, not the file."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def read_cells(path: Path, *, delimiter: str = ",") -> Iterator[tuple[str, list[str]]]:
    """Yield file and line, and the cells without surrounding white space, of each line that is not blank.

    Raises:
        CorpusError: It is not a CSV file.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if cells:
                yield f"{path}:{reader.line_num}", [cell.strip() for cell in cells]
    except csv.Error as error:
        raise CorpusError(f"{path}:{reader.line_num}: not a CSV table ({error})") from error


def read_rows(path: Path, columns: Iterable[str], *, delimiter: str = ",") -> Iterator[Row]:
    """Yield the rows of a CSV file with a header; blank lines are passed over.

    Args:
        path: The file.
        columns: Columns that it must have; there may be others.
        delimiter: Between the cells.

    Raises:
        CorpusError: A column is missing, or a row has another number of cells than the header.
    """
    lines = read_cells(path, delimiter=delimiter)
    _, header = next(lines, ("", []))
    absent = [name for name in columns if name not in header]
    if absent:
        between = "tabs" if delimiter == "\t" else "commas"
        raise CorpusError(
            f"{path}:1: the header {header} lacks {absent}; expected the corpus' own table, with {between} between "
            "the cells"
        )
    for where, cells in lines:
        if len(cells) != len(header):
            raise CorpusError(
                f"{where}: expected {len(header)} cells, but found {len(cells)}: {cells}"
            )
        yield Row(where, dict(zip(header, cells, strict=True)))


def read_json(path: Path) -> Any:
    """Return the value of a JSON file; a key that an object has twice is reported, the last one counts.

    Raises:
        CorpusError: It is not valid JSON.
    """
    try:
        return json.loads(read_text(path), object_pairs_hook=partial(_object, path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise CorpusError(f"{path}: not valid JSON ({error}); copy it again") from error


def _object(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make one JSON object; JSON allows a key twice and keeps the last."""
    for key, number in Counter(key for key, _ in pairs).items():
        if number > 1:
            logger.warning("%s: %r occurs %d times, the last one counts", path, key, number)
    return dict(pairs)


def one_line(text: str) -> str | None:
    r"""Return the text with single spaces in place of tabs and line breaks; None when nothing is left.

    >>> one_line(" Excuse\tme. \n")
    'Excuse me.'
    """
    return " ".join(text.split()) or None
