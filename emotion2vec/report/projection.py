"""How well the probe's first layer separates the classes, and its picture in two dimensions.

In: `Embeddings`. Out: `Separation` (figures over all folds) and `Projection` (one fold in 2-D), for `plots.py` and
`picture.py`.
Paper: Section 5.6 (UMAP of the first linear layer). N utterances, D width.

Every fold trains a head of its own, so embeddings of two folds do not share a space: figures are computed inside each
fold and averaged, and a picture shows one fold.
"""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion2vec.report.arousal import HIGH, arousal_of
from emotion2vec.report.records import Embeddings

NUM_NEIGHBOURS = 10  # of the k-nearest-neighbour figure
MAX_POINTS = 2000  # per fold: distances are N x N
MIN_POINTS_FOR_UMAP = 10

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Separation:
    """How far the classes are apart in the embedding space (not in the picture); means over folds.

    Attributes:
        silhouette: Mean silhouette of the true classes, -1 to 1; NaN when no fold has two classes.
        knn_accuracy: Percent of utterances whose class is the majority of their nearest neighbours in the fold.
        num_neighbours: Neighbours asked.
        num_folds: Folds averaged.
    """

    silhouette: float
    knn_accuracy: float
    num_neighbours: int
    num_folds: int

    @property
    def silhouette_text(self) -> str:
        """The silhouette with three decimals."""
        return "undefined" if np.isnan(self.silhouette) else f"{self.silhouette:.3f}"

    @property
    def accuracy_text(self) -> str:
        """The accuracy in percent with one decimal."""
        return "undefined" if np.isnan(self.knn_accuracy) else f"{self.knn_accuracy:.1f} %"

    def __str__(self) -> str:
        """Say the figures in words."""
        return (
            f"silhouette {self.silhouette_text}, {self.num_neighbours}-nearest-neighbour accuracy "
            f"{self.accuracy_text} (mean of {self.num_folds} folds)"
        )


@dataclass(frozen=True)
class Projection:
    """One fold's test utterances in two dimensions.

    Attributes:
        xy_N2: Positions, (N, 2).
        label_index_N: Classes, (N,).
        fold: Which fold.
        method: "UMAP" or "PCA".
    """

    xy_N2: NDArray[np.float64]
    label_index_N: NDArray[np.int64]
    fold: int
    method: str


def measure_separation(embeddings: Embeddings) -> Separation:
    """Compute silhouette and nearest-neighbour accuracy in each fold and average them."""
    folds, counts = np.unique(embeddings.fold_N, return_counts=True)
    for fold, count in zip(folds, counts, strict=True):
        if count > MAX_POINTS:
            logger.warning("fold %d: %d of its %d utterances used", fold, MAX_POINTS, count)
    silhouettes, accuracies = [], []
    for fold in folds:
        x_ND, label_index_N = _fold_points(embeddings, int(fold))
        distance_NN = pairwise_distances(x_ND)
        silhouettes.append(silhouette_score(distance_NN, label_index_N))
        accuracies.append(knn_accuracy(distance_NN, label_index_N, num_neighbours=NUM_NEIGHBOURS))
    return Separation(_mean(silhouettes), _mean(accuracies), NUM_NEIGHBOURS, len(silhouettes))


def measure_arousal_separation(embeddings: Embeddings, labels: Sequence[str]) -> Separation:
    """Compute the figures for the groups of low and high arousal in place of the classes.

    Args:
        embeddings: All folds.
        labels: Names of the classes; utterances of one without a group are left out.
    """
    group_K = np.array([_group_index(label) for label in labels])
    group_N = group_K[embeddings.label_index_N]
    kept_N = group_N >= 0
    return measure_separation(
        Embeddings(embeddings.x_ND[kept_N], group_N[kept_N], embeddings.fold_N[kept_N])
    )


def project(embeddings: Embeddings, *, fold: int, seed: int = 1) -> Projection:
    """Lay one fold out in two dimensions: UMAP where installed and enough points, else PCA.

    Args:
        embeddings: All folds.
        fold: The one to show.
        seed: Of UMAP's layout.
    """
    x_ND, label_index_N = _fold_points(embeddings, fold)
    xy_N2 = _umap(x_ND, seed=seed) if len(x_ND) >= MIN_POINTS_FOR_UMAP else None
    if xy_N2 is not None:
        return Projection(xy_N2, label_index_N, fold, "UMAP")
    return Projection(_pca(x_ND), label_index_N, fold, "PCA")


