"""One process' share of an unfinished store, and the lock that keeps a second process away from it.

In: rows of batches from `store_writer.py`. Out: `<split>.partial[.<rank>].f32` with the rows as they come and
`.jsonl` with one line for each batch that is completely on disk; read again by the run that goes on.
"""

import errno
import fcntl
import functools
import glob
import json
import logging
import os
import re
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from emotion2vec.errors import FeatureStoreError, WorkerError
from emotion2vec.features.store import StorePaths
from emotion2vec.files import write_lines

logger = logging.getLogger(__name__)

# a run that was killed a moment ago may still be going: its processes end when they notice
_LOCK_PATIENCE_S = 5.0
_LOCK_POLL_S = 0.1
_COPY_BYTES = 1 << 24
# one process may load its model so much later than another one
START_PATIENCE_S = 600.0
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@dataclass(frozen=True)
class Share:
    """Which of several processes this is; batch k belongs to process k modulo size.

    Attributes:
        rank: Number of this process, from 0; process 0 writes the store.
        size: Processes.
        local_rank: Number of this process on its machine: which GPU it takes.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    def holds(self, batch: int) -> bool:
        """Say whether the batch of this number is ours."""
        return batch % self.size == self.rank


@dataclass(frozen=True)
class Block:
    """Where the rows of one utterance lie in a partial file."""

    rows: Path
    first: int
    count: int


@dataclass(frozen=True)
class Contents:
    """What the whole lines of a journal tell.

    Attributes:
        header: First line: settings and fingerprint.
        lines: The other lines.
        blocks: Rows of each utterance, by position in the manifest.
        skipped: Reasons, likewise.
        tail: Shape of a row; None before the first.
        num_rows: Rows in all.
    """

    header: dict[str, Any]
    lines: tuple[dict[str, Any], ...]
    blocks: dict[int, Block]
    skipped: dict[int, str]
    tail: tuple[int, ...] | None
    num_rows: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return 4 * int(np.prod(self.tail)) if self.tail else 0


def partial_paths(paths: StorePaths, rank: int) -> tuple[Path, Path]:
    """Return the files of a process: rows and journal."""
    if rank == 0:
        return paths.partial_rows, paths.partial_journal
    stem = f".partial.{rank}"
    return paths.with_suffix(f"{stem}.f32"), paths.with_suffix(f"{stem}.jsonl")


def ranks_found(paths: StorePaths) -> list[int]:
    """List the processes that have left a journal or a lock here."""
    pattern = re.compile(re.escape(paths.split) + r"\.partial(\.(?P<rank>[0-9]+))?\.(jsonl|lock)")
    matches = (pattern.fullmatch(path.name) for path in paths.directory.iterdir())
    return sorted({int(match["rank"] or 0) for match in matches if match})


def read_partial(paths: StorePaths, rank: int) -> Contents | None:
    """Read the journal of a process; None where there is none, or not one whole line."""
    rows, journal = partial_paths(paths, rank)
    entries = _read_lines(journal)
    if not entries:
        return None
    blocks: dict[int, Block] = {}
    skipped: dict[int, str] = {}
    tail: tuple[int, ...] | None = None
    num_rows = 0
    for entry in entries[1:]:
        tail = tuple(entry["tail"]) if entry["tail"] else tail
        skipped |= {index: reason for index, reason in entry["skipped"]}
        for index, count in entry["rows"]:
            blocks[index] = Block(rows, num_rows, count)
            num_rows += count
    return Contents(entries[0], tuple(entries[1:]), blocks, skipped, tail, num_rows)


def start_partial(paths: StorePaths, rank: int, header: dict[str, Any]) -> None:
    """Begin an empty share."""
    rows, journal = partial_paths(paths, rank)
    rows.write_bytes(b"")
    write_lines(journal, [json.dumps(header)])


def mend_partial(paths: StorePaths, rank: int, contents: Contents) -> None:
    """Cut off what a batch that was cut short left: half a line, and rows beyond the last whole one.

    Raises:
        FeatureStoreError: Rows that the journal names are not there.
    """
    rows, journal = partial_paths(paths, rank)
    expected = contents.num_rows * contents.row_bytes
    found = rows.stat().st_size if rows.is_file() else 0
    if found < expected:
        raise FeatureStoreError(
            f"{rows}: holds {found} bytes, but {journal.name} tells of {expected}; the file was cut or removed: give "
            "--overwrite to extract again"
        )
    write_lines(journal, [json.dumps(line) for line in (contents.header, *contents.lines)])
    with rows.open("r+b") as file:
        file.truncate(expected)


def log_batch(
    journal: Path,
    *,
    rows: Sequence[tuple[int, int]],
    skipped: dict[int, str],
    tail: tuple[int, ...] | None,
) -> None:
    """Write one line, and wait until it is on disk."""
    line = {"rows": [list(row) for row in rows], "skipped": list(skipped.items()), "tail": tail}
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def copy_rows(
    source: BinaryIO, targets: Sequence[Callable[[bytes], object]], num_bytes: int
) -> None:
    """Give so many bytes of rows to each target, from where the source, a file of rows, stands.

    Raises:
        FeatureStoreError: It ends before.
    """
    while num_bytes > 0:
        piece = source.read(min(num_bytes, _COPY_BYTES))
        if not piece:
            raise FeatureStoreError(
                f"{source.name}: lacks {num_bytes} bytes of rows that its journal tells of; the file was cut: "
                "give --overwrite to extract again"
            )
        for target in targets:
            target(piece)
        num_bytes -= len(piece)


def remove_partial(paths: StorePaths, rank: int) -> None:
    """Remove the files of a process' share."""
    for path in partial_paths(paths, rank):
        path.unlink(missing_ok=True)


