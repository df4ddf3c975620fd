"""Writes a finished report or picture, whole or not at all."""

from pathlib import Path

from emotion2vec.errors import ReportError
from emotion2vec.files import replacing


def write_atomically(path: Path, content: bytes) -> None:
    """Write through a temporary file beside `path`, making its folder.

    Args:
        path: File to write; an existing one is replaced.
        content: The whole file.

    Raises:
        ReportError: `path` is a folder, or its folder cannot be made.
    """
    if path.is_dir():
        raise ReportError(f"{path} is a folder; --out takes a file name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ReportError(
            f"{path}: {path.parent} is not a folder; give --out another place"
        ) from None
    with replacing(path) as temporary:
        temporary.write_bytes(content)
