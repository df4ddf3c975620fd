"""Any database in audEERING's audformat, e.g. one that audb downloaded: `db.yaml`, its tables, its media files.

In: root with the header. Out: utterances for `prepare.py`, a card from the header. Needs audformat.
Labels come from the tables with a column of the scheme `emotion`, speakers, genders, languages and texts from the
schemes of these names.
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from emotion2vec.corpora.audformat_facts import Facts
from emotion2vec.corpora.audformat_labels import read_labels
from emotion2vec.corpora.audformat_tables import Place, Tables, read_header
from emotion2vec.corpora.card import CorpusCard, CorpusOption
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from emotion2vec.structs import SAMPLE_RATE_HZ

_GENDERS = {"female": "female", "f": "female", "male": "male", "m": "male"}

CARD = CorpusCard(
    name="audformat",
    title="a database in audformat",
    licence="the database's own, from its header",
    citation="",
    url="https://audeering.github.io/audformat",
    access="Databases in this format are published with audb (https://audeering.github.io/datasets).",
    language="",
    labels=(),
    layout="the folder of an audformat database: db.yaml, and its tables as db.<table>.csv or db.<table>.parquet",
    notes=(
        "Tables are read from CSV and parquet, never from a pickle.",
        "Synonyms become our words, e.g. anger: angry, unless a database has both; other words stay, in lower case.",
    ),
    options=(
        CorpusOption("scheme", "scheme of the labels (default: emotion)"),
        CorpusOption(
            "table",
            "table of the labels, or several between commas (default: the only one, the one that holds all files of "
            "the others, or all that share no file)",
        ),
        CorpusOption(
            "column",
            "column of the labels (default: the one named after the scheme, or the only)",
        ),
    ),
)


def read_audformat_card(root: Path) -> CorpusCard:
    """Make the card of a database from its header.

    Raises:
        CorpusError: The header is malformed, or audformat is not installed.
    """
    header = read_header(root)
    if header is None:
        return CARD
    _require_audformat()
    texts = {name: str(header[name]) for name in header if header[name] is not None}
    usage = texts.get("usage", "not stated")
    stated = header.get("languages") or []
    languages = stated if isinstance(stated, list) else [stated]
    kept = ("description", "organization", "usage", "license_url", "version")
    return replace(
        CARD,
        name=texts["name"],
        title=texts["name"],
        licence=texts.get("license", f"not stated; usage: {usage}"),
        citation=". ".join(texts[key] for key in ("author", "name") if key in texts),
        url=texts.get("source", ""),
        language=_language(languages[0]) if len(languages) == 1 else "",
        notes=(),
        extra={key: " ".join(texts[key].split()) for key in kept if key in texts},
    )


@register_corpus(CARD, card_for=read_audformat_card)
def iter_utterances(
    root: Path, scheme: str = "emotion", table: str | None = None, column: str | None = None
) -> Iterator[Utterance | LeftOut]:
    """Yield the files or segments of the tables that hold labels.

    Args:
        root: Folder of the database.
        scheme: Scheme of the labels.
        table: Table of the labels, or several between commas; None finds it.
        column: Column of the labels; None takes that of the scheme's name, or the only one of the scheme.

    Raises:
        CorpusError: The database is malformed, audformat is not installed, or the labels' table is not clear.
    """
    header = read_header(root)
    if header is None:
        return
    _require_audformat()
    tables = Tables(root, header)
    names = None if table is None else [name.strip() for name in table.split(",")]
    labels, split_of = read_labels(tables, scheme, names, column)
    facts = Facts(tables)
    for place, label in labels.items():
        path = _relative(root, place.file)
        if (root / path).is_file():
            split = split_of.get(place, split_of.get(Place(place.file)))
            yield _utterance(path, place, label, split, facts)
        else:
            yield LeftOut(path, "listed in the database, but there is no such file")


def _require_audformat() -> None:
    if importlib.util.find_spec("audformat") is None:
        raise CorpusError(
            "databases in audformat need the package audformat: pip install emotion2vec[audformat]"
        )


def _utterance(
    path: str, place: Place, label: str | None, split: str | None, facts: Facts
) -> Utterance:
    stem = str(PurePosixPath(path).with_suffix(""))
    # rounded down: a segment up to the file's end must not end after it
    start, end = (_samples(place.start_ns), _samples(place.end_ns))
    gender, language = facts.get("gender", place), facts.get("language", place)
    sentence, text = facts.text(place)
    return Utterance(
        stem if place.is_file else f"{stem}-{start}-{'end' if end is None else end}",
        path,
        0,
        label=label,
        speaker=facts.get("speaker", place),
        split=split,
        language=_language(language) if language else None,
        start_sample=None if place.is_file else start,
        end_sample=end,
        gender=_GENDERS.get(gender.lower()) if gender else None,
        sentence=sentence,
        text=text,
    )


def _samples(time_ns: int | None) -> int | None:
    return None if time_ns is None else time_ns * SAMPLE_RATE_HZ // 10**9


def _relative(root: Path, file: str) -> str:
    """Make a table's path relative to the root, which it must not leave."""
    path = PurePosixPath(file)
    if path.is_absolute() and path.is_relative_to(root.as_posix()):
        path = path.relative_to(root.as_posix())
    if path.is_absolute() or ".." in path.parts:
        raise CorpusError(
            f"{root}: the tables name {file!r}, which is not below the root; name the folder of a whole copy of "
            "the database"
        )
    return path.as_posix()


def _language(name: Any) -> str:
    """Return the two-letter code of a language where it has one: deu is de."""
    from iso639 import Lang
    from iso639.exceptions import InvalidLanguageValue

    try:
        return Lang(str(name)).pt1 or str(name)
    except InvalidLanguageValue:
        return str(name)
