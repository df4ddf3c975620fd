"""Batches, optimizers and label weights of a recipe."""

import numpy as np
import pytest
import torch
from torch import nn

from emotion2vec.probe.recipe import build_optimizer, label_weights, num_rounds, rounds
from tests.probe.fakes import config

TRAIN = np.arange(100, 110)


def test_epochs_hold_every_utterance_once_and_differ() -> None:
    found = list(rounds(TRAIN, seed=1, fold_number=0, config=config(epochs=3, batch_size=4)))
    assert [[len(batch) for batch in batches] for batches in found] == [[4, 4, 2]] * 3
    orders = [np.concatenate(batches) for batches in found]
    assert all(sorted(order) == TRAIN.tolist() for order in orders)
    assert not np.array_equal(orders[0], orders[1])


def test_steps_run_through_epochs_without_a_seam() -> None:
    settings = config(steps=7, eval_steps=3, batch_size=4)
    found = list(rounds(TRAIN, seed=1, fold_number=0, config=settings))
    assert [len(batches) for batches in found] == [3, 3, 1]
    assert num_rounds(settings) == 3
    order = np.concatenate([batch for batches in found for batch in batches])
    assert len(order) == 28
    for start in (0, 10):
        assert sorted(order[start : start + 10]) == TRAIN.tolist()
    by_epochs = next(rounds(TRAIN, seed=1, fold_number=0, config=config(epochs=1, batch_size=10)))
    assert np.array_equal(order[:10], by_epochs[0])


def test_a_batch_may_be_larger_than_the_training_part() -> None:
    found = next(rounds(TRAIN, seed=1, fold_number=0, config=config(steps=1, batch_size=25)))
    assert len(found[0]) == 25


@pytest.mark.parametrize(("seed", "fold"), [(2, 0), (1, 1)])
def test_another_seed_or_fold_has_another_order(seed: int, fold: int) -> None:
    one, other = (
        np.concatenate(next(rounds(TRAIN, seed=s, fold_number=f, config=config())))
        for s, f in ((1, 0), (seed, fold))
    )
    assert not np.array_equal(one, other)


def test_the_cycle_is_the_authors() -> None:
    head = nn.Linear(2, 2)
    optimizer, schedule = build_optimizer([head], [5e-4], config())
    rates = []
    for _ in range(21):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(5e-4)
    assert rates[10] == pytest.approx(1e-3)
    assert rates[20] == pytest.approx(5e-4)
    assert isinstance(optimizer, torch.optim.RMSprop)


def test_learning_rates_keep_their_ratio_to_the_cycles_upper_end() -> None:
    optimizer, schedule = build_optimizer(
        [nn.Linear(2, 2), nn.Linear(2, 2)], [1e-2, 1e-4], config()
    )
    for _ in range(10):
        optimizer.step()
        schedule.step()
    assert sorted(g["lr"] for g in optimizer.param_groups) == pytest.approx([2e-4, 2e-2])


def test_a_constant_rate_of_adam_stays() -> None:
    optimizer, schedule = build_optimizer(
        [nn.Linear(2, 2)], [1e-4], config(optimizer="adam", schedule="constant")
    )
    optimizer.step()
    schedule.step()
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.param_groups[0]["lr"] == 1e-4


def test_label_weights_are_scikit_learns_balanced_ones() -> None:
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    labels = np.array([0, 0, 0, 1, 2, 2])
    expected = sklearn.compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(
        label_weights(labels, 3, config(class_weights=True)), expected, rtol=1e-6
    )
    assert label_weights(labels, 3, config()).tolist() == [1, 1, 1]
