"""Where the files of a release may lie: below the root, or below a folder that a copy put around them.

In: root folder, names of folders. Out: folders that exist, in a fixed order, for `files.audio_files`.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def candidate_folders(
    root: Path, *, around: Iterable[str] = (), inside: Iterable[str] = ()
) -> list[Path]:
    """Return the folders that may hold the files of a flat release, each once.

    Args:
        root: Folder that the user named.
        around: Folders that some copies put around the release; an earlier one may hold a later one.
        inside: Folders that the files are sorted into, e.g. one for each speaker.

    Returns:
        The root and those around, each followed by its folders inside; names are taken in any case.
    """
    bases = [root]
    for name in around:
        bases += [folder for base in list(bases) for folder in _named(base, [name])]
    return [folder for base in bases for folder in [base, *_named(base, inside)]]


def all_folders(root: Path) -> list[Path]:
    """Return the root and every folder below it, sorted, without hidden ones and what they hold."""
    return sorted(Path(folder) for folder, _ in walk(root))


def walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Go through the root and every folder below it but hidden ones, each once; links to other places are followed.

    Yields:
        A folder and the names of its files.
    """
    top, seen = root.resolve(), set[tuple[int, int]]()
    for parent, folders, names in os.walk(root, followlinks=True):
        shown = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in shown if _is_new(Path(parent, name), top, seen)]
        yield parent, names


def _is_new(folder: Path, top: Path, seen: set[tuple[int, int]]) -> bool:
    """Tell whether a folder is to be gone into; a link to what lies below `top`, or around it, is not."""
    if folder.is_symlink():
        target = folder.resolve()
        if target.is_relative_to(top) or top.is_relative_to(target):
            return False
    status = folder.stat()
    place = (status.st_dev, status.st_ino)
    if place in seen:
        return False
    seen.add(place)
    return True


def sub_folders(folder: Path) -> list[Path]:
    """Return the folders directly below a folder, sorted, without hidden ones."""
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _named(folder: Path, names: Iterable[str]) -> list[Path]:
    wanted = {name.lower() for name in names}
    return [path for path in sub_folders(folder) if path.name.lower() in wanted]
