"""Training: the authors' recipe, the same result however it is spread over cores."""

import numpy as np
import pytest
import torch
from torch import nn

from emotion2vec.errors import ProtocolError
from emotion2vec.probe import trainer
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.head import ProbeHead
from emotion2vec.probe.trainer import IndexFold, PackedFeatures, RunResult, train_run, train_runs
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


def one_by_one(
    features: PackedFeatures, fold: IndexFold, *, seed: int, settings: ProbeConfig
) -> tuple:
    """The recipe written plainly, on padded batches: (losses, best epoch, logits of the test utterances)."""
    frames = features.frames_FD.split(features.lengths_N.tolist())
    generator = torch.Generator().manual_seed(derive_seed("probe", seed, 0) % 2**63)
    dims = (features.frames_FD.shape[1], settings.hidden_dim, features.num_labels)
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
    monkeypatch.setattr(trainer, "_CACHED_FRAMES", cached_frames)
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
        features.frames_FD * 1e38, features.lengths_N, features.labels_N, features.num_labels
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
    changed = features.frames_FD.clone()
    starts = features.lengths_N.cumsum(0) - features.lengths_N
    for index in FOLDS[0].test:
        changed[starts[index] : starts[index] + features.lengths_N[index]] = 1e3
    other = PackedFeatures(changed, features.lengths_N, features.labels_N, features.num_labels)
    settings = config(standardise=True)
    runs = [
        train_run(f, FOLDS[0], fold_number=0, seed=1, config=settings) for f in (features, other)
    ]
    assert runs[0].curve == runs[1].curve


def test_gather_picks_utterances_in_the_order_given() -> None:
    features = packed()
    parts = features.frames_FD.split(features.lengths_N.tolist())
    chosen = features.gather(np.array([4, 0, 4, 29]))
    assert torch.equal(chosen.frames_FD, torch.cat([parts[4], parts[0], parts[4], parts[29]]))
    assert torch.equal(chosen.labels_N, features.labels_N[[4, 0, 4, 29]])


def test_standardised_features_have_mean_0_and_variance_1_on_the_training_part() -> None:
    scaled = packed().standardised(FOLDS[0].train).gather(FOLDS[0].train).frames_FD
    torch.testing.assert_close(scaled.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(5), atol=1e-5, rtol=0)
