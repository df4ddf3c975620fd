"""Manifest folder: write it, read one split of it.

In: `Utterance` rows of `corpora/prepare.py`. Out: `<split>.tsv`, `<split>.emo`, `utterances.tsv`, `corpus.json`,
read back as `Manifest` by `dataset.py` and `features/`. `<split>.tsv` is fairseq's format, `.emo` the authors'.
"""

import json
import logging
import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import ManifestError
from emotion2vec.files import write_lines

logger = logging.getLogger(__name__)

COLUMNS = tuple(field.name for field in fields(Utterance))
# columns that every `utterances.tsv` has; the others only where the corpus knows them
FIXED_COLUMNS = COLUMNS[: COLUMNS.index("end_sample") + 1]
SPLITS = ("train", "valid", "test")
_INTEGER_COLUMNS = ("num_samples", "start_sample", "end_sample", "order", "turn")
_NUMBER_COLUMNS = ("start_s", "score")
_CARD_FILE = "corpus.json"
_TABLE_FILE = "utterances.tsv"


@dataclass(frozen=True)
class Manifest:
    """One split of a manifest folder.

    Attributes:
        name: The split, i.e. the file's name without `.tsv`.
        root: Folder that the utterances' paths are relative to.
        utterances: Rows in the file's order.
    """

    name: str
    root: Path
    utterances: tuple[Utterance, ...]


def read_manifest(tsv: Path) -> Manifest:
    """Read `<split>.tsv` with the labels of `<split>.emo` and the details of `utterances.tsv` beside it.

    Args:
        tsv: Path of the `.tsv`; the other two files are optional.

    Returns:
        The split. An utterance's id is the `.emo`'s, else that of `utterances.tsv`, else its path without suffix.

    Raises:
        ManifestError: A file is missing or malformed, or the files disagree; names file and line.
    """
    tsv = Path(tsv)
    root, rows = _read_tsv(tsv)
    labels = _read_emo(tsv.with_suffix(".emo"), [path for path, _ in rows])
    details = _read_table(tsv.parent / _TABLE_FILE, tsv.stem)
    utterances = [
        _join(f"{tsv}:{line}", path, num_samples, label, details)
        for line, ((path, num_samples), label) in enumerate(zip(rows, labels, strict=True), 2)
    ]
    _refuse_duplicates(tsv, [utterance.id for utterance in utterances])
    return Manifest(tsv.stem, root, tuple(utterances))


