"""Intervals and tests against slow resampling loops with scikit-learn, and against SciPy."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from emotion2vec.probe.statistics import (
    Predictions,
    bootstrap_intervals,
    combine_p_values,
    draw_weights,
    mcnemar,
    number_units,
    paired_bootstrap,
)

SLOW_SCORES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "wa": oracle.accuracy_score,
    "ua": lambda true, predicted: oracle.recall_score(
        true, predicted, labels=np.unique(true), average="macro", zero_division=0
    ),
    "wf1": lambda true, predicted: oracle.f1_score(
        true, predicted, average="weighted", zero_division=0
    ),
    "macro_f1": lambda true, predicted: oracle.f1_score(
        true, predicted, average="macro", zero_division=0
    ),
}


def make_predictions(
    seed: int = 0, *, number: int = 40, folds: int = 3, seeds: int = 2, right: float = 0.6
) -> Predictions:
    """Draw answers of which a share is right; labels depend on the data's seed 0 alone."""
    data, rng = np.random.default_rng(0), np.random.default_rng(seed + 1)
    true, fold = data.integers(0, 4, number), np.sort(data.integers(0, folds, number))
    guesses = rng.integers(0, 4, (seeds, number))
    predicted = np.where(rng.random((seeds, number)) < right, true, guesses)
    return Predictions(true, predicted, fold, 4)


def slow_mean(data: Predictions, drawn: np.ndarray, metric: str) -> float:
    """Score drawn utterances (a list with repetitions), seed by seed and fold by fold."""
    by_seed = []
    for predicted in data.predicted_SN:
        total, weight = 0.0, 0.0
        for fold in set(data.fold_N.tolist()):
            chosen = [i for i in drawn if data.fold_N[i] == fold]
            if chosen:
                share = len(chosen) / int((data.fold_N == fold).sum())
                total += share * SLOW_SCORES[metric](data.label_N[chosen], predicted[chosen])
                weight += share
        by_seed.append(total / weight)
    return 100 * float(np.mean(by_seed))


def listed(weights: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(weights)), weights.astype(int))


@pytest.mark.parametrize("metric", SLOW_SCORES)
@pytest.mark.parametrize("num_units", [40, 7])
def test_an_interval_is_that_of_a_slow_loop_over_the_same_draws(
    metric: str, num_units: int
) -> None:
    data, units = make_predictions(), np.arange(40) % num_units
    found = bootstrap_intervals(data, units, num_resamples=60, seed=5)[metric]
    draws = np.concatenate(list(draw_weights(units, 60, 5)))
    slow = [slow_mean(data, listed(weights), metric) for weights in draws]
    assert found.low == pytest.approx(np.percentile(slow, 2.5))
    assert found.high == pytest.approx(np.percentile(slow, 97.5))
    assert found.estimate == pytest.approx(slow_mean(data, np.arange(40), metric))


@pytest.mark.parametrize("metric", SLOW_SCORES)
def test_a_paired_difference_is_that_of_a_slow_loop_over_the_same_draws(metric: str) -> None:
    a, b, units = make_predictions(1, right=0.8), make_predictions(2, right=0.7), np.arange(40)
    found = paired_bootstrap(a, b, units, metric=metric, num_resamples=60, seed=5)
    draws = [listed(weights) for weights in np.concatenate(list(draw_weights(units, 60, 5)))]
    slow = np.array([slow_mean(a, d, metric) - slow_mean(b, d, metric) for d in draws])
    assert found.interval.low == pytest.approx(np.percentile(slow, 2.5))
    assert found.interval.high == pytest.approx(np.percentile(slow, 97.5))
    rarer = min((slow < 1e-9).sum(), (slow > -1e-9).sum())
    assert found.p_value == pytest.approx(min(1, 2 * (rarer + 1) / 61))


