"""One way to write a file: whole or not at all.

A kill in the middle leaves the old file, or none, and a hidden temporary one beside it.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PARTIAL_NAME = re.compile(r"\..*\.(?P<pid>\d+)\.part(\.\w+)?")


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path with the same suffix in the same folder; it becomes `path` when the block succeeds.

    Args:
        path: The file to write.
        durable: Wait until the contents are on disk, so that a power cut leaves no empty file under the final name;
            too slow for thousands of small files that can be made again.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        if durable:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines, each ended by a line break, whole or not at all."""
    write_text(path, "".join(f"{line}\n" for line in lines))


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file with Unix line ends, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def remove_partial_files(folder: Path) -> int:
    """Remove the temporary files that killed runs left in a folder and below it; returns their number.

    A run that still goes on, on this machine, keeps its own.
    """
    number = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            match = _PARTIAL_NAME.fullmatch(name) if name.startswith(".") else None
            if match and not is_running(int(match["pid"])):
                with suppress(OSError):  # of another user: it does no harm
                    Path(parent, name).unlink()
                    number += 1
    return number


def is_running(pid: int) -> bool:
    """Tell whether a process of this machine still runs."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's
    return True
