"""Which tables of a database in audformat hold the labels, and what they say.

In: tables, the names that a user chose. Out: label and split by place, for `audformat.py`.
"""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from emotion2vec.corpora.audformat_tables import HEADER_FILE, Place, Tables
from emotion2vec.errors import CorpusError

logger = logging.getLogger(__name__)

# words of other databases -> ours; a word that is not here stays as it is, in lower case
SYNONYMS: Mapping[str, str] = {
    "anger": "angry",
    "bored": "boredom",
    "disgusted": "disgust",
    "excitement": "excited",
    "fearful": "fear",
    "frustration": "frustrated",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "no agreement": "no_agreement",
}
_SPLITS = {"train": "train", "dev": "valid", "test": "test"}
_CATEGORIES = ("str", "int", "bool", "object")


def read_labels(
    tables: Tables, scheme: str, names: Sequence[str] | None, column: str | None
) -> tuple[dict[Place, str | None], dict[Place, str]]:
    """Return label and split by place, in the tables' order.

    Args:
        tables: The database.
        scheme: Scheme of the labels.
        names: Tables to take; None finds them.
        column: Column to take; None takes that of the scheme's name, or the only one of the scheme.

    Raises:
        CorpusError: It is not clear which table or column holds the labels, or a label is unknown.
    """
    columns = _label_columns(tables, scheme, names, column)
    values = {name: tables.values(name, columns[name]) for name in columns}
    chosen = list(columns) if names else _choose(tables, scheme, values)
    words: dict[Place, str | None] = {}
    for name in chosen:
        for place, value in values[name].items():
            if place in words:
                raise CorpusError(
                    f"{tables.root}: {place.file} is in more than one of the tables {chosen}; "
                    "choose one with --option table=NAME"
                )
            words[place] = _word(tables, scheme, name, value)
    ours = _our_words({word for word in words.values() if word is not None})
    labels = {place: None if word is None else ours[word] for place, word in words.items()}
    return labels, _splits(tables, scheme)


def _label_columns(
    tables: Tables, scheme: str, names: Sequence[str] | None, column: str | None
) -> dict[str, str]:
    """Return the column of the labels for each table that has one."""
    where = tables.root / HEADER_FILE
    found = tables.columns(scheme)
    if not found:
        used = sorted(name for name in tables.header["schemes"] if tables.columns(name))
        raise CorpusError(
            f"{where}: no table has a column of the scheme {scheme!r}; choose one of {used} with --option scheme=NAME"
        )
    dtype = tables.header["schemes"].get(scheme, {}).get("dtype", "str")
    if dtype not in _CATEGORIES:
        raise CorpusError(f"{where}: scheme {scheme!r} holds {dtype}; labels must be words")
    absent = sorted(set(names or ()) - set(found))
    if absent:
        raise CorpusError(
            f"{where}: {absent} are no tables with a column of the scheme {scheme!r}; those are {sorted(found)}"
        )
    found = {name: found[name] for name in names or found}
    # by the format's custom, the column of the scheme's name is the one that the raters agreed on
    wanted = column or scheme
    clear = {name: wanted for name, options in found.items() if wanted in options}
    if column is None:
        clear = {
            name: clear.get(name, options[0])
            for name, options in found.items()
            if name in clear or len(options) == 1
        }
    if not clear or (names and len(clear) < len(found)):
        raise CorpusError(
            f"{where}: the column of the labels is not clear: scheme {scheme!r} has {found}; choose one with "
            "--option column=NAME"
        )
    return clear


def _choose(
    tables: Tables, scheme: str, values: Mapping[str, Mapping[Place, Any]]
) -> Sequence[str]:
    """Return the tables to take: one that holds every row, or several that share none."""
    places = {name: set(rows) for name, rows in values.items()}
    everything = set().union(*places.values())
    whole = [name for name in values if places[name] == everything]
    if scheme in whole or len(whole) == 1:
        return [scheme if scheme in whole else whole[0]]
    if sum(map(len, places.values())) == len(everything):
        return list(values)
    raise CorpusError(
        f"{tables.root}: several tables hold the scheme {scheme!r} for the same files: {sorted(values)}; "
        "choose one with --option table=NAME (several between commas)"
    )


def _word(tables: Tables, scheme: str, table: str, value: Any) -> str | None:
    """Return the word of a value, in lower case."""
    if value is None:
        return None
    listed = tables.header["schemes"].get(scheme, {}).get("labels")
    if isinstance(listed, list | dict):
        words = {str(key): key for key in listed}
        if str(value) not in words:
            raise CorpusError(
                f"{tables.root}: table {table!r} has the label {str(value)!r}, which is not one of its scheme's "
                f"{list(words)}; download the database again"
            )
        meaning = listed[words[str(value)]] if isinstance(listed, dict) else value
        value = meaning if isinstance(meaning, str) else value
    return " ".join(str(value).lower().split())


def _our_words(words: Collection[str]) -> dict[str, str]:
    """Return our word for each; words that would become one stay apart, as they are."""
    ours = {word: SYNONYMS.get(word, word) for word in words}
    number = Counter(ours.values())
    return {word: our if number[our] == 1 else word for word, our in ours.items()}


def _splits(tables: Tables, scheme: str) -> dict[Place, str]:
    """Return the split of each place of the scheme's tables that have one; nothing where splits overlap."""
    found: dict[Place, str] = {}
    for name, columns in tables.columns(scheme).items():
        identifier = tables.header["tables"][name].get("split_id")
        kind = tables.header["splits"].get(str(identifier), {}).get("type")
        if kind not in _SPLITS:
            continue
        places = tables.values(name, columns[0])
        overlap = [place for place in places if found.get(place, _SPLITS[kind]) != _SPLITS[kind]]
        if overlap:
            text = "%s: no splits are taken, %s is in several"
            logger.warning(text, tables.root, overlap[0].file)
            return {}
        found |= dict.fromkeys(places, _SPLITS[kind])
    return found