def test_the_interval_of_an_accuracy_is_that_of_scipys_percentile_bootstrap() -> None:
    data = make_predictions(number=300, folds=1, seeds=1)
    found = bootstrap_intervals(data, np.arange(300), num_resamples=20_000)["wa"]
    right = (data.label_N == data.predicted_SN[0]).astype(float)
    expected = stats.bootstrap(
        (right,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    assert found.low == pytest.approx(100 * expected.low, abs=0.5)
    assert found.high == pytest.approx(100 * expected.high, abs=0.5)


def test_units_are_drawn_whole_and_as_often_as_there_are_units() -> None:
    units = np.array([0, 0, 1, 2, 2, 2])
    for weights in np.concatenate(list(draw_weights(units, 50, 1))):
        assert weights[0] == weights[1]
        assert weights[3] == weights[4] == weights[5]
        assert weights[0] + weights[2] + weights[3] == 3


def test_draws_are_the_same_for_one_seed_and_differ_for_another() -> None:
    first, again, other = (
        np.concatenate(list(draw_weights(np.arange(9), 20, seed))) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_speakers_who_are_all_right_or_all_wrong_make_a_wider_interval_than_utterances() -> None:
    speaker = np.repeat(np.arange(10), 30)
    true = np.zeros(300, dtype=int)
    data = Predictions(true, (speaker % 2)[None], np.zeros(300, dtype=int), 2)
    by_utterance = bootstrap_intervals(data, np.arange(300), num_resamples=500)["wa"]
    by_speaker = bootstrap_intervals(data, speaker, num_resamples=500)["wa"]
    assert by_speaker.high - by_speaker.low > 3 * (by_utterance.high - by_utterance.low)


def test_where_speakers_differ_the_speakers_interval_covers_the_truth_more_often() -> None:
    rng, speaker = np.random.default_rng(0), np.repeat(np.arange(20), 20)
    covered = {"utterance": 0, "speaker": 0}
    for _ in range(100):
        wrong = (rng.random(400) > rng.uniform(0.45, 0.95, 20)[speaker]).astype(int)
        data = Predictions(np.zeros(400, dtype=int), wrong[None], np.zeros(400, dtype=int), 2)
        for unit, units in (("utterance", np.arange(400)), ("speaker", speaker)):
            found = bootstrap_intervals(data, units, num_resamples=200)["wa"]
            covered[unit] += found.low <= 70 <= found.high
    assert covered["speaker"] >= 88
    assert covered["utterance"] <= 85


def test_a_fold_of_one_speaker_counts_as_often_as_the_speaker_is_drawn() -> None:
    fold = np.repeat([0, 1], [10, 30])
    data = Predictions(np.zeros(40, dtype=int), fold[None], fold, 2)
    found = bootstrap_intervals(data, fold, num_resamples=400)["wa"]
    assert (found.estimate, found.low, found.high) == (50, 0, 100)


def test_one_utterance_has_an_interval_without_width() -> None:
    data = Predictions(np.array([1]), np.array([[1], [0]]), np.array([0]), 2)
    found = bootstrap_intervals(data, np.array([0]), num_resamples=10)
    assert (found["wa"].low, found["wa"].estimate, found["wa"].high) == (50, 50, 50)


def test_one_answer_to_everything_and_a_label_absent_from_a_fold_have_finite_intervals() -> None:
    true, fold = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 0, 0, 1, 1, 1])
    data = Predictions(true, np.zeros((1, 6), dtype=int), fold, 3)
    for interval in bootstrap_intervals(data, np.arange(6), num_resamples=200).values():
        assert 0 <= interval.low <= interval.high <= 100
    found = bootstrap_intervals(data, np.arange(6), num_resamples=200)["ua"]
    assert found.estimate == pytest.approx((50 + 0) / 2)


def test_equal_answers_differ_by_nothing() -> None:
    data = make_predictions()
    found = paired_bootstrap(data, data, np.arange(40), metric="ua", num_resamples=100)
    assert (found.interval.low, found.interval.high, found.p_value) == (0, 0, 1)


def test_pairing_makes_the_interval_of_a_difference_narrower_than_two_apart() -> None:
    a = make_predictions(1, number=300, right=0.5)
    changed = a.predicted_SN.copy()
    changed[:, :6] = a.label_N[:6]
    b = Predictions(a.label_N, changed, a.fold_N, 4)
    alone = bootstrap_intervals(a, np.arange(300), num_resamples=300)["wa"]
    paired = paired_bootstrap(b, a, np.arange(300), metric="wa", num_resamples=300).interval
    assert paired.high - paired.low < (alone.high - alone.low) / 3


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (5, 5), (3, 12), (40, 21), (900, 1000)])
def test_mcnemar_is_scipys_binomial_test_and_mid_p_half_of_what_was_seen_less(
    only_a: int, only_b: int
) -> None:
    both = 7
    right_a = np.array([True] * only_a + [False] * only_b + [True] * both)
    right_b = np.array([False] * only_a + [True] * only_b + [True] * both)
    found = mcnemar(right_a, right_b)
    number = only_a + only_b
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.exact_p == pytest.approx(stats.binomtest(only_a, number, 0.5).pvalue)
    distance = np.abs(np.arange(number + 1) - number / 2)
    chance, seen = stats.binom.pmf(np.arange(number + 1), number, 0.5), abs(only_a - number / 2)
    expected = chance[distance > seen].sum() + chance[distance == seen].sum() / 2
    assert found.mid_p == pytest.approx(expected)


def test_mcnemar_of_equal_answers_is_one() -> None:
    right = np.array([True, False, True])
    assert (mcnemar(right, right).exact_p, mcnemar(right, right).mid_p) == (1, 1)


def test_a_combined_p_value_rejects_a_true_hypothesis_no_more_often_than_it_may() -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.standard_normal((4000, 1)), rng.standard_normal((4000, 3))
    for dependence in (0.0, 0.7, 1.0):
        z = np.sqrt(dependence) * shared + np.sqrt(1 - dependence) * own
        combined = [combine_p_values(row) for row in stats.norm.sf(z)]
        assert np.mean(np.array(combined) <= 0.05) < 0.06


def test_one_seeds_p_value_is_left_alone_and_none_exceeds_one() -> None:
    assert combine_p_values([0.2]) == 0.2
    assert combine_p_values([0.9, 0.8]) == 1


def test_names_become_numbers_from_zero() -> None:
    assert number_units(["s2", "s1", "s2", "s3"]).tolist() == [1, 0, 1, 2]
