"""Scores against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from emotion2vec.probe.metrics import confusion_matrix, scores


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("number", "num_labels"), [(1, 2), (7, 3), (50, 4), (200, 8)])
def test_scores_agree_with_scikit_learn(seed: int, number: int, num_labels: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, num_labels, number)
    predicted = np.where(rng.random(number) < 0.6, true, rng.integers(0, num_labels, number))
    found = scores(confusion_matrix(true, predicted, num_labels))
    present = np.unique(true)
    assert found.wa == pytest.approx(100 * oracle.accuracy_score(true, predicted))
    recall = oracle.recall_score(true, predicted, labels=present, average="macro", zero_division=0)
    assert found.ua == pytest.approx(100 * recall)
    assert found.wf1 == pytest.approx(
        100 * oracle.f1_score(true, predicted, average="weighted", zero_division=0)
    )
    assert found.macro_f1 == pytest.approx(
        100 * oracle.f1_score(true, predicted, average="macro", zero_division=0)
    )


def test_confusion_matrix_has_the_true_label_in_its_rows() -> None:
    true, predicted = np.array([0, 0, 2, 2, 2]), np.array([0, 1, 2, 2, 0])
    expected = oracle.confusion_matrix(true, predicted, labels=[0, 1, 2, 3])
    np.testing.assert_array_equal(confusion_matrix(true, predicted, 4), expected)


def test_a_label_that_is_absent_from_the_test_set_does_not_lower_the_recall() -> None:
    assert scores(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])).ua == 87.5
