import sys

import numpy as np
import pytest

from emotion2vec.report.projection import (
    knn_accuracy,
    measure_separation,
    pairwise_distances,
    project,
    silhouette_score,
)
from emotion2vec.report.records import Embeddings


def silhouette_loops(x: np.ndarray, labels: np.ndarray) -> float:
    """Rousseeuw (1987), point by point."""
    scores = []
    for i in range(len(x)):
        means = {}
        for label in set(labels.tolist()):
            others = [j for j in range(len(x)) if labels[j] == label and j != i]
            if others:
                means[label] = np.mean([np.linalg.norm(x[i] - x[j]) for j in others])
        own = means.pop(int(labels[i]), None)
        other = min(means.values())
        scores.append(0.0 if own is None else (other - own) / max(own, other))
    return float(np.mean(scores))


def make_embeddings(num_per_fold: int = 12, num_folds: int = 2) -> Embeddings:
    rng = np.random.default_rng(1)
    labels = np.tile(np.arange(3), num_per_fold * num_folds // 3)
    x = rng.normal(size=(len(labels), 5)) + 8.0 * np.eye(3, 5)[labels]
    return Embeddings(x, labels, np.repeat(np.arange(num_folds), num_per_fold))


@pytest.mark.parametrize(
    "labels", [[0, 0, 1, 1, 2, 2, 0], [0, 1, 1, 1, 1, 1, 1], [2, 0, 1, 0, 2, 2, 0]]
)
def test_silhouette_equals_the_definition(labels: list[int]) -> None:
    x = np.random.default_rng(5).normal(size=(7, 4))

    found = silhouette_score(pairwise_distances(x), np.array(labels))

    assert found == pytest.approx(silhouette_loops(x, np.array(labels)), abs=1e-9)


def test_silhouette_of_a_single_class_is_undefined() -> None:
    assert np.isnan(silhouette_score(np.zeros((3, 3)), np.array([1, 1, 1])))


def test_a_point_is_not_its_own_neighbour() -> None:
    distance = pairwise_distances(np.array([[0.0], [0.1], [5.0], [5.1]]))

    assert knn_accuracy(distance, np.array([0, 1, 0, 1]), num_neighbours=1) == 0.0
    assert knn_accuracy(distance, np.array([0, 0, 1, 1]), num_neighbours=1) == 100.0


def test_separation_is_measured_inside_each_fold() -> None:
    embeddings = make_embeddings()
    far = np.where(embeddings.fold_N[:, None] == 1, 1e3, 0.0)  # another fold's head: another space
    apart = Embeddings(embeddings.x_ND + far, embeddings.label_index_N, embeddings.fold_N)

    assert measure_separation(apart).silhouette == pytest.approx(
        measure_separation(embeddings).silhouette
    )
    assert measure_separation(embeddings).num_folds == 2


def test_without_umap_the_picture_is_a_pca(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)

    projection = project(make_embeddings(), fold=1)

    assert projection.method == "PCA"
    assert projection.xy_N2.shape == (12, 2)
    assert projection.xy_N2.var(axis=0)[0] >= projection.xy_N2.var(axis=0)[1]


def test_a_picture_of_few_points_is_a_pca() -> None:
    projection = project(make_embeddings(num_per_fold=3), fold=0)

    assert projection.method == "PCA"


def test_umap_gives_the_same_picture_for_the_same_seed() -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed (evaluation extra)")
    first, second = (project(make_embeddings(), fold=0, seed=3) for _ in range(2))

    assert first.method == "UMAP"
    np.testing.assert_array_equal(first.xy_N2, second.xy_N2)


def test_figures_of_a_single_class_are_said_to_be_undefined() -> None:
    one = Embeddings(np.eye(4), np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64))

    text = "silhouette undefined, 10-nearest-neighbour accuracy 100.0 % (mean of 1 folds)"
    assert str(measure_separation(one)) == text
