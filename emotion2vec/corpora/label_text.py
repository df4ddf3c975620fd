"""Read the text files that come with a release: label tables and transcripts.

In: path of a text or CSV file. Out: its text, its rows with their line numbers, text on one line. Old releases are not
all UTF-8: what is not is read as Windows-1252.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emotion2vec.errors import CorpusError


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
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CorpusError(
        f"{path}: neither UTF-8 nor Windows-1252 text; copy it from the release again"
    )


def read_rows(path: Path, columns: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of a CSV file with a header; blank lines are passed over.

    Args:
        path: The file.
        columns: Columns that it must have; there may be others.

    Raises:
        CorpusError: A column is missing, or a row has another number of cells than the header.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    header = [name.strip() for name in next(reader, [])]
    absent = [name for name in columns if name not in header]
    if absent:
        raise CorpusError(
            f"{path}:1: the header {header} lacks {absent}; is it the corpus' own table?"
        )
    for cells in reader:
        if not cells:
            continue
        where = f"{path}:{reader.line_num}"
        if len(cells) != len(header):
            raise CorpusError(
                f"{where}: expected {len(header)} cells, but found {len(cells)}: {cells}"
            )
        yield Row(where, dict(zip(header, (cell.strip() for cell in cells), strict=True)))


def one_line(text: str) -> str | None:
    r"""Return the text with single spaces in place of tabs and line breaks; None when nothing is left.

    >>> one_line(" Excuse\tme. \n")
    'Excuse me.'
    """
    return " ".join(text.split()) or None
