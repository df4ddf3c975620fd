"""Which folder the user may have meant when nothing is found below the root.

In: parser, root. Out: another folder near it where the parser finds utterances, for the error of `prepare.py`.
"""

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import Emotion2VecError

_MOST_FOLDERS = 200
# a parser may look through all that lies below a folder: not through a whole disk
_MOST_ENTRIES = 200_000


def suggest_root(parse: Callable[[Path], Iterator[Any]], root: Path) -> Path | None:
    """Try the folders one and two levels below the root and the one above it.

    Args:
        parse: Parser with its options.
        root: Folder below which it found nothing.

    Returns:
        The first folder where it finds an utterance and meets no error, or None.
    """
    for folder in islice(_candidates(root), _MOST_FOLDERS):
        if _is_small(folder) and _finds_utterances(parse, folder):
            return folder
    return None


def _candidates(root: Path) -> Iterator[Path]:
    children = _folders(root)
    yield from children
    if root.parent != root:
        yield root.parent
    for child in children:
        yield from _folders(child)


def _folders(parent: Path) -> list[Path]:
    try:
        entries = sorted(parent.iterdir())
    except OSError:
        return []
    return [path for path in entries if not path.name.startswith(".") and path.is_dir()]


def _is_small(folder: Path) -> bool:
    number = 0
    for _, folders, names in os.walk(folder):
        number += len(folders) + len(names)
        if number > _MOST_ENTRIES:
            return False
    return True


def _finds_utterances(parse: Callable[[Path], Iterator[Any]], folder: Path) -> bool:
    try:
        items = list(parse(folder))  # to the end: an error may come late
    except (Emotion2VecError, OSError):
        return False
    return any(isinstance(item, Utterance) for item in items)
