"""Room on the disk: how much the copies need, and one sentence when it runs out or may not be written to.

In: seconds to be written, or the system's error. Out: bytes, `CorpusError`.
"""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emotion2vec.errors import CorpusError
from emotion2vec.structs import SAMPLE_RATE_HZ

_BYTES_PER_SAMPLE = 2
# of 16-bit samples: FLAC of 16 kHz speech measured 0.31 (RAVDESS, much silence), 0.62 (URDU), 0.64 (EmoDB)
SIZE_RATIOS = {"flac": 0.65, "wav": 1.0}
# a file fills whole blocks of 4096 bytes: half a block more on average
_BYTES_PER_FILE = 2048

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def estimate_bytes(seconds: float, num_files: int, audio_format: str) -> int:
    """Return how much room copies take, about.

    >>> estimate_bytes(3600, 1000, "wav")
    117248000
    """
    samples = seconds * SAMPLE_RATE_HZ
    return (
        round(samples * _BYTES_PER_SAMPLE * SIZE_RATIOS[audio_format]) + num_files * _BYTES_PER_FILE
    )


def free_bytes(folder: Path) -> int:
    """Return the room on the disk where a folder is, or would be made."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


def require_space(folder: Path, needed: int, *, num_files: int, num_done: int) -> None:
    """Check that the copies will fit.

    Raises:
        CorpusError: They will not.
    """
    free = free_bytes(folder)
    if needed > free:
        raise CorpusError(
            f"{num_files} copies need about {size_in_words(needed)}, but the disk of {str(folder)!r} has "
            f"{size_in_words(free)} left ({num_done} copies are there already); make room or give another --audio-out"
        )


def size_in_words(num_bytes: int) -> str:
    """Return a size for people.

    >>> size_in_words(1_234_567_890), size_in_words(2500)
    ('1.2 GB', '2.5 kB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.1f} {unit}"
    return f"{num_bytes} bytes"


@contextmanager
def disk_errors_as_sentence(
    folder: Path, option: str, how_far: Callable[[], str]
) -> Iterator[None]:
    """Turn an error of the system while something is written into one sentence.

    Args:
        folder: Where is written.
        option: The command's option that names the folder.
        how_far: Says what is done already.

    Raises:
        CorpusError: The disk is full, the folder may not be written to, or writing failed in another way.
    """
    try:
        yield
    except OSError as error:
        raise CorpusError(_sentence(error, folder, option, how_far())) from error


def _sentence(error: OSError, folder: Path, option: str, how_far: str) -> str:
    again = "then give the same command again: it continues where it stopped"
    if error.errno == errno.ENOSPC:
        return f"no space left on the disk of {str(folder)!r}: {how_far}; make room, {again}"
    if error.errno == errno.EDQUOT:
        return f"the disk quota for {str(folder)!r} is used up: {how_far}; make room, {again}"
    reason = error.strerror or str(error)
    where = str(error.filename or folder)
    if error.errno in _REFUSED:
        return f"cannot write {where!r} ({reason}): {how_far}; give another {option}, or mend the permissions, {again}"
    return f"cannot write {where!r} ({reason}): {how_far}; mend that, {again}"
