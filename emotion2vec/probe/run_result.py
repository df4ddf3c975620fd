"""What one fold with one seed is, and what came of it.

In: folds as positions, from `protocol.py`. Out: `RunResult`s of `trainer.py` and `conversation_train.py` for
`saved_runs.py` and `results.py`. N test utterances, H hidden width, K labels, L layers.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class IndexFold:
    """One fold as positions of utterances, each (n,) int64."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class RunResult:
    """One fold with one seed.

    Attributes:
        fold: Number of the fold, from 0.
        seed: Seed of the head.
        confusion_KK: Test counts, (K, K), rows true.
        best_epoch: Validation that counts, from 1: the epoch, or the multiple of `eval_steps`.
        valid_wa: WA of that validation in percent.
        valid_ua: Its UA in percent.
        curve: (epoch, training loss, validation WA) for each validation.
        embeddings_NH: First layer's output of the test utterances, (N, H) float32; (0, 0) where there is none.
        predicted_N: Predicted label index of the test utterances, (N,) int64.
        lr: Learning rate that was used.
        layer_weights_L: Learned weights of the layers, (L,); None where none are learned.
    """

    fold: int
    seed: int
    confusion_KK: np.ndarray
    best_epoch: int
    valid_wa: float
    valid_ua: float
    curve: tuple[tuple[int, float, float], ...]
    embeddings_NH: np.ndarray
    predicted_N: np.ndarray
    lr: float
    layer_weights_L: np.ndarray | None = None