def read_splits(folder: Path) -> list[Manifest]:
    """Read every `.tsv` of a manifest folder that is a split, `all` first.

    Raises:
        ManifestError: The folder holds none, or one of its files is malformed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ManifestError(
            f"no manifest folder {str(folder)!r}; make one with scripts/prepare_corpus.py"
        )
    names = {tsv.stem: tsv for tsv in sorted(folder.glob("*.tsv")) if tsv.name != _TABLE_FILE}
    if not names:
        raise ManifestError(f"{folder}: holds no .tsv of a split; expected at least all.tsv")
    order = sorted(names, key=lambda name: (name != "all", name))
    return [read_manifest(names[name]) for name in order]


def read_card(folder: Path) -> dict[str, Any]:
    """Read `corpus.json` of a manifest folder; {} when it has none.

    Raises:
        ManifestError: The file is not a JSON object.
    """
    path = Path(folder) / _CARD_FILE
    if not path.is_file():
        return {}
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(
            f"{path}: not valid JSON ({error}); prepare the corpus again"
        ) from error
    if not isinstance(card, dict):
        raise ManifestError(f"{path}: must hold a JSON object, but holds {type(card).__name__}")
    return card


def write_manifest_folder(
    out: Path, *, root: Path, utterances: Iterable[Utterance], card: Mapping[str, object]
) -> None:
    """Write a manifest folder; each file appears complete or not at all.

    Args:
        out: Folder, made when missing; splits of an earlier corpus in it are removed.
        root: Folder that the paths are relative to.
        utterances: Rows; `all` holds them in this order, and each split that occurs gets files of its own.
        card: Contents of `corpus.json`.

    Raises:
        ManifestError: A row cannot be written: duplicate id, absolute path, tab or line break in a field,
            unknown split, size of 0; or there are no rows.
    """
    rows = list(utterances)
    _check_rows(out, rows)
    parts = {"all": rows}
    for split in SPLITS:
        parts[split] = [row for row in rows if row.split == split]
    out.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        write_split(out / f"{name}.tsv", root=root, utterances=part)
    write_table(out, rows)
    text = json.dumps({"synthetic": False, **card}, indent=2, ensure_ascii=False)
    _replace_file(out / _CARD_FILE, [text])


def write_split(tsv: Path, *, root: Path, utterances: Sequence[Utterance]) -> None:
    """Write `<split>.tsv`, and `<split>.emo` where there are labels; without utterances both are removed."""
    lines = [str(Path(root).resolve()), *(f"{row.path}\t{row.num_samples}" for row in utterances)]
    _replace_file(tsv, lines if utterances else None)
    has_labels = any(row.label is not None for row in utterances)
    labels = [f"{row.id}\t{row.label or ''}" for row in utterances]
    _replace_file(tsv.with_suffix(".emo"), labels if has_labels else None)


def write_table(out: Path, rows: Sequence[Utterance]) -> None:
    """Write `utterances.tsv`: the columns that every one has, and those of which something is known."""
    known = {column for row in rows for column, value in vars(row).items() if value is not None}
    columns = [column for column in COLUMNS if column in FIXED_COLUMNS or column in known]
    table = ["\t".join(_cell(getattr(row, column)) for column in columns) for row in rows]
    _replace_file(out / _TABLE_FILE, ["\t".join(columns), *table])


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _replace_file(path: Path, lines: Sequence[str] | None) -> None:
    """Write the lines through a temporary file; None removes a file that an earlier run left."""
    if lines is None:
        if path.is_file():
            logger.warning("%s: removed, it lists utterances of an earlier corpus here", path)
            path.unlink()
        return
    write_lines(path, lines)


def _check_rows(out: Path, rows: Sequence[Utterance]) -> None:
    if not rows:
        raise ManifestError(f"{out}: no utterances to write")
    _refuse_duplicates(out, [row.id for row in rows])
    for row in rows:
        texts = [value for value in vars(row).values() if isinstance(value, str)]
        if any(sign in text for text in texts for sign in "\t\n\r"):
            raise ManifestError(
                f"{out}: {row.id!r}: a tab or line break in {texts}; rename the file"
            )
        if not row.id or not row.path or Path(row.path).is_absolute():
            raise ManifestError(
                f"{out}: {row.id!r}: path must be relative to the root, but is {row.path!r}"
            )
        if row.num_samples <= 0:
            raise ManifestError(
                f"{out}: {row.id!r}: num_samples must be > 0, but is {row.num_samples}"
            )
        if row.split not in (None, *SPLITS):
            raise ManifestError(
                f"{out}: {row.id!r}: split must be one of {SPLITS}, but is {row.split!r}"
            )


def _refuse_duplicates(where: Path, ids: Sequence[str]) -> None:
    repeated = [identifier for identifier, number in Counter(ids).items() if number > 1]
    if repeated:
        raise ManifestError(
            f"{where}: {len(repeated)} ids occur more than once, e.g. {repeated[:3]}"
        )


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: not UTF-8 text ({error})") from error
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _read_tsv(tsv: Path) -> tuple[Path, list[tuple[str, int]]]:
    """Read the root and the rows (path, number of samples)."""
    if not tsv.is_file():
        raise ManifestError(
            f"no manifest {str(tsv)!r}; expected a .tsv with the root folder on line 1 and one "
            "'path<TAB>samples' a line; make one with scripts/prepare_corpus.py"
        )
    first, *lines = _read_lines(tsv)
    if not first.strip():
        raise ManifestError(f"{tsv}:1: expected the root folder, but the line is blank")
    # a relative root is relative to the manifest: a folder that holds both can be moved
    root = tsv.parent / first
    if not root.is_dir():
        raise ManifestError(
            f"{tsv}:1: the root folder {first!r} does not exist; mend line 1 or prepare the corpus again"
        )
    if not lines:
        raise ManifestError(f"{tsv}: holds no utterances")
    return root, [_parse_row(f"{tsv}:{number}", line) for number, line in enumerate(lines, 2)]


def _parse_row(where: str, line: str) -> tuple[str, int]:
    if not line.strip():
        raise ManifestError(f"{where}: blank line; expected 'path<TAB>samples'")
    cells = line.split("\t")
    if len(cells) != 2 or not cells[0]:
        raise ManifestError(
            f"{where}: expected 2 columns 'path<TAB>samples', but found {len(cells)}: {line!r}"
        )
    return cells[0], _parse_count(where, "samples", cells[1], minimum=1)


def _parse_count(where: str, name: str, text: str, *, minimum: int = 0) -> int:
    # int() alone would also take ' 1_000 ' and Arabic-Indic digits
    if not (text.isascii() and text.isdigit()) or int(text) < minimum:
        raise ManifestError(f"{where}: {name} must be a whole number >= {minimum}, but is {text!r}")
    return int(text)


def _read_emo(emo: Path, paths: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """Read (id, label) for each path, in order; (None, None) without the file."""
    if not emo.is_file():
        return [(None, None)] * len(paths)
    lines = _read_lines(emo)
    if len(lines) != len(paths):
        raise ManifestError(
            f"{emo}: has {len(lines)} lines, but the .tsv has {len(paths)} utterances; both must list the same"
        )
    pairs: list[tuple[str | None, str | None]] = []
    for number, line in enumerate(lines, 1):
        cells = line.split("\t")
        if len(cells) != 2 or not cells[0]:
            raise ManifestError(f"{emo}:{number}: expected 'id<TAB>label', but found {line!r}")
        pairs.append((cells[0], cells[1] or None))
    return pairs


class _Details:
    """Rows of `utterances.tsv`, found by id or by path."""

    def __init__(self, path: Path, rows: Sequence[Utterance], split: str) -> None:
        self.path = path
        self.by_id = {row.id: row for row in rows}
        self._by_path: dict[str, deque[Utterance]] = defaultdict(deque)
        has_split = any(row.split == split for row in rows)
        for row in rows:
            # segments of one file have one path: without ids, their order in the split tells them apart
            if row.split == split or not has_split:
                self._by_path[row.path].append(row)

    def take(self, path: str) -> Utterance | None:
        """Return the row of this path; of several, the next one."""
        rows = self._by_path.get(path)
        if not rows:
            return None
        return rows.popleft() if len(rows) > 1 else rows[0]


def _read_table(path: Path, split: str) -> _Details | None:
    if not path.is_file():
        return None
    first, *lines = _read_lines(path)
    header = first.split("\t")
    absent = [column for column in ("id", "path", "num_samples") if column not in header]
    if absent:
        raise ManifestError(f"{path}:1: the header lacks {absent}; expected {list(COLUMNS)}")
    rows = [
        _parse_details(f"{path}:{number}", header, line) for number, line in enumerate(lines, 2)
    ]
    _refuse_duplicates(path, [row.id for row in rows])
    return _Details(path, rows, split)


def _parse_details(where: str, header: Sequence[str], line: str) -> Utterance:
    cells = line.split("\t")
    if len(cells) != len(header):
        raise ManifestError(
            f"{where}: expected {len(header)} columns, but found {len(cells)}: {line!r}"
        )
    known = {
        name: cell or None for name, cell in zip(header, cells, strict=True) if name in COLUMNS
    }
    values: dict[str, Any] = dict(known)
    if not values["id"] or not values["path"]:
        raise ManifestError(f"{where}: id and path must not be empty")
    for name in _INTEGER_COLUMNS:
        if name == "num_samples" or values.get(name) is not None:
            values[name] = _parse_count(where, name, values.get(name) or "")
    for name in _NUMBER_COLUMNS:
        if values.get(name) is not None:
            values[name] = _parse_number(where, name, values[name])
    return Utterance(**values)


def _parse_number(where: str, name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ManifestError(f"{where}: {name} must be a finite number, but is {text!r}")
    return number


def _join(
    where: str,
    path: str,
    num_samples: int,
    emo: tuple[str | None, str | None],
    details: _Details | None,
) -> Utterance:
    """Make one utterance of its rows in the three files."""
    identifier, label = emo
    row = None
    if details is not None:
        row = details.by_id.get(identifier) if identifier else None
        row = row if row is not None else details.take(path)
    if row is None:
        stem = path.rsplit(".", 1)[0] if "." in path.rsplit("/", 1)[-1] else path
        return Utterance(identifier or stem, path, num_samples, label)
    if details is not None and (row.path, row.num_samples) != (path, num_samples):
        raise ManifestError(
            f"{where}: {path} with {num_samples} samples, but {details.path.name} says {row.path} with "
            f"{row.num_samples}: the .tsv, .emo and {details.path.name} do not belong together; prepare again"
        )
    label = label if label is not None else row.label
    return replace(row, id=identifier or row.id, label=label)
