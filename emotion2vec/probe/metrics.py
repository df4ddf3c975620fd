"""WA, UA, weighted F1, UAR, macro F1 and each label's recall from a confusion matrix.

In: true and predicted labels (N,). Out: `Scores` and `LabelScore`s in percent for `trainer.py`, `results.py` and
`statistics.py`. K labels; rows are true, columns predicted; X any leading dimensions. Paper: Section 4.3.
"""

from dataclasses import dataclass

import numpy as np

PERCENT = 100.0
SCORE_NAMES = ("wa", "ua", "wf1", "macro_f1")  # order of `score_arrays`


@dataclass(frozen=True)
class Scores:
    """Scores of one test set, in percent.

    Attributes:
        wa: Weighted accuracy: share of utterances that are right.
        ua: Unweighted accuracy: mean recall of the labels that occur in the test set.
        wf1: F1 of each label, weighted by how often it occurs.
        macro_f1: Mean F1 of the labels that occur or are predicted.
    """

    wa: float
    ua: float
    wf1: float
    macro_f1: float

    @property
    def uar(self) -> float:
        """Unweighted average recall, over the labels that occur: another name of `ua` on one test set.

        The two differ where a program divides the sum of recalls by all K labels: its UA is lower than the UAR by the
        share of labels that the test set lacks.
        """
        return self.ua


@dataclass(frozen=True)
class LabelScore:
    """Scores of one label, in percent.

    Attributes:
        recall: Share of the label's utterances that are right; None where it does not occur.
        support: Number of utterances that have the label.
    """

    recall: float | None
    support: int


def confusion_matrix(true_N: np.ndarray, predicted_N: np.ndarray, num_labels: int) -> np.ndarray:
    """Count pairs of true and predicted label.

    Args:
        true_N: True label indices, (N,).
        predicted_N: Predicted label indices, (N,).
        num_labels: Number of labels K.

    Returns:
        Counts, (K, K): row is the true label.

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    counts_KK = np.zeros((num_labels, num_labels), dtype=np.int64)
    np.add.at(counts_KK, (true_N, predicted_N), 1)
    return counts_KK


def scores(confusion_KK: np.ndarray) -> Scores:
    """Compute the scores of a confusion matrix.

    Args:
        confusion_KK: Counts, (K, K), at least one; rows are true labels.

    >>> scores(np.array([[3, 1], [0, 4]])).wa
    87.5
    """
    return Scores(*map(float, score_arrays(confusion_KK)))


def score_arrays(confusion_XKK: np.ndarray) -> np.ndarray:
    """Compute the scores of many confusion matrices at once.

    Args:
        confusion_XKK: Counts, (..., K, K); rows are true labels.

    Returns:
        Percent, (..., 4) in the order of `SCORE_NAMES`; 0 for a matrix without counts.

    >>> score_arrays(np.array([[3, 1], [0, 4]])).round(2).tolist()
    [87.5, 87.5, 87.3, 87.3]
    """
    right_XK = np.diagonal(confusion_XKK, axis1=-2, axis2=-1).astype(np.float64)
    true_XK, predicted_XK = confusion_XKK.sum(axis=-1), confusion_XKK.sum(axis=-2)
    recall_XK = right_XK / np.maximum(true_XK, 1)
    # F1 = 2 TP / (2 TP + FP + FN); a label that neither occurs nor is predicted has none
    f1_XK = 2 * right_XK / np.maximum(true_XK + predicted_XK, 1)
    total_X = np.maximum(true_XK.sum(axis=-1), 1)
    num_occurring_X = np.maximum((true_XK > 0).sum(axis=-1), 1)
    num_appearing_X = np.maximum((true_XK + predicted_XK > 0).sum(axis=-1), 1)
    columns = (
        PERCENT * right_XK.sum(axis=-1) / total_X,
        PERCENT * (recall_XK.sum(axis=-1) / num_occurring_X),
        PERCENT * (f1_XK * true_XK).sum(axis=-1) / total_X,
        PERCENT * (f1_XK.sum(axis=-1) / num_appearing_X),
    )
    return np.stack(columns, axis=-1)


def label_scores(confusion_KK: np.ndarray) -> tuple[LabelScore, ...]:
    """Compute each label's recall and support.

    Args:
        confusion_KK: Counts, (K, K); rows are true labels.

    >>> label_scores(np.array([[3, 1], [0, 0]]))
    (LabelScore(recall=75.0, support=4), LabelScore(recall=None, support=0))
    """
    return tuple(
        LabelScore(
            PERCENT * int(row[label]) / int(row.sum()) if row.sum() else None, int(row.sum())
        )
        for label, row in enumerate(confusion_KK)
    )
