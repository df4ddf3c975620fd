"""The user's own speech: any tree of audio files, labelled by parent folder or by a CSV.

In: root, optional CSV, optional pattern for speakers, optional `card.json` in the root. Out: utterances for
`prepare.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from emotion2vec.corpora.card import CorpusCard, CorpusOption
from emotion2vec.corpora.files import ANY_SUFFIXES, audio_files
from emotion2vec.corpora.label_text import one_line, read_json, read_rows, read_text
from emotion2vec.corpora.places import all_folders
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError

_CSV_COLUMNS = ("path", "label", "speaker", "session", "split", "language")
_CARD_TEXTS = ("name", "title", "licence", "citation", "url", "language")

CARD = CorpusCard(
    name="folder",
    title="your own files",
    licence="the user's own; state it in card.json",
    citation="",
    url="",
    language="",
    labels=(),
    layout="any tree of audio files, linked folders included; the parent folder's name is the label, or give "
    f"--labels CSV with the columns {','.join(_CSV_COLUMNS)} (path is enough)",
    options=(
        CorpusOption("labels", "table of the files and what is known of them (--labels)"),
        CorpusOption("speaker_pattern", "where a path names its speaker (--speaker-pattern)"),
    ),
)


def read_folder_card(root: Path) -> CorpusCard:
    """Read the optional `card.json`: licence, citation, language, labels, notes, synthetic, ...

    Raises:
        CorpusError: It is not a JSON object, or a value has the wrong type.
    """
    path = root / "card.json"
    if not path.is_file():
        return CARD
    values = read_json(path)
    if not isinstance(values, dict):
        raise CorpusError(f"{path}: must hold a JSON object, but holds {type(values).__name__}")
    # the American spelling is common and would otherwise be lost
    values = {"licence": values.pop("license"), **values} if "license" in values else values
    known = {
        key: values.pop(key)
        for key in (*_CARD_TEXTS, "synthetic", "labels", "notes")
        if key in values
    }
    return replace(CARD, **_checked(path, known), extra=values)


def _checked(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Check the types of the card's values."""
    for key, value in values.items():
        if key in _CARD_TEXTS and not isinstance(value, str):
            raise CorpusError(f"{path}: {key} must be text, but is {value!r}")
        if key == "synthetic" and not isinstance(value, bool):
            raise CorpusError(f"{path}: synthetic must be true or false, but is {value!r}")
        if key in ("labels", "notes"):
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise CorpusError(f"{path}: {key} must be a list of texts, but is {value!r}")
            values[key] = tuple(value)
    return values


@register_corpus(CARD, card_for=read_folder_card)
def iter_utterances(
    root: Path, labels: Path | None = None, speaker_pattern: str | None = None
) -> Iterator[Utterance | LeftOut]:
    """Yield every audio file below the root, or those that the CSV names.

    Args:
        root: Folder of the files.
        labels: CSV (or tab-separated) table with a header; only `path` is required.
        speaker_pattern: Regular expression with a group named `speaker`, searched in the relative path.

    Raises:
        CorpusError: The CSV or the pattern is malformed.
    """
    pattern = _compile(speaker_pattern)
    table = None if labels is None else _read_labels(labels, root)
    found = set()
    for path in audio_files(root, all_folders(root), suffixes=ANY_SUFFIXES):
        if isinstance(path, LeftOut):
            yield path
            continue
        found.add(path)
        if table is not None and path not in table:
            yield LeftOut(path, f"not listed in {labels}")
            continue
        row = table[path] if table is not None else {"label": _parent_name(path)}
        yield _utterance(path, row, pattern)
    for path in sorted(set(table or ()) - found):
        yield LeftOut(path, f"listed in {labels}, but there is no such audio file")


def _parent_name(path: str) -> str | None:
    parent = Path(path).parent.name
    return parent or None


def _utterance(path: str, row: dict[str, str | None], pattern: re.Pattern[str] | None) -> Utterance:
    match = pattern.search(path) if pattern else None
    speaker = row.get("speaker") or (match["speaker"] if match else None)
    return Utterance(
        id=path.rsplit(".", 1)[0],
        path=path,
        num_samples=0,
        label=row.get("label"),
        speaker=speaker,
        session=row.get("session"),
        split=row.get("split"),
        language=row.get("language"),
    )


def _compile(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise CorpusError(
            f"--speaker-pattern {pattern!r} is not a regular expression: {error}"
        ) from error
    if "speaker" not in compiled.groupindex:
        raise CorpusError(
            f"--speaker-pattern {pattern!r} has no group named speaker, e.g. '(?P<speaker>spk\\d+)'"
        )
    return compiled


def _read_labels(table: Path, root: Path) -> dict[str, dict[str, str | None]]:
    """Read the CSV: path relative to the root -> its other cells."""
    if not table.is_file():
        raise CorpusError(
            f"no label table {str(table)!r}; expected a CSV with the columns {_CSV_COLUMNS}"
        )
    delimiter = "\t" if "\t" in read_text(table).partition("\n")[0] else ","
    rows: dict[str, dict[str, str | None]] = {}
    for row in read_rows(table, ("path",), delimiter=delimiter):
        if not row.cells["path"]:
            raise CorpusError(f"{row.where}: expected a path, but found {row.cells}")
        path = _relative(row.cells["path"], root)
        if path in rows:
            raise CorpusError(f"{row.where}: {path!r} is listed twice")
        rows[path] = {name: one_line(row.cells.get(name, "")) for name in _CSV_COLUMNS}
    return rows


def _relative(text: str, root: Path) -> str:
    """Make a path of the table relative to the root, with `/` between its parts."""
    # tables made on Windows have backslashes
    path = Path(text if (root / text).exists() else text.replace("\\", "/"))
    if path.is_absolute() and path.is_relative_to(root.resolve()):
        path = path.relative_to(root.resolve())
    return path.as_posix()
