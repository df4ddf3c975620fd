"""Scores against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from emotion2vec.probe.metrics import (
    LabelScore,
    confusion_matrix,
    label_scores,
    score_arrays,
    scores,
)


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


@pytest.mark.parametrize("seed", range(4))
def test_recall_and_support_of_each_label_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, 4, 60), rng.integers(0, 5, 60)
    found = label_scores(confusion_matrix(true, predicted, 5))
    _, recall, _, support = oracle.precision_recall_fscore_support(
        true, predicted, labels=range(5), zero_division=np.nan
    )
    assert [score.support for score in found] == support.tolist()
    assert [score.recall for score in found[:4]] == pytest.approx(list(100 * recall[:4]))
    assert found[4] == LabelScore(recall=None, support=0)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_ua_and_uar_are_balanced_accuracy_when_a_label_is_predicted_but_absent() -> None:
    true, predicted = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    found = scores(confusion_matrix(true, predicted, 3))
    assert found.ua == found.uar == 100 * oracle.balanced_accuracy_score(true, predicted) == 75


def test_a_program_that_divides_by_all_labels_has_a_lower_ua_by_the_share_of_labels_present() -> (
    None
):
    counts = confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 4)
    by_all_labels = 100 * sum(row[i] / max(row.sum(), 1) for i, row in enumerate(counts)) / 4
    assert by_all_labels == pytest.approx(scores(counts).uar * 2 / 4)


def test_one_answer_to_everything_scores_as_scikit_learn_says() -> None:
    true, predicted = np.array([0, 1, 1, 2]), np.array([1, 1, 1, 1])
    found = scores(confusion_matrix(true, predicted, 3))
    assert found.wa == 50
    assert found.ua == pytest.approx(100 / 3)
    macro = oracle.f1_score(true, predicted, average="macro", zero_division=0)
    assert found.macro_f1 == pytest.approx(100 * macro)


@pytest.mark.parametrize(("predicted", "expected"), [(1, 100.0), (0, 0.0)])
def test_one_utterance_is_right_or_wrong(predicted: int, expected: float) -> None:
    found = scores(confusion_matrix(np.array([1]), np.array([predicted]), 3))
    assert (found.wa, found.ua, found.wf1, found.macro_f1) == (expected,) * 4


def test_scores_of_many_matrices_are_those_of_each() -> None:
    counts = np.random.default_rng(0).integers(0, 5, (3, 2, 4, 4))
    found = score_arrays(counts)
    for where in np.ndindex(3, 2):
        alone = scores(counts[where])
        assert found[where].tolist() == [alone.wa, alone.ua, alone.wf1, alone.macro_f1]
