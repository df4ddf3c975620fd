"""What is there to evaluate: feature stores by row and corpus, text features, manifests with dialogues.

In: folders and names of the command line. Out: `Library` for `cells.py`. A store's own description says what it holds.
"""

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion2vec.data.manifest import read_card
from emotion2vec.errors import ConfigError, FeatureStoreError, ManifestError
from emotion2vec.features.store import FeatureStore
from emotion2vec.report.paper import paper_tables

logger = logging.getLogger(__name__)

# names that a store gives itself, of rows that the paper calls otherwise
_ALIASES = {"emotion2vec_base": "emotion2vec"}
_ROW = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
# setting `layer` of the probe -> extractions that serve it, the best first; `last4` is one layer, the mean of four
_PREFERRED = {"last": ("last", "all"), "last4": ("last4", "all")}


@dataclass(frozen=True)
class StoreEntry:
    """One feature store.

    Attributes:
        row: Row that it belongs to, a key of the paper's tables or a name of its own.
        title: What made the features, for tables.
        store: The store.
        is_named: The row was given on the command line.
    """

    row: str
    title: str
    store: FeatureStore
    is_named: bool = False

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.store.paths.directory

    @property
    def corpus(self) -> str:
        """Corpus of the utterances; empty where the store does not tell."""
        return str(self._get("corpus") or "")

    @property
    def layers(self) -> str:
        """Layers as they were extracted: `last`, `last4`, `all`, or numbers."""
        return str(self._get("layers") or "last")

    @property
    def num_layers(self) -> int:
        """Number of layers in the store."""
        return int(self._get("num_layers") or 1)

    @property
    def kind(self) -> str:
        """`frame`, `tokens` of an utterance, or another vector of the `utterance`."""
        if self._get("granularity") != "utterance":
            return "frame"
        return "tokens" if self._get("utterance_from") == "tokens" else "utterance"

    @property
    def synthetic(self) -> bool:
        """True when the speech is computer-generated."""
        return self._get("synthetic") is True

    @property
    def fingerprint(self) -> str:
        """What tells its contents from another's; of a store of another program, the time it was written."""
        store, rows = self.store, self.store.paths.npy.stat()
        lists = json.dumps(
            [store.ids, store.labels, store.speakers, store.sessions, store.splits]
        ).encode()
        known = self._get("rows_sha256") or self._get("fingerprint") or rows.st_mtime_ns
        return f"{known}:{rows.st_size}:{hashlib.sha256(lists).hexdigest()[:16]}"

    def serves(self, layer: str) -> bool:
        """Tell whether a probe can read this `layer` from it."""
        if self.layers not in _PREFERRED.get(layer, ("all",)):
            return False
        if self.layers != "all" or layer == "last":
            return True
        enough = {"last4": 4, "weighted": 2, "mean": 2}.get(layer, 1)
        return self.num_layers >= (int(layer) + 1 if layer.isdigit() else enough)

    def _get(self, key: str) -> Any:
        return self.store.header.get(key)


@dataclass(frozen=True)
class Library:
    """Everything that was given.

    Attributes:
        speech: Feature stores of speech.
        text: Feature stores of text.
        manifests: Corpus -> manifest.
    """

    speech: tuple[StoreEntry, ...]
    text: tuple[StoreEntry, ...]
    manifests: dict[str, Path]

    def find(self, row: str, corpus: str, kinds: Sequence[str], layer: str) -> StoreEntry | None:
        """Find the store of a row that fits best; None where there is none.

        Args:
            row: The row.
            corpus: The corpus.
            kinds: Kinds that will do, the best first.
            layer: Setting of the probe.
        """
        fitting = [
            entry
            for entry in self.speech
            if entry.row == row
            and entry.corpus == corpus
            and entry.kind in kinds
            and entry.serves(layer)
        ]
        order = _PREFERRED.get(layer, ("all",))
        return min(
            fitting,
            key=lambda entry: (
                kinds.index(entry.kind),
                order.index(entry.layers) if entry.layers in order else len(order),
            ),
            default=None,
        )