def pairwise_distances(x_ND: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Euclidean distances, (N, N)."""
    square_N = np.sum(x_ND**2, axis=1)
    square_NN = square_N[:, None] + square_N[None, :] - 2 * x_ND @ x_ND.T
    distance_NN: NDArray[np.float64] = np.sqrt(np.maximum(square_NN, 0.0))
    np.fill_diagonal(distance_NN, 0.0)
    return distance_NN


def silhouette_score(distance_NN: NDArray[np.float64], label_index_N: NDArray[np.int64]) -> float:
    """Average (b - a) / max(a, b) over the points (Rousseeuw, 1987).

    a is the mean distance to the own class, b that to the nearest other class; a point alone in its class counts 0.

    Args:
        distance_NN: Distances, (N, N).
        label_index_N: Classes, (N,).

    Returns:
        -1 to 1; NaN with fewer than two classes.
    """
    classes_K = np.unique(label_index_N)
    if len(classes_K) < 2:
        return float("nan")
    member_NK = label_index_N[:, None] == classes_K[None, :]
    count_K = member_NK.sum(axis=0)
    total_NK = distance_NN @ member_NK
    own_size_N = member_NK @ count_K
    own_N = total_NK[member_NK] / np.maximum(own_size_N - 1, 1)
    other_NK = np.where(member_NK, np.inf, total_NK / count_K)
    nearest_N = other_NK.min(axis=1)
    scale_N = np.maximum(own_N, nearest_N)
    silhouette_N = np.divide(
        nearest_N - own_N, scale_N, out=np.zeros_like(own_N), where=scale_N > 0
    )
    return float(np.where(own_size_N > 1, silhouette_N, 0.0).mean())


def knn_accuracy(
    distance_NN: NDArray[np.float64], label_index_N: NDArray[np.int64], *, num_neighbours: int
) -> float:
    """Percent of points whose class wins among their nearest neighbours, themselves left out.

    Args:
        distance_NN: Distances, (N, N).
        label_index_N: Classes, (N,).
        num_neighbours: Neighbours asked; fewer when there are not as many. Of equally near points those that come first
            are asked, and a tie of votes goes to the lowest class index.

    Returns:
        0 to 100; NaN with fewer than two points.
    """
    num_points = len(label_index_N)
    if num_points < 2:
        return float("nan")
    without_self_NN = distance_NN + np.diag(np.full(num_points, np.inf))
    num_asked = min(num_neighbours, num_points - 1)
    asked_NN = _nearest(without_self_NN, num_asked)
    votes_NK = asked_NN @ np.eye(int(label_index_N.max()) + 1)[label_index_N]
    return float(100 * np.mean(votes_NK.argmax(axis=1) == label_index_N))


def _nearest(distance_NN: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Mark so many smallest distances of each row with 1, the first of equal ones, without sorting the others."""
    farthest_N1 = np.partition(distance_NN, number - 1, axis=1)[:, number - 1, None]
    nearer_NN = distance_NN < farthest_N1
    equal_NN = distance_NN == farthest_N1
    left_N1 = number - nearer_NN.sum(axis=1, keepdims=True)
    return (nearer_NN | (equal_NN & (equal_NN.cumsum(axis=1) <= left_N1))).astype(np.float64)


def fold_rows(embeddings: Embeddings, fold: int) -> NDArray[np.int64]:
    """Return where a fold's points stand in the embeddings, every n-th when there are more than `MAX_POINTS`."""
    rows = np.flatnonzero(embeddings.fold_N == fold)
    if len(rows) > MAX_POINTS:
        rows = rows[np.linspace(0, len(rows) - 1, MAX_POINTS).round().astype(int)]
    return rows


def _fold_points(
    embeddings: Embeddings, fold: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rows = fold_rows(embeddings, fold)
    return embeddings.x_ND[rows], embeddings.label_index_N[rows]


def _group_index(label: str) -> int:
    """Return 1 for high arousal, 0 for low, -1 for a label without a group."""
    group = arousal_of(label)
    return -1 if group is None else int(group == HIGH)


def _umap(x_ND: NDArray[np.float64], *, seed: int) -> NDArray[np.float64] | None:
    """Run UMAP; None where umap-learn is not installed."""
    try:
        import umap
    except ImportError:
        logger.warning(
            "umap-learn is not installed: PCA instead (pip install emotion2vec[evaluation])"
        )
        return None
    logging.getLogger("numba").setLevel(logging.WARNING)  # its debug log holds a million lines
    num_neighbours = min(15, len(x_ND) - 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"precomputed_knn\[2\]")  # nothing is added later
        # n_jobs=1 and init="pca": the same picture every time, without a warning about either
        reducer = umap.UMAP(
            n_neighbors=num_neighbours, random_state=seed, n_jobs=1, init="pca",
            precomputed_knn=_neighbours(x_ND, num_neighbours),
        )  # fmt: skip
        return np.asarray(reducer.fit_transform(x_ND), dtype=np.float64)


def _neighbours(x_ND: NDArray[np.float64], number: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return indices and distances (N, J) of each point's nearest, itself first; UMAP would compare pair by pair."""
    distance_NN = pairwise_distances(x_ND)
    np.fill_diagonal(distance_NN, -1.0)  # before the points that lie in the same place
    nearest_NJ = np.argsort(distance_NN, axis=1, kind="stable")[:, :number]
    found_NJ = np.take_along_axis(distance_NN, nearest_NJ, axis=1)
    return nearest_NJ.astype(np.int32), np.maximum(found_NJ, 0.0).astype(np.float32)


def _pca(x_ND: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project on the two directions of largest variance; (N, 2)."""
    centred_ND = x_ND - x_ND.mean(axis=0)
    left_NR, scale_R, _ = np.linalg.svd(centred_ND, full_matrices=False)
    xy_NR = left_NR[:, :2] * scale_R[:2]
    return np.pad(xy_NR, ((0, 0), (0, 2 - xy_NR.shape[1])))


def _mean(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
