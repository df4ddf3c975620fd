"""One progress bar for every long loop: shown on a terminal, silent in a pipe or a log file."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(
    items: Iterable[Item], *, description: str, total: int | None = None, unit: str = "it"
) -> Iterator[Item]:
    """Yield `items` and show how far the loop is (on stderr, only when that is a terminal)."""
    yield from tqdm(items, desc=description, total=total, unit=unit, disable=None, leave=False)
