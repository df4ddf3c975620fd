"""Train heads on frozen features: every fold with every seed, several at the same time.

In: packed features, `IndexFold`s. Out: a `RunResult` for each fold and seed. On a CPU each core trains a run of its
own; on a GPU as many as memory holds are one computation. A run is a function of (features, fold, seed, settings):
not of the number of threads, nor of the runs beside it. N utterances, K labels. Paper: Section 4.3.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from emotion2vec.errors import ProtocolError
from emotion2vec.probe.best_head import BestHead
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.jobs import train_each
from emotion2vec.probe.metrics import confusion_matrix, scores
from emotion2vec.probe.packed import PackedFeatures
from emotion2vec.probe.recipe import (
    Head,
    build_head_for,
    build_optimizer,
    label_weights,
    num_rounds,
    rounds,
)
from emotion2vec.probe.run_result import IndexFold, RunResult
from emotion2vec.probe.saved_runs import SavedRuns
from emotion2vec.probe.together import Share, backward_in_pieces, backward_together
from emotion2vec.progress import progress
from emotion2vec.seeding import derive_seed

_TEST_FRAMES = {"cpu": 2048, "cuda": 1 << 17}  # at a time where nothing is trained


@dataclass(frozen=True)
class RunSpec:
    """One training: a fold, a seed, a learning rate.

    Attributes:
        fold_number: Number of the fold, from 0; part of the random numbers' seed.
        fold: Which utterances train, validate and test.
        seed: Seed of weights and batches.
        lr: Learning rate, the cycle's lower end.
    """

    fold_number: int
    fold: IndexFold
    seed: int
    lr: float


class _Run:
    """A run in training."""

    def __init__(self, features: PackedFeatures, spec: RunSpec, config: ProbeConfig) -> None:
        self.spec = spec
        self.features = features.standardised(spec.fold.train) if config.standardise else features
        seed = derive_seed("probe", spec.seed, spec.fold_number) % 2**63
        generator = torch.Generator().manual_seed(seed)
        self.head = build_head_for(features, config, generator=generator).to(features.device)
        labels = features.labels_N.numpy()[spec.fold.train]
        self.weights_K = label_weights(labels, features.num_labels, config)
        self.rounds = rounds(
            spec.fold.train, seed=spec.seed, fold_number=spec.fold_number, config=config
        )
        self._best = BestHead(self.head, metric="wa")

    def validate(self, number: int, loss: float) -> None:
        """Score the validation part and keep the head if it is the best so far."""
        if not math.isfinite(loss):
            raise ProtocolError(
                f"fold {self.spec.fold_number + 1}, seed {self.spec.seed}: the loss is {loss} in epoch {number}; the "
                "features' scale is not the recipe's: try standardise=true, or a lower lr and max_lr"
            )
        predicted_N, _ = _answer(self.head, self.features, self.spec.fold.valid)
        self._best.offer(number, loss, scores(self._confusion(self.spec.fold.valid, predicted_N)))

    def test(self) -> RunResult:
        """Test the best head."""
        self._best.restore()
        predicted_N, embeddings_NH = _answer(self.head, self.features, self.spec.fold.test)
        layers = self.head.layers
        return RunResult(
            fold=self.spec.fold_number,
            seed=self.spec.seed,
            confusion_KK=self._confusion(self.spec.fold.test, predicted_N),
            best_epoch=self._best.number,
            valid_wa=self._best.scores.wa,
            valid_ua=self._best.scores.ua,
            curve=tuple(self._best.curve),
            embeddings_NH=embeddings_NH,
            predicted_N=predicted_N,
            lr=self.spec.lr,
            layer_weights_L=None if layers is None else layers.weights().detach().cpu().numpy(),
        )

    def _confusion(self, part: np.ndarray, predicted_N: np.ndarray) -> np.ndarray:
        labels = self.features.labels_N.numpy()[part]
        return confusion_matrix(labels, predicted_N, self.features.num_labels)


def train_group(
    features: PackedFeatures, specs: Sequence[RunSpec], config: ProbeConfig
) -> list[RunResult]:
    """Train heads side by side, step by step, and test each at its best validation WA.

    Args:
        features: All utterances.
        specs: What is trained.
        config: Head and optimiser.

    Returns:
        Results in the order of `specs`.

    Raises:
        ProtocolError: A loss is no longer finite.
    """
    runs = [_Run(features, spec, config) for spec in specs]
    optimizer, schedule = build_optimizer(
        [run.head for run in runs], [spec.lr for spec in specs], config
    )
    for number in _round_numbers(config, num_runs=len(runs)):
        losses = _train_round(runs, [next(run.rounds) for run in runs], optimizer, config)
        schedule.step()
        for run, loss in zip(runs, losses, strict=True):
            run.validate(number, loss)
    return [run.test() for run in runs]


def _round_numbers(config: ProbeConfig, *, num_runs: int) -> Iterator[int]:
    """Count the rounds from 1; with a bar where all runs end at the same time."""
    numbers = range(1, num_rounds(config) + 1)
    if num_runs == 1:
        return iter(numbers)
    return progress(numbers, description=f"probe, {num_runs} runs at once", unit="validation")


def train_runs(
    features: PackedFeatures,
    folds: Sequence[IndexFold],
    config: ProbeConfig,
    saved: SavedRuns | None = None,
) -> Iterator[RunResult]:
    """Train every fold with every seed.

    Args:
        features: All utterances.
        folds: The folds.
        config: Settings; `jobs` runs are trained at the same time, each on one core, or `runs_together` at once.
        saved: Where finished runs are kept and found.

    Yields:
        Results, fold by fold and within one seed by seed.
    """
    together = config.runs_together or _fitting_runs(features, folds, config)
    if together > 1:
        yield from _train_in_groups(features, folds, config, saved, together)
        return

    def train(number: int, seed: int) -> RunResult:
        """Take a run that is saved, or train it."""
        found = saved.load(number, seed) if saved else None
        if found is not None:
            return found
        specs = _specs(number, folds[number], seed, config)
        found = _best([train_group(features, [spec], config)[0] for spec in specs])
        return saved.save(found) if saved else found

    yield from train_each(
        train, num_folds=len(folds), seeds=config.seeds, device=features.device, jobs=config.jobs
    )


def _train_in_groups(
    features: PackedFeatures,
    folds: Sequence[IndexFold],
    config: ProbeConfig,
    saved: SavedRuns | None,
    together: int,
) -> Iterator[RunResult]:
    """Train the runs that are not saved in groups, and yield all of them in order."""
    keys = [(number, seed) for number in range(len(folds)) for seed in config.seeds]
    done = {key: saved.load(*key) if saved else None for key in keys}
    missing = [key for key in keys if done[key] is None]
    for start in range(0, len(missing), together):
        group = missing[start : start + together]
        specs = [
            spec for number, seed in group for spec in _specs(number, folds[number], seed, config)
        ]
        results = train_group(features, specs, config)
        tries = len(specs) // len(group)
        for index, key in enumerate(group):
            found = _best(results[index * tries : (index + 1) * tries])
            done[key] = saved.save(found) if saved else found
    yield from (run for run in done.values() if run is not None)


def _specs(number: int, fold: IndexFold, seed: int, config: ProbeConfig) -> list[RunSpec]:
    return [RunSpec(number, fold, seed, lr) for lr in config.lr_search or [config.lr]]


def _best(tried: Sequence[RunResult]) -> RunResult:
    """Return the run of the learning rate with the best validation WA, the first of equals."""
    return max(tried, key=lambda run: run.valid_wa)


def _fitting_runs(features: PackedFeatures, folds: Sequence[IndexFold], config: ProbeConfig) -> int:
    """Return how many runs are computed at once: one on a CPU, what half of the free memory holds on a GPU."""
    if features.device.type != "cuda":
        return 1
    longest = features.lengths_N.sort(descending=True).values[: config.batch_size].sum()
    # a batch, its hidden layer before and after ReLU, and the gradients of both
    values = int(longest) * (features.frame_dim * features.num_layers + 4 * config.hidden_dim)
    free, _ = torch.cuda.mem_get_info(features.device)
    number = len(folds) * len(config.seeds)
    tries = max(1, len(config.lr_search))
    return max(1, min(number, free // 2 // (4 * values * tries)))


def _train_round(
    runs: Sequence[_Run],
    batches: Sequence[Sequence[np.ndarray]],
    optimizer: torch.optim.Optimizer,
    config: ProbeConfig,
) -> list[float]:
    """Go through each run's batches; returns the mean loss of an utterance for each run."""
    # the last group may be of one run: it is computed as the others are
    at_once = max(len(runs), config.runs_together) > 1 or runs[0].features.device.type == "cuda"
    backward: Callable[[Sequence[Share]], torch.Tensor] = (
        backward_together if at_once else backward_in_pieces
    )
    totals = torch.zeros(len(runs), device=runs[0].features.device)
    for step in range(max(map(len, batches))):
        # a run whose batches are used up gets no gradient, and the optimizer passes it over
        active = [index for index, own in enumerate(batches) if step < len(own)]
        optimizer.zero_grad()
        shares = [
            Share(runs[i].head, runs[i].features, batches[i][step], runs[i].weights_K)
            for i in active
        ]
        totals[active] += backward(shares)
        if config.max_grad_norm:
            for share in shares:
                nn.utils.clip_grad_norm_(share.head.parameters(), config.max_grad_norm)
        optimizer.step()
    counts = [sum(map(len, own)) for own in batches]
    return [total / number for total, number in zip(totals.tolist(), counts, strict=True)]


def _answer(
    head: Head, features: PackedFeatures, part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the predicted label indices (N,) and the embeddings (N, H) of utterances."""
    predicted, embeddings = [], []
    frames = _TEST_FRAMES[features.device.type] if head.cached_frames else 1 << 16
    with torch.inference_mode():
        for piece in features.pieces(part, max(1, frames // features.num_layers)):
            embeddings_BH = head.embed(features.gather(piece)).to(head.output.weight.dtype)
            predicted.append(head.output(embeddings_BH).argmax(dim=1).cpu().numpy())
            embeddings.append(embeddings_BH.cpu().numpy())
    return np.concatenate(predicted), np.concatenate(embeddings)