def open_library(
    features: Sequence[str], text_features: Sequence[str], manifests: Sequence[Path]
) -> Library:
    """Look through the folders.

    Args:
        features: `[ROW=]DIR`: a store, or a folder with stores in it.
        text_features: The same, of text.
        manifests: `<split>.tsv` of corpora, with `corpus.json` beside it.

    Raises:
        ConfigError: A wrong row, or two stores that nothing tells apart.
        FeatureStoreError: A folder holds no store, or a damaged one.
        ManifestError: A manifest does not tell its corpus.
    """
    return Library(_open_all(features), _open_all(text_features), _by_corpus(manifests))


def known_rows() -> dict[str, str]:
    """Return the rows of the paper's tables and their titles; a title of models goes before one of ablations."""
    tables = sorted(paper_tables().values(), key=lambda table: table.is_ablation)
    titles: dict[str, str] = {}
    for table in tables:
        for row in table.rows:
            titles.setdefault(row.key, row.title)
    return titles


def _open_all(arguments: Sequence[str]) -> tuple[StoreEntry, ...]:
    """Open every store; one that is reached twice belongs to the row that names it."""
    named = [_split(argument) for argument in arguments]
    found: dict[Path, StoreEntry] = {}
    for row, folder in sorted(named, key=lambda pair: not pair[0]):
        for place in _store_folders(folder):
            found.setdefault(place.resolve(), _entry(row, place))
    return tuple(_unambiguous(found.values()))


def _split(argument: str) -> tuple[str, Path]:
    """Split `ROW=DIR`; a folder whose name holds `=` may stand alone."""
    row, sign, folder = argument.partition("=")
    if not sign or Path(argument).exists():
        return "", Path(argument)
    if not _ROW.fullmatch(row):
        raise ConfigError(
            f"{argument!r}: {row!r} cannot name a row; expected letters, digits, and _ . + - between them, as in "
            f"emotion2vec={folder or 'DIR'}; rows of the paper are {sorted(known_rows())}"
        )
    return row, Path(folder)


def _store_folders(folder: Path) -> list[Path]:
    """Return the folders with a complete store, the given one included."""
    if not folder.is_dir():
        raise FeatureStoreError(
            f"no features {str(folder)!r}: no such folder; give [ROW=]DIR with stores that extract_features.py wrote"
        )
    places = []
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        stems = {name.removesuffix(".npy") for name in names if name.endswith(".npy")}
        if any(f"{stem}.json" in names for stem in stems):
            places.append(Path(parent))
        elif any(name.endswith(".partial.jsonl") for name in names):
            logger.warning("%s: its extraction has not finished, so it is left out", parent)
    if not places:
        raise FeatureStoreError(
            f"{folder}: neither a feature store nor a folder that holds one (no <split>.json with <split>.npy); make "
            "one with scripts/extract_features.py"
        )
    return places


def _entry(row: str, folder: Path) -> StoreEntry:
    store = FeatureStore.open(folder)
    name = str(store.header.get("name") or folder.name)
    own = re.sub(r"[^A-Za-z0-9_.+-]+", "_", name.removesuffix(".pt")).strip("_.") or "unnamed"
    key = row or _ALIASES.get(own, own)
    return StoreEntry(key, known_rows().get(key, row or name), store, is_named=bool(row))


def _unambiguous(entries: Iterable[StoreEntry]) -> list[StoreEntry]:
    """Leave out copies.

    Raises:
        ConfigError: Different stores of one row, corpus, kind and choice of layers.
    """
    kept: dict[tuple[str, ...], StoreEntry] = {}
    for entry in entries:
        place = (entry.row, entry.corpus, entry.kind, entry.layers)
        other = kept.setdefault(place, entry)
        if other.fingerprint != entry.fingerprint:
            raise ConfigError(
                f"{other.folder} and {entry.folder} both hold {entry.kind} features of "
                f"{entry.corpus or 'no corpus'} for the row {entry.row}, layers {entry.layers}; give one of them "
                "another row with ROW=DIR, or leave one out"
            )
    return list(kept.values())


def _by_corpus(manifests: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in manifests:
        if not path.is_file():
            raise ManifestError(
                f"no manifest {str(path)!r}: no such file; prepare_corpus.py makes it"
            )
        corpus = read_card(path.parent).get("name")
        if not corpus:
            raise ManifestError(
                f"{path}: corpus.json beside it does not name a corpus; prepare the corpus with prepare_corpus.py"
            )
        if corpus in found:
            raise ManifestError(
                f"{found[corpus]} and {path} are both of {corpus}; give one of them"
            )
        found[str(corpus)] = path
    return found
