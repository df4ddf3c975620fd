"""Header and tables of a database in audformat, read without running anything that they hold.

In: folder with `db.yaml` and `db.<table>.csv` or `.parquet`. Out: places (file, start, end) with their values, for
`audformat.py`. The library's own loader would unpickle `db.<table>.pkl` and build any object that the header asks for.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from emotion2vec.errors import CorpusError

logger = logging.getLogger(__name__)

HEADER_FILE = "db.yaml"
# in this order: the library too prefers parquet
_SUFFIXES = (".parquet", ".csv")
_MALFORMED = (AttributeError, AssertionError, KeyError, OSError, TypeError, ValueError)


@dataclass(frozen=True)
class Place:
    """What a row of a table is about: a file, or a stretch of one.

    Attributes:
        file: Path as the table gives it.
        start_ns: Start of the stretch in nanoseconds.
        end_ns: Its end; None is the file's end.
    """

    file: str
    start_ns: int = 0
    end_ns: int | None = None

    @property
    def is_file(self) -> bool:
        """True where the row is about the whole file."""
        return self.start_ns == 0 and self.end_ns is None


def read_header(root: Path) -> dict[str, Any] | None:
    """Read `db.yaml`; None when there is none.

    Raises:
        CorpusError: It is not plain YAML, or not the header of a database.
    """
    path = root / HEADER_FILE
    if not path.is_file():
        return None
    try:
        header = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        text = " ".join(str(error).split())
        raise CorpusError(
            f"{path}: not a plain YAML file ({text}); download the database again"
        ) from error
    if not isinstance(header, dict) or not isinstance(header.get("name"), str):
        raise CorpusError(f"{path}: not the header of an audformat database: it has no name")
    for part in ("schemes", "tables", "misc_tables", "splits"):
        entries = header.get(part) or {}
        if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
            raise CorpusError(f"{path}: {part} must name entries, but is {header[part]!r}")
        header[part] = {str(name): entry for name, entry in entries.items()}
    return header


@dataclass
class Tables:
    """Tables of a database, read when they are asked for.

    Attributes:
        root: Folder of the database.
        header: What `read_header` returned.
    """

    root: Path
    header: Mapping[str, Any]
    _database: Any = field(init=False, repr=False)
    _loaded: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        import audformat

        # without their labels: the library drops values silently that a scheme does not list
        schemes = {
            name: {key: value for key, value in scheme.items() if key != "labels"}
            for name, scheme in self.header["schemes"].items()
        }
        try:
            self._database = audformat.Database.load_header_from_yaml(
                {**self.header, "schemes": schemes}
            )
        except _MALFORMED as error:
            raise CorpusError(
                f"{self.root / HEADER_FILE}: not a header that audformat understands ({error}); "
                "download the database again"
            ) from error

    def columns(self, scheme: str) -> dict[str, list[str]]:
        """Return the tables that hold values of a scheme, with the columns that do."""
        found = {}
        for name, table in self.header["tables"].items():
            columns = (table.get("columns") or {}).items()
            found[name] = [
                c for c, entry in columns if scheme in (c, (entry or {}).get("scheme_id"))
            ]
        return {name: names for name, names in found.items() if names}

    def values(self, table: str, column: str) -> dict[Place, Any]:
        """Return a column's values by place; None where it has none."""
        return {
            _place(entry): None if _is_missing(value) else value
            for entry, value in self._read(table)[column].items()
        }

    def misc_rows(self, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the rows of a miscellaneous table: key, and value of each column that has one."""
        frame = self._read(table)
        for key, row in zip(frame.index, frame.to_dict("records"), strict=True):
            yield str(key), {name: v for name, v in row.items() if not _is_missing(v)}

    def _read(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _read_table(self.root, self._database, name)
        return self._loaded[name]


def _read_table(root: Path, database: Any, name: str) -> Any:
    """Read one table from CSV or parquet.

    The library takes a pickle where there is one: it is shown a folder that holds the other file only.
    """
    if Path(name).name != name:
        raise CorpusError(f"{root / HEADER_FILE}: {name!r} is not a table's name")
    files = [root / f"db.{name}{suffix}" for suffix in _SUFFIXES]
    source = next((path for path in files if path.is_file()), None)
    if source is None:
        raise CorpusError(f"{root}: {_no_table(root, name)}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / source.name).symlink_to(source.resolve())
        table = database[name]
        try:
            table.load(str(Path(folder) / f"db.{name}"))
        except _MALFORMED as error:
            text = " ".join(str(error).split())
            raise CorpusError(
                f"{source}: not the table that {HEADER_FILE} describes ({text}); download the database again"
            ) from error
    twice = table.df.index[table.df.index.duplicated()]
    if len(twice):
        raise CorpusError(f"{source}: {twice[0]} is listed twice; download the database again")
    return table.df


def _no_table(root: Path, name: str) -> str:
    if (root / f"db.{name}.pkl").is_file():
        return (
            f"table {name!r} is there as a pickle only (db.{name}.pkl), which is not read because loading it may run "
            "any program; save it as CSV, with audformat's own `table.save(..., storage_format='csv')`, if you trust it"
        )
    return f"table {name!r} is neither db.{name}.parquet nor db.{name}.csv; download the database again"


def _place(entry: Any) -> Place:
    """Read a row's index: a file, or file, start and end as pandas' time deltas."""
    if isinstance(entry, str):
        return Place(entry)
    file, start, end = entry
    start_ns = 0 if _is_missing(start) else _nanoseconds(start)
    return Place(str(file), start_ns, None if _is_missing(end) else _nanoseconds(end))


def _nanoseconds(delta: Any) -> int:
    return int(delta.as_unit("ns").value)


def _is_missing(value: Any) -> bool:
    """Tell NaN, NaT, NA and None from values, without pandas: the first two are unlike themselves."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)  # noqa: PLR0124
