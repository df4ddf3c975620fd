"""WA, UA, weighted F1, UAR, macro F1 from a confusion matrix.

In: true and predicted labels (N,). Out: `Scores` in percent for `trainer.py` and `run.py`. K labels; rows are true,
columns predicted. Paper: Section 4.3.
"""

from dataclasses import dataclass

import numpy as np

PERCENT = 100.0


@dataclass(frozen=True)
class Scores:
    """Scores of one test set, in percent.

    Attributes:
        wa: Weighted accuracy: share of utterances that are right.
        ua: Unweighted accuracy: mean recall of the labels that occur in the test set. UAR is the same figure.
        wf1: F1 of each label, weighted by how often it occurs.
        macro_f1: Mean F1 of the labels that occur or are predicted.
    """

    wa: float
    ua: float
    wf1: float
    macro_f1: float


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
    right_K = np.diag(confusion_KK).astype(np.float64)
    true_K, predicted_K = confusion_KK.sum(axis=1), confusion_KK.sum(axis=0)
    occurs_K, appears_K = true_K > 0, (true_K + predicted_K) > 0
    recall_K = right_K / np.maximum(true_K, 1)
    # F1 = 2 TP / (2 TP + FP + FN); a label that neither occurs nor is predicted has none
    f1_K = 2 * right_K / np.maximum(true_K + predicted_K, 1)
    return Scores(
        wa=float(PERCENT * right_K.sum() / true_K.sum()),
        ua=float(PERCENT * recall_K[occurs_K].mean()),
        wf1=float(PERCENT * (f1_K * true_K).sum() / true_K.sum()),
        macro_f1=float(PERCENT * f1_K[appears_K].mean()),
    )