def remove_leftovers(paths: StorePaths) -> None:
    """Remove beginnings of journals that killed processes left; only when the store is whole and nobody writes."""
    for path in paths.directory.glob(f".{glob.escape(paths.split)}.partial*.part.jsonl"):
        path.unlink(missing_ok=True)


class ShareLock:
    """An advisory lock on one process' share; the system releases it when the process ends, however it ends."""

    def __init__(self, paths: StorePaths, rank: int) -> None:
        name = "" if rank == 0 else f".{rank}"
        self.path = paths.with_suffix(f".partial{name}.lock")
        self._close: weakref.finalize[..., ShareLock] | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            FeatureStoreError: Another process holds it, and goes on holding it.
        """
        if not self.try_take(patience_s=_LOCK_PATIENCE_S):
            raise FeatureStoreError(
                f"{self.path.parent}: another process is writing this store ({self.path.name} is locked); wait for it "
                "or end it, or give another --out"
            )

    def try_take(self, *, patience_s: float = 0.0) -> bool:
        """Take the lock if nobody holds it, or lets go of it in time; returns whether it was taken."""
        deadline = time.monotonic() + patience_s
        while not self._try_once():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOCK_POLL_S)
        return True

    def _try_once(self) -> bool:
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    os.close(descriptor)
                    raise
                _warn_of_no_locks(self.path.parent)
            # whoever held it may have removed the file in between: then this lock guards nothing
            if self._is_current(descriptor):
                self._close = weakref.finalize(self, os.close, descriptor)
                return True
            os.close(descriptor)

    def release(self) -> None:
        """Remove the lock's file and let go."""
        if self._close is not None:
            self.path.unlink(missing_ok=True)
            self._close()
            self._close = None

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False


@functools.cache  # locks are asked for at every poll
def _warn_of_no_locks(folder: Path) -> None:
    logger.warning("%s: this file system has no locks; start one run only", folder)


def is_at_work(paths: StorePaths, rank: int) -> bool:
    """Say whether a process holds the lock of this share."""
    lock = ShareLock(paths, rank)
    if not lock.path.exists():
        return False
    if lock.try_take():
        lock.release()
        return False
    return True


def await_first(paths: StorePaths, *, patience_s: float = START_PATIENCE_S) -> None:
    """Wait until process 0 is at work: it removes what is to be overwritten, and so must come first.

    Raises:
        WorkerError: It does not come.
    """
    deadline = time.monotonic() + patience_s
    while not is_at_work(paths, 0):
        if time.monotonic() >= deadline:
            raise WorkerError(
                f"{paths.directory}: process 0, which is to remove the old store, has not begun after {patience_s:.0f} "
                "s; start all processes with torchrun"
            )
        time.sleep(_LOCK_POLL_S)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a journal; [] when there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    entries = []
    for line in text.split("\n")[:-1]:
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return entries
