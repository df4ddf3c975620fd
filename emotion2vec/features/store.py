"""Feature store: the files that hold features, and their reader.

In: what `store_writer.py` wrote: `<split>.npy`, `.lengths`, `.emo`, `.json`. Out: `FeatureStore` for `probe/` and
`report/`. The first three files are what the authors' downstream code reads. N utterances, T frames, L layers, D width.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotion2vec.errors import FeatureStoreError
from emotion2vec.features.rows import StoredRows

SCHEMA_VERSION = 1
_MAKE_IT = "make it with scripts/extract_features.py"


@dataclass(frozen=True)
class CheckpointIdentity:
    """Where features come from.

    Attributes:
        path: File name of the checkpoint; None for a baseline without one.
        sha256: Digest of that file; None without one.
        kind: What it is: `fairseq`, `hub`, `untrained`, `baseline`, ...
    """

    path: str | None
    sha256: str | None
    kind: str


@dataclass(frozen=True)
class StoreSettings:
    """Everything but the audio that decides the numbers in a store.

    Attributes:
        name: Name to show: the checkpoint's or the baseline's.
        checkpoint: Where the features come from.
        layers: `last`, `all`, `last4`, or layer numbers such as `3` or `0,12`.
        granularity: `frame` or `utterance`.
        utterance_from: `frames`, `tokens` or `both`; matters for `utterance` only.
        dtype: Precision of the computation; the store itself is float32.
        frame_rate_hz: Frames a second.
    """

    name: str
    checkpoint: CheckpointIdentity
    layers: str
    granularity: str
    utterance_from: str
    dtype: str
    frame_rate_hz: float

    def describe(self) -> str:
        """Name the settings in a few words, for messages."""
        digest = self.checkpoint.sha256[:8] if self.checkpoint.sha256 else "no checkpoint"
        pooled = f" from {self.utterance_from}" if self.granularity == "utterance" else ""
        return f"{self.name} ({digest}), {self.granularity}{pooled}, layers {self.layers}, {self.dtype}"

    def as_json(self) -> dict[str, Any]:
        """Return the settings as they stand in `<split>.json`."""
        return asdict(self)


@dataclass(frozen=True)
class StorePaths:
    """The files of one split of a store."""

    directory: Path
    split: str

    def with_suffix(self, suffix: str) -> Path:
        """Return the file `<split><suffix>`."""
        return self.directory / f"{self.split}{suffix}"

    @property
    def npy(self) -> Path:
        """All rows of all utterances."""
        return self.with_suffix(".npy")

    @property
    def lengths(self) -> Path:
        """Rows of each utterance, one integer a line."""
        return self.with_suffix(".lengths")

    @property
    def emo(self) -> Path:
        """`id<TAB>label` a line."""
        return self.with_suffix(".emo")

    @property
    def json(self) -> Path:
        """Ids, settings and versions; written last: a store without it is not complete."""
        return self.with_suffix(".json")

    @property
    def partial_rows(self) -> Path:
        """Rows of an unfinished run, in the order of computation."""
        return self.with_suffix(".partial.f32")

    @property
    def partial_journal(self) -> Path:
        """Which utterances `partial_rows` holds."""
        return self.with_suffix(".partial.jsonl")


@dataclass(frozen=True)
class FeatureStore:
    """One split of a feature store, checked.

    Attributes:
        paths: Its files.
        header: Contents of `<split>.json` without the lists below.
        ids: Utterance ids, in the order of the rows.
        labels: Label of each utterance; None where unknown.
        speakers: Speaker of each utterance; None where unknown.
        sessions: Session of each utterance; None where unknown.
        splits: The corpus' own partition of each utterance; None where unknown.
        lengths_N: Rows of each utterance, (N,) int64.
    """

    paths: StorePaths
    header: dict[str, Any]
    ids: tuple[str, ...]
    labels: tuple[str | None, ...]
    speakers: tuple[str | None, ...]
    sessions: tuple[str | None, ...]
    splits: tuple[str | None, ...]
    lengths_N: np.ndarray

    @classmethod
    def open(cls, directory: Path | str, split: str | None = None) -> "FeatureStore":
        """Open and check a store.

        Args:
            directory: Folder that `extract_features.py --out` wrote.
            split: Which split; by default the only one there.

        Raises:
            FeatureStoreError: A file is missing or cut short, or the files disagree.
        """
        paths = StorePaths(Path(directory), split or _only_split(Path(directory)))
        header = _read_header(paths)
        ids = tuple(header.pop("ids"))
        lists = {
            name: _read_list(paths, header, name, len(ids))
            for name in ("speakers", "sessions", "splits")
        }
        store = cls(
            paths, header, ids, _read_labels(paths, ids), lengths_N=_read_lengths(paths), **lists
        )
        store._check_rows()
        return store

    def rows(self) -> np.ndarray:
        """Map all rows into memory, read-only: (sum T, D), (sum T, L, D), or N instead of sum T.

        Raises:
            FeatureStoreError: The array is missing or cut short.
        """
        try:
            rows: np.ndarray = np.load(self.paths.npy, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            reason = (
                "is missing"
                if not self.paths.npy.is_file()
                else f"is damaged or cut short ({error})"
            )
            raise FeatureStoreError(
                f"{self.paths.npy}: {reason}; extract it again with --overwrite"
            ) from error
        return rows

    def load(
        self, layer: str = "last", positions: np.ndarray | None = None, *, average: bool = False
    ) -> np.ndarray:
        """Read utterances into memory as float32 and check that they are finite.

        Args:
            layer: Of a store with several layers: `last`, `mean` over them, `last4` (mean of the last four), `weighted`
                (all of them, for a learned sum), or the position from 0.
            positions: Utterances to read, in this order; None reads all.
            average: Take the mean over each utterance's rows.

        Returns:
            (sum T, D), with `weighted` (sum T, L, D); N rows of a store with granularity `utterance` or when averaged.

        Raises:
            FeatureStoreError: The array is missing, cut short, not finite (names the utterance) or has no such layer.
        """
        stored = StoredRows(
            self.paths.npy, self.rows(), self.lengths_N, self.ids, str(self.header.get("layers"))
        )
        chosen = np.arange(len(self.ids)) if positions is None else positions
        return stored.read(layer, chosen, average=average)

    def _check_rows(self) -> None:
        rows = self.rows()
        if len(self.lengths_N) != len(self.ids):
            raise FeatureStoreError(
                f"{self.paths.lengths}: {len(self.lengths_N)} lines, but {self.paths.json.name} has {len(self.ids)} "
                "ids; the files are not of one run: extract again with --overwrite"
            )
        if rows.ndim not in (2, 3) or int(self.lengths_N.sum()) != len(rows):
            raise FeatureStoreError(
                f"{self.paths.lengths}: the lengths add up to {int(self.lengths_N.sum())} rows, but "
                f"{self.paths.npy.name} has shape {rows.shape}; extract again with --overwrite"
            )


def _only_split(directory: Path) -> str:
    """Find the one split of a folder."""
    if not directory.is_dir():
        raise FeatureStoreError(f"no feature store {str(directory)!r}: no such folder; {_MAKE_IT}")
    splits = sorted(
        path.stem for path in directory.glob("*.json") if path.with_suffix(".npy").exists()
    )
    if "all" in splits or len(splits) == 1:
        return "all" if "all" in splits else splits[0]
    if splits:
        raise FeatureStoreError(
            f"{directory}: holds the splits {splits}; say which one with split=NAME"
        )
    unfinished = sorted(
        path.name.removesuffix(".partial.jsonl") for path in directory.glob("*.partial.jsonl")
    )
    if unfinished:
        raise FeatureStoreError(
            f"{directory}: the extraction of {unfinished} has not finished; run the same command again to continue it"
        )
    raise FeatureStoreError(
        f"{directory}: holds no feature store (no <split>.json with <split>.npy); {_MAKE_IT}"
    )


def _read_header(paths: StorePaths) -> dict[str, Any]:
    if not paths.json.is_file():
        raise FeatureStoreError(f"{paths.json}: no such file; {_MAKE_IT}")
    try:
        header = json.loads(paths.json.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FeatureStoreError(
            f"{paths.json}: not valid JSON ({error}); extract again with --overwrite"
        ) from error
    if not isinstance(header, dict) or not isinstance(header.get("ids"), list):
        raise FeatureStoreError(
            f"{paths.json}: not a feature store's description (no list 'ids'); {_MAKE_IT}"
        )
    if header.get("schema_version") != SCHEMA_VERSION:
        raise FeatureStoreError(
            f"{paths.json}: schema_version is {header.get('schema_version')!r}, but this version reads {SCHEMA_VERSION}"
        )
    return header


def _read_list(
    paths: StorePaths, header: dict[str, Any], name: str, count: int
) -> tuple[str | None, ...]:
    values = header.pop(name, None) or [None] * count
    if len(values) != count:
        raise FeatureStoreError(
            f"{paths.json}: {len(values)} {name}, but {count} ids; extract again with --overwrite"
        )
    return tuple(values)


def _read_lengths(paths: StorePaths) -> np.ndarray:
    if not paths.lengths.is_file():
        raise FeatureStoreError(f"{paths.lengths}: is missing; extract again with --overwrite")
    lines = paths.lengths.read_text(encoding="utf-8").split()
    wrong = [line for line in lines if not line.isdigit() or int(line) < 1]
    if wrong:
        raise FeatureStoreError(
            f"{paths.lengths}: expected one number > 0 a line, but found {wrong[:3]}"
        )
    return np.array([int(line) for line in lines], dtype=np.int64)


def _read_labels(paths: StorePaths, ids: tuple[str, ...]) -> tuple[str | None, ...]:
    if not paths.emo.is_file():
        return (None,) * len(ids)
    # only "\n" ends a line: an id may hold the other characters that `splitlines` takes for one
    lines = paths.emo.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    rows = [line.split("\t") for line in lines]
    if [row[0] for row in rows] != list(ids) or any(len(row) != 2 for row in rows):
        raise FeatureStoreError(
            f"{paths.emo}: its {len(rows)} lines 'id<TAB>label' are not the {len(ids)} ids of {paths.json.name} in "
            "order; extract again with --overwrite"
        )
    return tuple(row[1] or None for row in rows)
