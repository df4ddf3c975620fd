"""Reads rows of a feature store: which layer, which utterances, every frame or the mean of each utterance.

In: the array of a store, mapped into memory. Out: float32 in memory, checked to be finite, for `store.py`. Works piece
by piece, so nothing but the result takes memory. F frames, N utterances, L layers, D width.
"""

import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotion2vec.errors import FeatureStoreError

ALL_LAYERS = "weighted"  # of a learned weighted sum: all that are there
_LAST4 = "last4"
_PIECE_VALUES = 16_000_000  # 64 MB in float32


@dataclass(frozen=True)
class StoredRows:
    """All rows of a store.

    Attributes:
        path: The file, for messages.
        rows: (F, D) or (F, L, D), mapped.
        lengths_N: Rows of each utterance, (N,).
        ids: Utterance ids, N.
        layers: What the store was extracted with, e.g. `last`, `all`, `last4`.
    """

    path: Path
    rows: np.ndarray
    lengths_N: np.ndarray
    ids: Sequence[str]
    layers: str

    def read(self, layer: str, positions: np.ndarray, *, average: bool) -> np.ndarray:
        """Read utterances into memory.

        Args:
            layer: `last`, `mean`, `last4`, `weighted` (all layers), or a position from 0.
            positions: Utterances to read, in this order, (n,).
            average: Take the mean over each utterance's rows.

        Returns:
            float32, (sum of lengths, D), with all layers (..., L, D); one row an utterance where averaged.

        Raises:
            FeatureStoreError: No such layer, or a value that is not finite (names the utterance).
        """
        pick = self._picker(layer)
        lengths = self.lengths_N[positions]
        tail = pick(self.rows[:1]).shape[1:]
        number = len(positions) if average else int(lengths.sum())
        result = np.empty((number, *tail), dtype=np.float32)
        starts_N, not_finite = np.cumsum(self.lengths_N) - self.lengths_N, []
        filled, read, most = 0, 0, self._rows_of_a_piece()
        for piece in self._pieces(positions):
            last = starts_N[piece[-1]] + self.lengths_N[piece[-1]]
            rows = np.asarray(pick(self.rows[starts_N[piece[0]] : last]), dtype=np.float32)
            not_finite += self._find_not_finite(rows, piece)
            if average:
                rows = _means(rows, self.lengths_N[piece])
            result[filled : filled + len(rows)] = rows
            filled += len(rows)
            read += int(last - starts_N[piece[0]])
            if read >= most:
                self._forget_pages()
                read = 0
        if not_finite:
            raise FeatureStoreError(
                f"{self.path}: {len(not_finite)} of {int(lengths.sum())} rows hold NaN or infinity, the first of "
                f"utterance {self.ids[not_finite[0]]!r}; extract it again with --overwrite"
            )
        return result

    def _picker(self, layer: str) -> Callable[[np.ndarray], np.ndarray]:
        """Return what picks a layer of rows (n, L, D)."""
        num_layers = self.rows.shape[1] if self.rows.ndim == 3 else 1
        self._refuse_other_layers(layer, num_layers)
        if layer == _LAST4 and self.layers != _LAST4:
            if num_layers < 4:
                raise FeatureStoreError(
                    f"{self.path}: the mean of the last four layers is wanted, but the store has {num_layers} (layers "
                    f"{self.layers}); extract with --layers last4 or --layers all"
                )
            return lambda rows: rows[:, -4:].mean(axis=1, dtype=np.float32)
        if layer == ALL_LAYERS:
            if num_layers < 2:
                raise FeatureStoreError(
                    f"{self.path}: a weighted sum needs several layers, but the store has one (layers {self.layers}); "
                    "extract with --layers all"
                )
            return lambda rows: rows
        if self.rows.ndim == 2 and not layer.isdigit():
            return lambda rows: rows
        if layer == "mean":
            return lambda rows: rows.mean(axis=1, dtype=np.float32)
        position = num_layers - 1 if layer in ("last", _LAST4) else int(layer)
        if position >= num_layers:
            raise FeatureStoreError(
                f"{self.path}: layer {layer} is not there, the store has the positions 0 to {num_layers - 1}; "
                "extract with --layers all, or choose another layer"
            )
        return lambda rows: rows[:, position] if rows.ndim == 3 else rows

    def _refuse_other_layers(self, layer: str, num_layers: int) -> None:
        """Refuse what would be another layer under the name of the one that is wanted."""
        own = ""
        if self.layers == _LAST4 and layer in ("last", "mean"):
            own = f"layer={_LAST4}"
        elif self.layers[:1].isdigit() and layer in ("last", "mean", _LAST4):
            own = "layer=0, the first of those, or another position"
        if own:
            raise FeatureStoreError(
                f"{self.path}: layer={layer} is wanted, but the store was extracted with --layers {self.layers}; say "
                f"{own}, or extract with --layers all"
            )
        if layer == "mean" and num_layers == 1:
            raise FeatureStoreError(
                f"{self.path}: the mean of all layers is wanted, but the store has one (layers {self.layers}); extract "
                "with --layers all"
            )

    def _pieces(self, positions: np.ndarray) -> Iterator[np.ndarray]:
        """Cut the positions into neighbours of the file that fit a piece together."""
        most = self._rows_of_a_piece()
        start, rows = 0, 0
        for index, position in enumerate(positions):
            length = int(self.lengths_N[position])
            follows = index == start or position == positions[index - 1] + 1
            if index > start and (not follows or rows + length > most):
                yield positions[start:index]
                start, rows = index, 0
            rows += length
        if len(positions):
            yield positions[start:]

    def _rows_of_a_piece(self) -> int:
        return max(1, _PIECE_VALUES // int(np.prod(self.rows.shape[1:])))

    def _forget_pages(self) -> None:
        """Give pages of the file back: mapped, they count as memory of this process beside the copy."""
        mapped = getattr(self.rows, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)

    def _find_not_finite(self, rows: np.ndarray, piece: np.ndarray) -> list[int]:
        """Return the utterance of each row that holds NaN or infinity."""
        finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
        if finite.all():
            return []
        owners: list[int] = np.repeat(piece, self.lengths_N[piece])[~finite].tolist()
        return owners


def _means(rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Average each utterance's rows in float64: (sum of lengths, ...) -> (n, ...)."""
    starts = np.cumsum(lengths) - lengths
    sums: np.ndarray = np.add.reduceat(rows, starts, axis=0, dtype=np.float64)
    return sums / lengths.reshape(-1, *[1] * (rows.ndim - 1))
