"""Write a feature store so that a killed run can go on where it stopped, with the same result bit for bit.

In: features of batches of utterances, in any order, from `pipeline.py`. Out: the files of `store.py`, in the
manifest's order. Rows go to the files of `partial.py` as they come, those of each process to its own; `finish` sorts
the rows of all into place. Every final file appears complete or not at all.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

import emotion2vec
from emotion2vec.data.manifest import Manifest
from emotion2vec.errors import FeatureStoreError
from emotion2vec.features.partial import (
    Block,
    Contents,
    Share,
    ShareLock,
    await_first,
    copy_rows,
    log_batch,
    mend_partial,
    partial_paths,
    ranks_found,
    read_partial,
    remove_leftovers,
    remove_partial,
    start_partial,
)
from emotion2vec.features.store import SCHEMA_VERSION, StorePaths, StoreSettings
from emotion2vec.files import replacing, write_lines

# how long process 0 waits for the others to leave, once they have written all
_LEAVING_S = 5.0


@dataclass(frozen=True)
class Computed:
    """Features of one utterance.

    Attributes:
        index: Position in the manifest.
        pieces: Its rows in order, each (T_i, D) or (T_i, L, D); hours of audio come in many pieces.
    """

    index: int
    pieces: Iterable[np.ndarray]


@dataclass(frozen=True)
class Skipped:
    """An utterance that cannot be used.

    Attributes:
        index: Position in the manifest.
        reason: What is wrong with it.
    """

    index: int
    reason: str


class FeatureStoreWriter:
    """Collects the features of one manifest, or one process' share of them.

    Attributes:
        share: Which process this is.
        is_complete: The store was already complete when it was opened.
        skipped: Reason for each utterance left out so far, by position in the manifest.
    """

    def __init__(
        self,
        directory: Path,
        *,
        manifest: Manifest,
        settings: StoreSettings,
        card: dict[str, Any] | None = None,
        overwrite: bool = False,
        share: Share | None = None,
    ) -> None:
        """Open a store for writing, or continue an unfinished one.

        Args:
            directory: Folder, made when missing.
            manifest: The utterances, in the order of the result.
            settings: What decides the numbers.
            card: The manifest folder's `corpus.json`; its `name` and `synthetic` are carried along.
            overwrite: Throw away whatever this split holds there.
            share: Which of several processes this is; by default the only one.

        Raises:
            FeatureStoreError: The place holds a store of other settings or another manifest, or another process is
                writing it.
        """
        self.share = share or Share()
        self.paths = StorePaths(Path(directory), manifest.name)
        self.skipped: dict[int, str] = {}
        self.is_complete = False
        self._manifest, self._settings, self._card = manifest, settings, card or {}
        self._overwrite = overwrite
        self._fingerprint = _fingerprint(manifest, settings)
        self._blocks: dict[int, Block] = {}
        self._tail: tuple[int, ...] | None = None
        self._num_rows = 0  # in the file of this process
        self.paths.directory.mkdir(parents=True, exist_ok=True)
        self._rows, self._journal = partial_paths(self.paths, self.share.rank)
        self._lock = ShareLock(self.paths, self.share.rank)
        self._lock.take()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        """Find out what is there already."""
        if self._overwrite:
            self._remove_all()
        if self._awaits_removal:
            await_first(self.paths)
        if self.paths.json.exists() and not self._awaits_removal:
            self._recognise_complete()
        else:
            self._resume()

    @property
    def _awaits_removal(self) -> bool:
        """Process 0 may be about to remove what is to be overwritten: what lies there tells nothing."""
        return self._overwrite and self.share.rank > 0

    def close(self) -> None:
        """Let other processes write this store; what is unfinished stays."""
        self._lock.release()

    def is_done(self, index: int) -> bool:
        """Say whether the utterance at this position is on disk or skipped."""
        return self.is_complete or index in self._blocks or index in self.skipped

    def append(self, batch: Sequence[Computed | Skipped]) -> None:
        """Put one batch on disk; after a kill it is there as a whole or not at all.

        Raises:
            FeatureStoreError: Features are not finite or of another shape than those before.
        """
        blocks: dict[int, Block] = {}
        skipped = {entry.index: entry.reason for entry in batch if isinstance(entry, Skipped)}
        first = self._num_rows
        with self._rows.open("r+b") as rows:
            rows.seek(first * self._row_bytes())
            for entry in batch:
                if isinstance(entry, Computed):
                    blocks[entry.index] = Block(self._rows, first, self._write_pieces(rows, entry))
                    first += blocks[entry.index].count
            rows.flush()
            os.fsync(rows.fileno())
        counts = [(index, block.count) for index, block in blocks.items()]
        log_batch(self._journal, rows=counts, skipped=skipped, tail=self._tail)
        self._blocks |= blocks
        self.skipped |= skipped
        self._num_rows = first

    def collect(self) -> int:
        """Read what the other processes have put on disk; returns how many utterances are missing still."""
        if self.is_complete:
            return 0
        for rank in ranks_found(self.paths):
            contents = None if rank == self.share.rank else read_partial(self.paths, rank)
            # while a run is to overwrite, a process that has not begun shows its older journal
            if contents is not None and self._is_ours(contents.header):
                self._take_in(contents)
        return sum(not self.is_done(index) for index in range(len(self._manifest.utterances)))

    def finish(self) -> None:
        """Sort the rows into the manifest's order and write the final files.

        Raises:
            FeatureStoreError: Not one utterance could be used, or rows of another process are gone.
        """
        if self.is_complete:
            return
        kept = sorted(self._blocks)
        if not kept:
            index, reason = next(
                iter(sorted(self.skipped.items())), (None, "the manifest is empty")
            )
            name = "" if index is None else f"{self._manifest.utterances[index].path}: "
            self._remove_partial()
            self.close()
            raise FeatureStoreError(
                f"none of {len(self._manifest.utterances)} utterances could be used, e.g. {name}{reason}"
            )
        rows_sha256 = self._write_rows(kept)
        write_lines(self.paths.lengths, [str(self._blocks[index].count) for index in kept])
        utterances = [self._manifest.utterances[index] for index in kept]
        # as in a manifest: a label that is unknown is empty, and a store without any has no such file
        if any(utterance.label is not None for utterance in utterances):
            lines = [f"{utterance.id}\t{utterance.label or ''}" for utterance in utterances]
            write_lines(self.paths.emo, lines)
        header = {"rows_sha256": rows_sha256, **self._header(kept)}
        write_lines(self.paths.json, [json.dumps(header, indent=1, ensure_ascii=False)])
        self._remove_partial(patience_s=_LEAVING_S)
        remove_leftovers(self.paths)
        self.is_complete = True
        self.close()

    def leave(self) -> None:
        """End a share that is not process 0's; of a store that was finished meanwhile nothing stays beside it."""
        if self.paths.json.exists() and not self._overwrite:
            remove_partial(self.paths, self.share.rank)
        self.close()

    def _write_pieces(self, rows: BinaryIO, entry: Computed) -> int:
        """Append the rows of one utterance; returns how many."""
        count = 0
        for piece in entry.pieces:
            name = self._manifest.utterances[entry.index].id
            if self._tail is None:
                self._tail = tuple(piece.shape[1:])
            if tuple(piece.shape[1:]) != self._tail:
                raise FeatureStoreError(
                    f"{name!r}: features of shape {piece.shape[1:]}, but those before have {self._tail}"
                )
            if not np.isfinite(piece).all():
                raise FeatureStoreError(
                    f"{name!r}: the model gives NaN or infinity; the checkpoint is damaged, or --dtype is too narrow"
                )
            rows.write(np.ascontiguousarray(piece, dtype="<f4").data)
            count += len(piece)
        return count

    def _write_rows(self, kept: Sequence[int]) -> str:
        """Copy the rows from the partial files to `<split>.npy`; returns their SHA-256.

        Through a small buffer: a mapped file would count as memory of this process, hours of audio as gigabytes.
        """
        assert self._tail is not None
        total = sum(self._blocks[index].count for index in kept)
        shape = {"descr": "<f4", "fortran_order": False, "shape": (total, *self._tail)}
        digest = hashlib.sha256()
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self.paths.npy))
            target = stack.enter_context(temporary.open("wb"))
            sources = {
                path: stack.enter_context(path.open("rb"))
                for path in sorted({self._blocks[index].rows for index in kept})
            }
            np.lib.format.write_array_header_1_0(target, shape)
            for index in kept:
                block = self._blocks[index]
                source = sources[block.rows]
                source.seek(block.first * self._row_bytes())
                copy_rows(source, [target.write, digest.update], block.count * self._row_bytes())
            target.flush()
        return digest.hexdigest()

    def _header(self, kept: Sequence[int]) -> dict[str, Any]:
        """Build `<split>.json`."""
        assert self._tail is not None
        utterances = [self._manifest.utterances[index] for index in kept]
        return {
            "schema_version": SCHEMA_VERSION,
            "split": self._manifest.name,
            "corpus": self._card.get("name"),
            "synthetic": bool(self._card.get("synthetic", False)),
            **self._settings.as_json(),
            "dim": self._tail[-1],
            "num_layers": self._tail[0] if len(self._tail) == 2 else 1,
            "skipped": [
                {
                    "id": self._manifest.utterances[index].id,
                    "path": self._manifest.utterances[index].path,
                    "reason": reason,
                }
                for index, reason in sorted(self.skipped.items())
            ],
            "software": {"emotion2vec": emotion2vec.__version__, "torch": torch.__version__},
            "fingerprint": self._fingerprint,
            "ids": [utterance.id for utterance in utterances],
            "speakers": [utterance.speaker for utterance in utterances],
            "sessions": [utterance.session for utterance in utterances],
            "splits": [utterance.split for utterance in utterances],
        }

    def _recognise_complete(self) -> None:
        """Accept a finished store of the same settings, refuse any other."""
        try:
            header = json.loads(self.paths.json.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError):
            header = {}
        self._refuse_other(self.paths.json, header if isinstance(header, dict) else {})
        for path in (self.paths.npy, self.paths.lengths):
            if not path.is_file():
                raise FeatureStoreError(
                    f"{path}: is missing, though {self.paths.json.name} calls the store complete; give --overwrite to "
                    "extract again"
                )
        positions = {
            utterance.id: index for index, utterance in enumerate(self._manifest.utterances)
        }
        self.skipped = {positions[row["id"]]: row["reason"] for row in header["skipped"]}
        self.is_complete = True
        self._remove_partial()
        self.close()

    def _resume(self) -> None:
        """Read the journals of an unfinished run, and begin or mend this process' own."""
        found = {rank: read_partial(self.paths, rank) for rank in ranks_found(self.paths)}
        if not any(found.values()) and self.paths.npy.exists() and not self._awaits_removal:
            raise FeatureStoreError(
                f"{self.paths.npy}: already there, but not written by this program; give another --out, or "
                "--overwrite to replace it"
            )
        for rank, contents in found.items():
            if contents is not None and not (self._awaits_removal and rank != self.share.rank):
                self._refuse_other(partial_paths(self.paths, rank)[1], contents.header)
                self._take_in(contents)
        own = found.get(self.share.rank)
        if own is None:
            header = {"fingerprint": self._fingerprint, **self._settings.as_json()}
            start_partial(self.paths, self.share.rank, header)
        else:
            mend_partial(self.paths, self.share.rank, own)
            self._num_rows = own.num_rows

    def _take_in(self, contents: Contents) -> None:
        """Count what a journal tells as done."""
        if contents.tail is not None and self._tail not in (None, contents.tail):
            raise FeatureStoreError(
                f"{self.paths.directory}: processes wrote features of shapes {self._tail} and {contents.tail}; give "
                "--overwrite to extract again"
            )
        self._tail = contents.tail or self._tail
        self._blocks |= {i: block for i, block in contents.blocks.items() if i not in self._blocks}
        self.skipped |= contents.skipped

    def _is_ours(self, header: dict[str, Any]) -> bool:
        return header.get("fingerprint") == self._fingerprint

    def _refuse_other(self, path: Path, found: dict[str, Any]) -> None:
        if self._is_ours(found):
            return
        names = ("name", "granularity", "layers", "dtype")
        there = (
            ", ".join(str(found[name]) for name in names if name in found) or "something unreadable"
        )
        raise FeatureStoreError(
            f"{path}: this place holds features of {there}, made with other settings, another checkpoint or another "
            f"manifest than asked for ({self._settings.describe()}); give another --out, or --overwrite to replace them"
        )

    def _row_bytes(self) -> int:
        return 4 * int(np.prod(self._tail)) if self._tail else 0

    def _remove_partial(self, *, patience_s: float = 0.0) -> None:
        """Remove what is unfinished; of process 0 all shares, but of none that is at work."""
        remove_partial(self.paths, self.share.rank)
        self.paths.with_suffix(".partial.npy").unlink(missing_ok=True)
        for rank in ranks_found(self.paths) if self.share.rank == 0 else ():
            lock = ShareLock(self.paths, rank)
            if rank > 0 and lock.try_take(patience_s=patience_s):
                remove_partial(self.paths, rank)
                lock.release()

    def _remove_all(self) -> None:
        # the description first: without it nobody takes the rest for a complete store
        final = (self.paths.json, self.paths.npy, self.paths.lengths, self.paths.emo)
        for path in final if self.share.rank == 0 else ():
            path.unlink(missing_ok=True)
        self._remove_partial()


def _fingerprint(manifest: Manifest, settings: StoreSettings) -> str:
    """Hash everything that decides the store's contents but the audio itself: that is told by its place alone."""
    rows = [list(asdict(utterance).values()) for utterance in manifest.utterances]
    root = str(manifest.root.resolve())
    text = json.dumps([manifest.name, root, settings.as_json(), rows], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
