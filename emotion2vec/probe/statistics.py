"""How sure a score is: bootstrap intervals, a paired bootstrap, McNemar's test.

In: per-utterance predictions as `Predictions`. Out: `Interval`s for `results.py`, `Difference` and `McNemar` for
`report/comparison.py`. N utterances (each tested once), S seeds, K labels, R resamples, C cells of a confusion matrix.
Definitions: `docs/protocols.md`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from emotion2vec.probe.metrics import SCORE_NAMES, score_arrays
from emotion2vec.seeding import derive_rng

NUM_RESAMPLES = 2000
LEVEL = 0.95
BOOTSTRAP_SEED = 1
_CHUNK = 2_000_000  # resamples x utterances at a time: 16 MB of weights


@dataclass(frozen=True)
class Predictions:
    """What each seed's heads answered for every tested utterance.

    Attributes:
        label_N: True label index, (N,).
        predicted_SN: Predicted label index, (S, N).
        fold_N: Fold that tests the utterance, (N,).
        num_labels: Number of labels K.
    """

    label_N: np.ndarray
    predicted_SN: np.ndarray
    fold_N: np.ndarray
    num_labels: int


@dataclass(frozen=True)
class Interval:
    """A score and its bootstrap interval, in percent.

    Attributes:
        estimate: Mean over seeds of the mean over folds.
        low: Lower end.
        high: Upper end.
    """

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Score of A less score of B under one and the same resampling, in percentage points.

    Attributes:
        interval: The difference and its interval.
        p_value: Two-sided: twice the share of resamples on the rarer side of 0.
    """

    interval: Interval
    p_value: float


@dataclass(frozen=True)
class McNemar:
    """McNemar's test of two answers to the same utterances.

    Attributes:
        only_a: Utterances that only A has right.
        only_b: Utterances that only B has right.
        exact_p: Two-sided exact binomial p-value.
        mid_p: The same with half the probability of what was observed; less conservative.
    """

    only_a: int
    only_b: int
    exact_p: float
    mid_p: float


def bootstrap_intervals(
    predictions: Predictions,
    units_N: np.ndarray,
    *,
    num_resamples: int = NUM_RESAMPLES,
    level: float = LEVEL,
    seed: int = BOOTSTRAP_SEED,
) -> dict[str, Interval]:
    """Compute the percentile bootstrap interval of every score.

    Args:
        predictions: The answers.
        units_N: Number from 0 of the unit that each utterance belongs to, (N,): units are drawn whole, with
            replacement. `np.arange(N)` draws utterances, a speaker's number draws speakers.
        num_resamples: Number of resamples R.
        level: Share of resamples inside the interval.
        seed: Seed of the draws.

    Returns:
        Name of `SCORE_NAMES` -> interval.
    """
    whole = _mean_scores(predictions, np.ones((1, len(units_N))))[0]
    drawn = _collect(
        lambda weights_RN: _mean_scores(predictions, weights_RN),
        draw_weights(units_N, num_resamples, seed),
    )
    return {
        name: _percentile(float(whole[column]), drawn[:, column], level)
        for column, name in enumerate(SCORE_NAMES)
    }


def paired_bootstrap(
    first: Predictions,
    second: Predictions,
    units_N: np.ndarray,
    *,
    metric: str,
    num_resamples: int = NUM_RESAMPLES,
    level: float = LEVEL,
    seed: int = BOOTSTRAP_SEED,
) -> Difference:
    """Bootstrap the difference of a score: each resample is the same utterances for both.

    Args:
        first: Answers of A.
        second: Answers of B to the same utterances in the same order, under the same folds.
        units_N: As of `bootstrap_intervals`.
        metric: Name of `SCORE_NAMES`.
        num_resamples: Number of resamples R.
        level: Share of resamples inside the interval.
        seed: Seed of the draws.
    """
    column = SCORE_NAMES.index(metric)

    def difference(weights_RN: np.ndarray) -> np.ndarray:
        """Return the difference of both means in each resample, (R,)."""
        pair = [_mean_scores(one, weights_RN)[:, column] for one in (first, second)]
        result: np.ndarray = pair[0] - pair[1]
        return result

    whole = float(difference(np.ones((1, len(units_N))))[0])
    drawn_R = _collect(difference, draw_weights(units_N, num_resamples, seed))
    # rounding must not decide on which side of 0 a resample without a difference lies
    rarer = min(int((drawn_R < 1e-9).sum()), int((drawn_R > -1e-9).sum()))
    # one is added to both counts, as the sample itself is one of the possible draws: never 0
    p_value = min(1.0, 2 * (rarer + 1) / (num_resamples + 1))
    return Difference(_percentile(whole, drawn_R, level), p_value)


