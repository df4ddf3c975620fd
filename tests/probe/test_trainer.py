"""Training: the authors' recipe, the same result however it is spread over cores."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from emotion2vec.errors import ProtocolError
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.head import ProbeHead
from emotion2vec.probe.packed import PackedFeatures
from emotion2vec.probe.run_result import IndexFold, RunResult
from emotion2vec.probe.trainer import RunSpec, train_group, train_runs
from emotion2vec.seeding import derive_rng, derive_seed
from tests.probe.fakes import config, packed

FOLDS = tuple(
    IndexFold(
        *(
            np.array([i for i in range(30) if (i // 3 + shift) % 5 in part])
            for part in ((2, 3, 4), (1,), (0,))
        )
    )
    for shift in range(5)
)


def train_run(
    features: PackedFeatures, fold: IndexFold, *, fold_number: int, seed: int, config: ProbeConfig
) -> RunResult:
    return train_group(features, [RunSpec(fold_number, fold, seed, config.lr)], config)[0]


def one_by_one(
    features: PackedFeatures, fold: IndexFold, *, seed: int, settings: ProbeConfig
) -> tuple:
    """The recipe written plainly, on padded batches: (losses, best epoch, logits of the test utterances)."""
    frames = features.frames.split(features.lengths_N.tolist())
    generator = torch.Generator().manual_seed(derive_seed("probe", seed, 0) % 2**63)
    dims = (features.frame_dim, settings.hidden_dim, features.num_labels)
    head = ProbeHead(*dims, generator=generator)
    optimizer = torch.optim.RMSprop(head.parameters(), lr=5e-4, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CyclicLR(
        optimizer, base_lr=5e-4, max_lr=1e-3, step_size_up=10
    )

    def logits(indices: np.ndarray) -> torch.Tensor:
        batch = nn.utils.rnn.pad_sequence([frames[index] for index in indices], batch_first=True)
        lengths = features.lengths_N[torch.from_numpy(indices)]
        valid = (torch.arange(batch.shape[1])[None] < lengths[:, None])[..., None]
        return head.output((torch.relu(head.hidden(batch)) * valid).sum(1) / lengths[:, None])

    losses, best, result = [], -1.0, (0, None)
    for epoch in range(1, settings.epochs + 1):
        order, total = derive_rng("probe", seed, 0, epoch).permutation(fold.train), 0.0
        for start in range(0, len(order), settings.batch_size):
            batch = order[start : start + settings.batch_size]
            loss = nn.functional.cross_entropy(
                logits(batch), features.labels_N[torch.from_numpy(batch)]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        schedule.step()
        losses.append(total / len(order))
        accuracy = float(
            (logits(fold.valid).argmax(1) == features.labels_N[fold.valid]).float().mean()
        )
        if accuracy > best:
            best, result = accuracy, (epoch, logits(fold.test).detach())
    return losses, *result


@pytest.mark.parametrize("cached_frames", [5, 10_000])
def test_packed_training_is_the_authors_recipe(
    monkeypatch: pytest.MonkeyPatch, cached_frames: int
) -> None:
    monkeypatch.setattr(ProbeHead, "cached_frames", cached_frames)
    settings = config(epochs=25)
    features = packed()
    losses, best_epoch, test_logits = one_by_one(features, FOLDS[0], seed=1, settings=settings)
    run = train_run(features, FOLDS[0], fold_number=0, seed=1, config=settings)
    np.testing.assert_allclose([loss for _, loss, _ in run.curve], losses, rtol=1e-4)
    assert run.best_epoch == best_epoch
    predicted = test_logits.argmax(1).numpy()
    assert run.confusion_KK.trace() == (predicted == features.labels_N.numpy()[FOLDS[0].test]).sum()


def same(first: RunResult, second: RunResult) -> bool:
    return (
        first.curve == second.curve
        and (first.fold, first.seed, first.best_epoch)
        == (second.fold, second.seed, second.best_epoch)
        and np.array_equal(first.confusion_KK, second.confusion_KK)
        and np.array_equal(first.embeddings_NH, second.embeddings_NH)
    )


@pytest.mark.parametrize("jobs", [1, 3])
def test_runs_side_by_side_equal_runs_alone(jobs: int) -> None:
    features, settings = packed(), config(jobs=jobs)
    together = list(train_runs(features, FOLDS, settings))
    assert [(run.fold, run.seed) for run in together] == [
        (fold, seed) for fold in range(5) for seed in (1, 2)
    ]
    for run in together:
        alone = train_run(
            features, FOLDS[run.fold], fold_number=run.fold, seed=run.seed, config=settings
        )
        assert same(run, alone)


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    features = packed()
    huge = PackedFeatures(
        features.frames * 1e38, features.lengths_N, features.labels_N, features.num_labels
    )
    with pytest.raises(
        ProtocolError, match=r"fold 3, seed 1: the loss is (nan|inf) in epoch 1; .*standardise=true"
    ):
        train_run(huge, FOLDS[0], fold_number=2, seed=1, config=config())


def test_another_seed_gives_another_head() -> None:
    first, second = (
        train_run(packed(), FOLDS[0], fold_number=0, seed=seed, config=config()) for seed in (1, 2)
    )
    assert first.curve != second.curve


def test_the_first_of_equally_good_epochs_is_tested() -> None:
    run = train_run(packed(), FOLDS[0], fold_number=0, seed=1, config=config(epochs=30))
    valid = [wa for _, _, wa in run.curve]
    assert run.valid_wa == max(valid)
    assert run.best_epoch == valid.index(max(valid)) + 1


def test_the_test_part_does_not_influence_training() -> None:
    features = packed()
    changed = features.frames.clone()
    starts = features.lengths_N.cumsum(0) - features.lengths_N
    for index in FOLDS[0].test:
        changed[starts[index] : starts[index] + features.lengths_N[index]] = 1e3
    other = PackedFeatures(changed, features.lengths_N, features.labels_N, features.num_labels)
    settings = config(standardise=True)
    runs = [
        train_run(f, FOLDS[0], fold_number=0, seed=1, config=settings) for f in (features, other)
    ]
    assert runs[0].curve == runs[1].curve


def test_runs_computed_at_once_are_the_runs_computed_alone() -> None:
    features = packed()
    alone = list(train_runs(features, FOLDS, config()))
    at_once = list(train_runs(features, FOLDS, config(runs_together=4)))
    assert [(run.fold, run.seed) for run in at_once] == [(run.fold, run.seed) for run in alone]
    for one, other in zip(at_once, alone, strict=True):
        np.testing.assert_allclose(one.curve, other.curve, rtol=1e-4)
        assert np.array_equal(one.confusion_KK, other.confusion_KK)
        np.testing.assert_allclose(one.embeddings_NH, other.embeddings_NH, rtol=1e-4, atol=1e-5)


def test_a_run_with_fewer_batches_stands_still_while_others_go_on() -> None:
    features, settings = packed(), config(epochs=3)
    short = IndexFold(FOLDS[0].train[:5], FOLDS[0].valid, FOLDS[0].test)
    specs = [RunSpec(0, short, 1, settings.lr), RunSpec(1, FOLDS[1], 1, settings.lr)]
    at_once = train_group(features, specs, settings)
    alone = [train_group(features, [spec], settings)[0] for spec in specs]
    for one, other in zip(at_once, alone, strict=True):
        np.testing.assert_allclose(one.curve, other.curve, rtol=1e-4)


def test_the_learning_rate_of_the_best_validation_is_kept() -> None:
    features = packed()
    found = next(iter(train_runs(features, FOLDS[:1], config(lr_search=[1e-9, 5e-3], seeds=[1]))))
    tried = {
        lr: next(iter(train_runs(features, FOLDS[:1], config(lr=lr, max_lr=2 * lr, seeds=[1]))))
        for lr in (1e-9, 5e-3)
    }
    assert tried[5e-3].valid_wa > tried[1e-9].valid_wa
    assert found.lr == 5e-3
    assert found.curve == tried[5e-3].curve


def test_steps_are_validated_at_every_interval_and_at_the_end() -> None:
    settings = config(
        head="superb", optimizer="adam", schedule="constant", steps=25, eval_steps=10, lr=1e-3
    )
    features = one_row_each(packed())
    run = train_run(features, FOLDS[0], fold_number=0, seed=1, config=settings)
    assert [number for number, _, _ in run.curve] == [1, 2, 3]


@pytest.mark.parametrize("head", ["linear", "gru"])
def test_a_head_learns_what_can_be_told_from_the_frames(head: str) -> None:
    settings = config(head=head, epochs=40, lr=2e-3, max_lr=4e-3, seeds=[1])
    runs = list(train_runs(packed(), FOLDS, settings))
    right = sum(run.confusion_KK.trace() for run in runs)
    assert right / sum(run.confusion_KK.sum() for run in runs) > 0.5  # chance: a third


def test_learned_layer_weights_are_in_the_result() -> None:
    features = packed()
    layers = torch.stack([torch.randn(len(features.frames), 5), features.frames], dim=1)
    several = replace(features, frames=layers)
    settings = config(layer="weighted", epochs=30, lr=5e-3, max_lr=1e-2)
    run = train_run(several, FOLDS[0], fold_number=0, seed=1, config=settings)
    assert run.layer_weights_L.sum() == pytest.approx(1)
    assert run.layer_weights_L[1] > 0.55, "the layer that tells the label gets more weight"


def one_row_each(features: PackedFeatures) -> PackedFeatures:
    means = [frames.mean(0) for frames in features.frames.split(features.lengths_N.tolist())]
    return replace(
        features, frames=torch.stack(means), lengths_N=torch.ones(len(means), dtype=torch.int64)
    )
