"""What the files of a release are, from their headers.

In: root and paths. Out: `FileHeader` for each, for `convert.py` and `dry_run.py`. Nothing is decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emotion2vec.audio.parallel import map_files
from emotion2vec.audio.source import AudioFile
from emotion2vec.audio.video import CONTAINER_SUFFIXES, container_info
from emotion2vec.errors import AudioError

_CONTAINERS_OPENED = 200


@dataclass(frozen=True)
class FileHeader:
    """One file of a release.

    Attributes:
        path: Relative to the root.
        what: How it differs from 16 kHz mono, in words; None when it does not, or when it cannot be read.
        seconds: Its length; None where that is not known (yet).
        num_bytes: Its size on disk; 0 when it cannot be read.
        error: Why it cannot be read.
    """

    path: str
    what: str | None = None
    seconds: float | None = None
    num_bytes: int = 0
    error: AudioError | None = None


def read_headers(
    root: Path, paths: Sequence[str], *, num_jobs: int, open_containers: bool = False
) -> dict[str, FileHeader]:
    """Look at the header of each file.

    Args:
        root: Folder of the release.
        paths: Files, relative to it.
        num_jobs: Processes.
        open_containers: Whether to open video and m4a files too; their suffix alone says that they need a copy.

    Returns:
        Path -> header, in the order given.
    """
    look = partial(_read_header, root, open_containers=open_containers)
    headers = map_files(look, paths, num_jobs=num_jobs, description="look at headers")
    return {header.path: header for header in headers}


def estimate_lengths(root: Path, headers: Sequence[FileHeader]) -> dict[str, float]:
    """Return the seconds of each file; those of unopened video and m4a files by their size.

    A few of them are opened, and the others are taken to have as many seconds a byte.
    """
    unknown = [header for header in headers if header.seconds is None and header.error is None]
    seconds = {header.path: header.seconds or 0.0 for header in headers}
    sample = unknown[:: max(1, len(unknown) // _CONTAINERS_OPENED)]
    opened = [_read_header(root, header.path, open_containers=True) for header in sample]
    num_bytes = sum(header.num_bytes for header in opened if header.seconds is not None)
    rate = sum(header.seconds or 0.0 for header in opened) / max(1, num_bytes)
    seconds.update({header.path: rate * header.num_bytes for header in unknown})
    return seconds


def _read_header(root: Path, relative: str, *, open_containers: bool) -> FileHeader:
    path = root / relative
    suffix = path.suffix.lower()
    try:
        num_bytes = path.stat().st_size
        if suffix not in CONTAINER_SUFFIXES:
            with AudioFile(path) as file:
                info = file.info
            what = None if info.is_16k_mono else _words(info.sample_rate_hz, info.num_channels)
            seconds = info.num_samples / info.sample_rate_hz
            return FileHeader(relative, what, seconds, num_bytes)
        if not open_containers:
            return FileHeader(relative, suffix, None, num_bytes)
        container = container_info(path)
        what = f"{suffix}, {_words(container.sample_rate_hz, container.num_channels)}"
        return FileHeader(relative, what, container.seconds, num_bytes)
    except AudioError as error:
        return FileHeader(relative, error=error)
    except OSError as error:
        # a file of a name that is not there any more; it is named again when it is read
        return FileHeader(relative, error=AudioError(path, f"cannot be read ({error.strerror})"))


def _words(sample_rate_hz: int, num_channels: int) -> str:
    return f"{sample_rate_hz} Hz x {num_channels} channel{'s' * (num_channels > 1)}"
