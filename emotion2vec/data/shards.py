"""Many small files into a few large ones: a manifest folder whose audio lies in tar shards.

In: manifest folder. Out: a folder with shards and the same manifest, which names each utterance by the place of its
bytes, `shard-00003.tar:1536:48211`. The bytes of the files are copied as they are, so batches are the same. Each member
is followed by a JSON of the same name: WebDataset reads the shards as samples of the keys `flac` (or `wav`) and `json`.
"""

import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from emotion2vec.audio.shard import TAR_BLOCK
from emotion2vec.data.manifest import (
    Manifest,
    read_card,
    read_splits,
    write_split,
    write_table,
)
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, ManifestError
from emotion2vec.files import write_text
from emotion2vec.progress import progress

# first bytes of what fairseq reads from inside another file
_FORMATS = {b"fLaC": "flac", b"RIFF": "wav", b"OggS": "ogg"}
_LONGEST_NAME = 80  # a plain tar header holds 100 bytes


@dataclass(frozen=True)
class Sharded:
    """What was written.

    Attributes:
        out: The folder.
        num_utterances: Sound files in the shards.
        num_shards: Tar files.
        num_bytes: Their size.
    """

    out: Path
    num_utterances: int
    num_shards: int
    num_bytes: int


def write_shards(folder: Path, out: Path, *, shard_bytes: int) -> Sharded:
    """Copy the audio of a manifest folder into shards, and its manifest with the new paths.

    Utterances are ordered by length: those of a batch then lie near each other.

    Args:
        folder: Manifest folder; all of its splits are written.
        out: Folder to make; it appears when everything is written.
        shard_bytes: A shard is closed when it has this size.

    Raises:
        ManifestError: The manifest is malformed or has segments of longer files, or `out` exists.
        AudioError: A file is missing, or neither FLAC nor WAV nor Ogg.
    """
    out = Path(out)
    if out.exists():
        raise ManifestError(f"{out}: exists already; name a new folder, or remove it first")
    manifests = read_splits(folder)
    places = _unique_utterances(manifests)
    partial = out.with_name(f".{out.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        paths = _copy_audio(places, partial, shard_bytes)
        for manifest in manifests:
            rows = [replace(row, path=paths[row.id]) for row in manifest.utterances]
            write_split(partial / f"{manifest.name}.tsv", root=out, utterances=rows)
        write_table(partial, [replace(row, path=paths[row.id]) for _, row in places])
        shards = sorted(partial.glob("*.tar"))
        card = {**read_card(folder), "shards": len(shards)}
        write_text(partial / "corpus.json", json.dumps(card, indent=2, ensure_ascii=False) + "\n")
        num_bytes = sum(shard.stat().st_size for shard in shards)
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Sharded(out, len(places), len(shards), num_bytes)


def _unique_utterances(manifests: Sequence[Manifest]) -> list[tuple[Path, Utterance]]:
    """Collect each utterance of the splits once, in their order, with its file.

    Raises:
        ManifestError: One is a segment of a longer file, or one id names two files.
    """
    places: dict[str, tuple[Path, Utterance]] = {}
    for manifest in manifests:
        for row in manifest.utterances:
            if row.start_sample is not None or row.end_sample is not None:
                raise ManifestError(
                    f"{row.id!r} is a segment of the longer file {row.path}, and a shard holds whole files; prepare "
                    "the corpus with --audio-out, which cuts them"
                )
            path = manifest.root.resolve() / row.path
            if places.setdefault(row.id, (path, row))[0] != path:
                raise ManifestError(
                    f"the id {row.id!r} names two files: {places[row.id][0]} and {path}"
                )
    return list(places.values())


def _copy_audio(
    places: Sequence[tuple[Path, Utterance]], folder: Path, shard_bytes: int
) -> dict[str, str]:
    """Write the shards; returns id -> path of the manifest."""
    paths: dict[str, str] = {}
    shards = _Shards(folder, shard_bytes)
    ordered = sorted(places, key=lambda place: (place[1].num_samples, place[1].id))
    try:
        for number, (path, row) in enumerate(
            progress(ordered, description="shard", total=len(ordered), unit="file")
        ):
            key = f"{number:08d}_{re.sub(r'[^A-Za-z0-9_-]', '_', row.id)[:_LONGEST_NAME]}"
            paths[row.id] = shards.add(key, path, _facts(row))
    finally:
        shards.close()
    return paths


def _facts(row: Utterance) -> bytes:
    known = {k: v for k, v in vars(row).items() if v is not None and k != "path"}
    return json.dumps(known, ensure_ascii=False).encode()


class _Shards:
    """Tar files written one after the other; the same input gives the same bytes."""

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        self._folder = folder
        self._shard_bytes = shard_bytes
        self._number = -1
        self._tar: tarfile.TarFile | None = None

    def add(self, key: str, path: Path, facts: bytes) -> str:
        """Add a file and its facts; returns `SHARD:OFFSET:SIZE`."""
        if self._tar is None or self._tar.offset >= self._shard_bytes:
            self.close()
            self._number += 1
            self._tar = tarfile.open(self._path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                name = f"{key}.{_format(file, path)}"
                offset = self._tar.offset + TAR_BLOCK
                self._tar.addfile(_header(name, size), file)
        except FileNotFoundError as error:
            raise AudioError(path, "does not exist; see `emotion2vec check`") from error
        self._tar.addfile(_header(f"{key}.json", len(facts)), io.BytesIO(facts))
        return f"{self._path.name}:{offset}:{size}"

    def close(self) -> None:
        """Finish the tar that is being written."""
        if self._tar is not None:
            self._tar.close()

    @property
    def _path(self) -> Path:
        return self._folder / f"shard-{self._number:05d}.tar"


def _format(file: BinaryIO, path: Path) -> str:
    """Tell the format by the first bytes, and go back to them."""
    start = file.read(4)
    file.seek(0)
    if start not in _FORMATS:
        reason = "is neither FLAC nor WAV nor Ogg, which shards hold; prepare the corpus with --audio-out"
        raise AudioError(path, reason)
    return _FORMATS[start]


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header