def mcnemar(right_a_N: np.ndarray, right_b_N: np.ndarray) -> McNemar:
    """Test whether A and B are right equally often; utterances count as independent.

    Under the null hypothesis the utterances that only one of them has right are A's with probability 1/2 each.

    Args:
        right_a_N: Whether A is right, (N,) bool.
        right_b_N: Whether B is right, (N,) bool.

    >>> mcnemar(np.array([True] * 4), np.array([False] * 4)).exact_p
    0.125
    """
    only_a, only_b = int((right_a_N & ~right_b_N).sum()), int((~right_a_N & right_b_N).sum())
    number, fewer = only_a + only_b, min(only_a, only_b)
    if number == 0:
        return McNemar(0, 0, 1.0, 1.0)
    tail = np.exp([_log_binomial(number, count) for count in range(fewer + 1)])
    observed = float(tail[-1])
    # p = P(|X - n/2| >= |x - n/2|); both tails are the same one where x = n/2
    exact = 1.0 if only_a == only_b else min(1.0, 2 * math.fsum(tail))
    mid = exact - observed / 2 if only_a == only_b else exact - observed
    return McNemar(only_a, only_b, exact, mid)


def combine_p_values(p_values: Sequence[float]) -> float:
    """Join the p-values of several seeds, which tested on the same utterances and so depend on each other.

    Rueger (1978): the k-th smallest of m p-values times m / k is a p-value whatever the dependence. k is half of m,
    rounded up: about twice the median.

    >>> combine_p_values([0.03, 0.01, 0.5])
    0.045
    """
    number = len(p_values)
    middle = (number + 1) // 2
    return min(1.0, sorted(p_values)[middle - 1] * number / middle)


def number_units(names: Sequence[str]) -> np.ndarray:
    """Number the different names from 0, (N,).

    >>> number_units(["b", "a", "b"]).tolist()
    [1, 0, 1]
    """
    return np.unique(np.array(names, dtype=str), return_inverse=True)[1].reshape(-1)


def draw_weights(units_N: np.ndarray, num_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Draw units with replacement, as many as there are; yields how often each utterance is drawn, (r, N)."""
    rng = derive_rng("bootstrap", seed)
    num_units = int(units_N.max()) + 1
    step = max(1, _CHUNK // len(units_N))
    for start in range(0, num_resamples, step):
        number = min(step, num_resamples - start)
        drawn = rng.integers(num_units, size=(number, num_units))
        drawn += num_units * np.arange(number)[:, None]
        counts_RU = np.bincount(drawn.ravel(), minlength=number * num_units)
        yield counts_RU.reshape(number, num_units)[:, units_N].astype(np.float64)


def _mean_scores(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Compute the mean over seeds of the mean over folds, (R, 4), of resamples (R, N).

    A fold counts by the share of its test part that was drawn, counted with repetition: on average 1, and exactly 1
    without resampling. A fold with one speaker is thereby drawn as often as its speaker.
    """
    num_seeds, labels = len(predictions.predicted_SN), predictions.num_labels
    totals, shares = np.zeros((len(weights_RN), len(SCORE_NAMES))), np.zeros(len(weights_RN))
    for fold in np.unique(predictions.fold_N):
        test = np.flatnonzero(predictions.fold_N == fold)
        weights_fold_RN = weights_RN[:, test]
        share_R = weights_fold_RN.mean(axis=1)
        shares += share_R
        for predicted_N in predictions.predicted_SN:
            cell_N = predictions.label_N[test] * labels + predicted_N[test]
            # (R, N) @ (N, K * K): the confusion matrix of each resample; N: of this fold
            one_hot_NC = np.eye(labels * labels)[cell_N]
            confusion_RKK = (weights_fold_RN @ one_hot_NC).reshape(-1, labels, labels)
            totals += share_R[:, None] * score_arrays(confusion_RKK)
    result: np.ndarray = totals / (num_seeds * shares[:, None])
    return result


def _collect(
    statistic: Callable[[np.ndarray], np.ndarray], parts: Iterator[np.ndarray]
) -> np.ndarray:
    return np.concatenate([statistic(weights_RN) for weights_RN in parts])


def _percentile(estimate: float, drawn_R: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(drawn_R, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high))


def _log_binomial(number: int, count: int) -> float:
    """Return log P(X = count) for X ~ Binomial(number, 1/2)."""
    ways = math.lgamma(number + 1) - math.lgamma(count + 1) - math.lgamma(number - count + 1)
    return ways - number * math.log(2)
