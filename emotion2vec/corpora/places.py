"""Where the files of a release may lie: below the root, or below a folder that a copy put around them.

In: root folder, names of folders. Out: folders that exist, in a fixed order, for `files.audio_files`.
"""

from collections.abc import Iterable
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
    folders = (path for path in root.rglob("*") if path.is_dir())
    return sorted([root, *(path for path in folders if not _is_hidden(path.relative_to(root)))])


def sub_folders(folder: Path) -> list[Path]:
    """Return the folders directly below a folder, sorted, without hidden ones."""
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _named(folder: Path, names: Iterable[str]) -> list[Path]:
    wanted = {name.lower() for name in names}
    return [path for path in sub_folders(folder) if path.name.lower() in wanted]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
