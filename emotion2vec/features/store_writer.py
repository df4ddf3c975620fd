"""Write a feature store so that a killed run can go on where it stopped, with the same result bit for bit.

In: features of batches of utterances, in any order, from `pipeline.py`. Out: the files of `store.py`, in the
manifest's order. Rows go to `<split>.partial.f32` as they come; `<split>.partial.jsonl` gets one line for each batch
that is completely on disk. `finish` sorts the rows into place; every final file appears complete or not at all.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

import emotion2vec
from emotion2vec.data.manifest import Manifest
from emotion2vec.errors import FeatureStoreError
from emotion2vec.features.store import SCHEMA_VERSION, StorePaths, StoreSettings
from emotion2vec.files import replacing, write_lines


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


@dataclass(frozen=True)
class _Block:
    """Where the rows of one utterance lie in the partial file."""

    first: int
    count: int


class FeatureStoreWriter:
    """Collects the features of one manifest.

    Attributes:
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
    ) -> None:
        """Open a store for writing, or continue an unfinished one.

        Args:
            directory: Folder, made when missing.
            manifest: The utterances, in the order of the result.
            settings: What decides the numbers.
            card: The manifest folder's `corpus.json`; its `name` and `synthetic` are carried along.
            overwrite: Throw away whatever this split holds there.

        Raises:
            FeatureStoreError: The place holds a store of other settings or another manifest.
        """
        self.paths = StorePaths(Path(directory), manifest.name)
        self.skipped: dict[int, str] = {}
        self.is_complete = False
        self._manifest, self._settings, self._card = manifest, settings, card or {}
        self._fingerprint = _fingerprint(manifest, settings)
        self._blocks: dict[int, _Block] = {}
        self._tail: tuple[int, ...] | None = None
        self._num_rows = 0
        self.paths.directory.mkdir(parents=True, exist_ok=True)
        if overwrite:
            self._remove_all()
        if self.paths.json.exists():
            self._recognise_complete()
        else:
            self._resume()

    def is_done(self, index: int) -> bool:
        """Say whether the utterance at this position is on disk or skipped."""
        return self.is_complete or index in self._blocks or index in self.skipped

    def append(self, batch: Sequence[Computed | Skipped]) -> None:
        """Put one batch on disk; after a kill it is there as a whole or not at all.

        Raises:
            FeatureStoreError: Features are not finite or of another shape than those before.
        """
        blocks: dict[int, _Block] = {}
        skipped = {entry.index: entry.reason for entry in batch if isinstance(entry, Skipped)}
        with self.paths.partial_rows.open("r+b") as rows:
            rows.seek(self._num_rows * self._row_bytes())
            for entry in batch:
                if isinstance(entry, Computed):
                    first = self._num_rows + sum(block.count for block in blocks.values())
                    blocks[entry.index] = _Block(first, self._write_pieces(rows, entry))
            rows.flush()
            os.fsync(rows.fileno())
        line = {
            "rows": [[index, block.count] for index, block in blocks.items()],
            "skipped": list(skipped.items()),
            "tail": self._tail,
        }
        with self.paths.partial_journal.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(line) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
        self._blocks |= blocks
        self.skipped |= skipped
        self._num_rows += sum(block.count for block in blocks.values())

    def finish(self) -> None:
        """Sort the rows into the manifest's order and write the final files.

        Raises:
            FeatureStoreError: Not one utterance could be used.
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
            raise FeatureStoreError(
                f"none of {len(self._manifest.utterances)} utterances could be used, e.g. {name}{reason}"
            )
        self._write_rows(kept)
        write_lines(self.paths.lengths, [str(self._blocks[index].count) for index in kept])
        utterances = [self._manifest.utterances[index] for index in kept]
        # as in a manifest: a label that is unknown is empty, and a store without any has no such file
        if any(utterance.label is not None for utterance in utterances):
            lines = [f"{utterance.id}\t{utterance.label or ''}" for utterance in utterances]
            write_lines(self.paths.emo, lines)
        write_lines(self.paths.json, [json.dumps(self._header(kept), indent=1, ensure_ascii=False)])
        self._remove_partial()
        self.is_complete = True

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
            rows.write(np.ascontiguousarray(piece, dtype="<f4").tobytes())
            count += len(piece)
        return count

    def _write_rows(self, kept: Sequence[int]) -> None:
        """Copy the rows from the partial file to `<split>.npy`, one utterance at a time."""
        assert self._tail is not None
        source = np.memmap(
            self.paths.partial_rows, dtype="<f4", mode="r", shape=(self._num_rows, *self._tail)
        )
        total = sum(self._blocks[index].count for index in kept)
        with replacing(self.paths.npy) as temporary:
            target = np.lib.format.open_memmap(
                temporary, mode="w+", dtype="<f4", shape=(total, *self._tail)
            )
            position = 0
            for index in kept:
                block = self._blocks[index]
                target[position : position + block.count] = source[
                    block.first : block.first + block.count
                ]
                position += block.count
            target.flush()
            del target

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

    def _resume(self) -> None:
        """Read the journal of an unfinished run, or start one."""
        journal = self.paths.partial_journal
        entries = _read_journal(journal)
        if not entries:
            if self.paths.npy.exists():
                raise FeatureStoreError(
                    f"{self.paths.npy}: already there, but not written by this program; give another --out, or "
                    "--overwrite to replace it"
                )
            self.paths.partial_rows.write_bytes(b"")
            header = {"fingerprint": self._fingerprint, **self._settings.as_json()}
            write_lines(journal, [json.dumps(header)])
            return
        self._refuse_other(journal, entries[0])
        for entry in entries[1:]:
            self._tail = tuple(entry["tail"]) if entry["tail"] else self._tail
            self.skipped |= {index: reason for index, reason in entry["skipped"]}
            for index, count in entry["rows"]:
                self._blocks[index] = _Block(self._num_rows, count)
                self._num_rows += count
        # a batch that was cut short leaves half a line and rows beyond the last whole one
        write_lines(journal, [json.dumps(entry) for entry in entries])
        with self.paths.partial_rows.open("r+b") as rows:
            rows.truncate(self._num_rows * self._row_bytes())

    def _refuse_other(self, path: Path, found: dict[str, Any]) -> None:
        if found.get("fingerprint") == self._fingerprint:
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

    def _remove_partial(self) -> None:
        for path in (
            self.paths.partial_journal,
            self.paths.partial_rows,
            self.paths.with_suffix(".partial.npy"),
        ):
            path.unlink(missing_ok=True)

    def _remove_all(self) -> None:
        # the description first: without it nobody takes the rest for a complete store
        for path in (self.paths.json, self.paths.npy, self.paths.lengths, self.paths.emo):
            path.unlink(missing_ok=True)
        self._remove_partial()


def _fingerprint(manifest: Manifest, settings: StoreSettings) -> str:
    """Hash everything that decides the store's contents but the audio itself: that is told by its place alone."""
    rows = [list(asdict(utterance).values()) for utterance in manifest.utterances]
    root = str(manifest.root.resolve())
    text = json.dumps([manifest.name, root, settings.as_json(), rows], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_journal(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a journal; [] when there is none."""
    if not path.is_file():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return entries
