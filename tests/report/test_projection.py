import math
import sys

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.neighbors import KNeighborsClassifier

from emotion2vec.report import projection as module
from emotion2vec.report.projection import (
    fold_rows,
    knn_accuracy,
    measure_arousal_separation,
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


@pytest.mark.parametrize("num_classes", [2, 4, 7])
def test_silhouette_equals_scikit_learns(num_classes: int) -> None:
    rng = np.random.default_rng(num_classes)
    labels = rng.integers(0, num_classes, 90)
    x = rng.normal(size=(90, 256)) + rng.normal(size=(num_classes, 256))[labels] + 5.0

    found = silhouette_score(pairwise_distances(x), labels)

    assert found == pytest.approx(oracle.silhouette_score(x, labels), abs=1e-9)


@pytest.mark.parametrize(("num_classes", "num_neighbours"), [(2, 10), (4, 10), (7, 3)])
def test_nearest_neighbour_accuracy_equals_scikit_learns_with_one_left_out(
    num_classes: int, num_neighbours: int
) -> None:
    rng = np.random.default_rng(num_classes)
    labels = rng.integers(0, num_classes, 60)
    x = rng.normal(size=(60, 8)) + rng.normal(size=(num_classes, 8))[labels]
    right = 0
    for index in range(60):
        others = np.arange(60) != index
        classifier = KNeighborsClassifier(num_neighbours, algorithm="brute")
        classifier.fit(x[others], labels[others])
        right += int(classifier.predict(x[[index]])[0] == labels[index])

    found = knn_accuracy(pairwise_distances(x), labels, num_neighbours=num_neighbours)

    assert 0 < right < 60
    assert found == pytest.approx(100 * right / 60)


@pytest.mark.parametrize("num_neighbours", [1, 4, 29, 40])
def test_of_equally_near_points_the_first_are_asked(num_neighbours: int) -> None:
    rng = np.random.default_rng(num_neighbours)
    labels, x = rng.integers(0, 3, 30), rng.integers(0, 3, (30, 2)).astype(float)
    right = 0
    for index in range(30):
        others = sorted(
            (math.dist(x[index], x[other]), other) for other in range(30) if other != index
        )
        votes = [labels[other] for _, other in others[:num_neighbours]]
        right += int(max(range(3), key=lambda label: (votes.count(label), -label)) == labels[index])
    distance = np.array([[math.dist(a, b) for b in x] for a in x])
    found = knn_accuracy(distance, labels, num_neighbours=num_neighbours)
    assert 0 < right < 30 or num_neighbours == 40
    assert found == pytest.approx(100 * right / 30)


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


@pytest.mark.slow  # compiles UMAP
def test_umap_gives_the_same_picture_for_the_same_seed() -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed (evaluation extra)")
    first, second = (project(make_embeddings(), fold=0, seed=3) for _ in range(2))

    assert first.method == "UMAP"
    np.testing.assert_array_equal(first.xy_N2, second.xy_N2)


@pytest.mark.slow  # compiles UMAP
def test_umap_is_given_the_neighbours_that_it_would_find() -> None:
    umap = pytest.importorskip("umap", reason="umap-learn is not installed (evaluation extra)")
    x = np.random.default_rng(0).normal(size=(80, 6))
    settings = {"n_neighbors": 15, "random_state": 1, "n_jobs": 1, "init": "pca"}
    with pytest.warns(UserWarning, match="precomputed_knn"):
        ours = umap.UMAP(**settings, precomputed_knn=module._neighbours(x, 15)).fit(x)
    theirs = umap.UMAP(**settings).fit(x)
    np.testing.assert_allclose(ours.graph_.toarray(), theirs.graph_.toarray(), atol=1e-4)


def test_a_point_comes_before_others_in_the_same_place() -> None:
    nearest, distance = module._neighbours(np.array([[0.0], [0.0], [2.0], [0.0]]), 3)
    assert nearest.tolist() == [[0, 1, 3], [1, 0, 3], [2, 0, 1], [3, 0, 1]]
    assert distance.tolist() == [[0, 0, 0], [0, 0, 0], [0, 2, 2], [0, 0, 0]]


def test_figures_of_a_single_class_are_said_to_be_undefined() -> None:
    one = Embeddings(np.eye(4), np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64))

    text = "silhouette undefined, 10-nearest-neighbour accuracy 100.0 % (mean of 1 folds)"
    assert str(measure_separation(one)) == text


def test_arousal_separation_is_that_of_two_groups_without_the_labels_that_have_none() -> None:
    embeddings = make_embeddings(num_folds=1)
    labels = ["sad", "angry", "other"]  # low, high, neither
    kept = embeddings.label_index_N < 2
    x, groups = embeddings.x_ND[kept], embeddings.label_index_N[kept]

    found = measure_arousal_separation(embeddings, labels)

    assert found.silhouette == pytest.approx(oracle.silhouette_score(x, groups))
    merged = measure_arousal_separation(embeddings, ["sad", "angry", "happy"])
    two = np.minimum(embeddings.label_index_N, 1)
    assert merged.silhouette == pytest.approx(oracle.silhouette_score(embeddings.x_ND, two))


def test_arousal_separation_of_labels_without_groups_is_undefined() -> None:
    found = measure_arousal_separation(make_embeddings(), ["positive", "negative", "other"])

    assert np.isnan(found.silhouette)
    assert np.isnan(found.knn_accuracy)


def test_a_large_fold_is_thinned_evenly_and_said_to_be(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_POINTS", 4)
    embeddings = make_embeddings(num_per_fold=12)

    assert fold_rows(embeddings, 1).tolist() == [12, 16, 19, 23]
    measure_separation(embeddings)
    assert "fold 1: 4 of its 12 utterances used" in caplog.text
