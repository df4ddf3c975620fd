"""Train the head on one fold with one seed; train many of those side by side.

In: packed features and label indices, `IndexFold`s. Out: a `RunResult` for each fold and seed. Every run is a function
of (features, fold, seed, settings): not of the number of threads or of the runs beside it. Frames lie packed, one
utterance after the other, once in memory. N utterances, F frames, D width, K labels. Paper: Section 4.3.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from emotion2vec.errors import ProtocolError
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.head import ProbeHead
from emotion2vec.probe.jobs import train_each
from emotion2vec.probe.metrics import confusion_matrix, scores
from emotion2vec.seeding import derive_rng, derive_seed

_CACHED_FRAMES = (
    2048  # with 768 dimensions 6 MB, and nothing larger for the allocator to map and clear
)


@dataclass(frozen=True)
class PackedFeatures:
    """Features of all utterances, one after the other.

    Attributes:
        frames_FD: Frames, (F, D).
        lengths_N: Frames of each utterance, (N,) int64 on the CPU.
        labels_N: Label index of each utterance, (N,) int64 on the CPU.
        num_labels: Number of labels K.
    """

    frames_FD: Tensor
    lengths_N: Tensor
    labels_N: Tensor
    num_labels: int

    def gather(self, indices: np.ndarray) -> "PackedFeatures":
        """Pick utterances, in the order given."""
        chosen = torch.from_numpy(indices)
        ends_N = self.lengths_N.cumsum(0)
        starts, lengths = (ends_N - self.lengths_N)[chosen], self.lengths_N[chosen]
        # row numbers of utterance i: starts[i] + 0, 1, ... lengths[i] - 1
        offsets = torch.repeat_interleave(starts - (lengths.cumsum(0) - lengths), lengths)
        rows_F = torch.arange(len(offsets)) + offsets
        frames_FD = self.frames_FD.index_select(0, rows_F.to(self.frames_FD.device))
        return PackedFeatures(frames_FD, lengths, self.labels_N[chosen], self.num_labels)

    def standardised(self, train: np.ndarray) -> "PackedFeatures":
        """Scale each dimension to mean 0 and variance 1 over the training utterances' frames."""
        frames_FD = self.gather(train).frames_FD.double()
        mean_D, deviation_D = frames_FD.mean(0), frames_FD.std(0, correction=0).clamp(min=1e-8)
        scaled_FD = ((self.frames_FD - mean_D) / deviation_D).to(self.frames_FD.dtype)
        return PackedFeatures(scaled_FD, self.lengths_N, self.labels_N, self.num_labels)


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
        best_epoch: Epoch that was tested, from 1.
        valid_wa: Its validation WA in percent.
        curve: (epoch, training loss, validation WA) for each epoch.
        embeddings_NH: First layer's output of the test utterances, (N, H) float32.
        predicted_N: Predicted label index of the test utterances, (N,) int64; None where the trainer keeps none.
    """

    fold: int
    seed: int
    confusion_KK: np.ndarray
    best_epoch: int
    valid_wa: float
    curve: tuple[tuple[int, float, float], ...]
    embeddings_NH: np.ndarray
    predicted_N: np.ndarray | None = None


def build_optimizer(
    head: nn.Module, config: ProbeConfig
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.CyclicLR]:
    """Build the authors' RMSprop and the cycle of its learning rate, stepped once an epoch."""
    optimizer = torch.optim.RMSprop(head.parameters(), lr=config.lr, momentum=config.momentum)
    # torch cycles the momentum of an optimizer that has one against the learning rate; so did the authors' runs
    schedule = torch.optim.lr_scheduler.CyclicLR(
        optimizer, config.lr, config.max_lr, config.step_size_up,
        base_momentum=config.base_momentum, max_momentum=config.momentum,
    )  # fmt: skip
    return optimizer, schedule


def train_run(
    features: PackedFeatures, fold: IndexFold, *, fold_number: int, seed: int, config: ProbeConfig
) -> RunResult:
    """Train one head and test it at the epoch of the best validation WA.

    Args:
        features: All utterances.
        fold: Which of them train, validate and test.
        fold_number: Number of the fold, from 0; part of the random numbers' seed.
        seed: Seed of weights and batches.
        config: Head and optimiser.

    Raises:
        ProtocolError: The loss is no longer finite.
    """
    if config.standardise:
        features = features.standardised(fold.train)
    generator = torch.Generator().manual_seed(derive_seed("probe", seed, fold_number) % 2**63)
    head = ProbeHead(
        features.frames_FD.shape[1], config.hidden_dim, features.num_labels, generator=generator
    ).to(features.frames_FD.device)
    optimizer, schedule = build_optimizer(head, config)
    valid = features.gather(fold.valid)
    best_wa, best_epoch, best_state = -1.0, 0, head.state_dict()
    curve = []
    for epoch in range(1, config.epochs + 1):
        order = derive_rng("probe", seed, fold_number, epoch).permutation(fold.train)
        loss = _train_epoch(head, optimizer, features, order, batch_size=config.batch_size)
        if not math.isfinite(loss):
            raise ProtocolError(
                f"fold {fold_number + 1}, seed {seed}: the loss is {loss} in epoch {epoch}; the features' scale is not "
                "the recipe's: try standardise=true, or a lower lr and max_lr"
            )
        schedule.step()
        valid_wa = scores(_confusion(valid, _test(head, valid)[0])).wa
        curve.append((epoch, loss, valid_wa))
        if valid_wa > best_wa:
            best_wa, best_epoch = valid_wa, epoch
            best_state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    head.load_state_dict(best_state)
    test = features.gather(fold.test)
    predicted_N, embeddings_NH = _test(head, test)
    return RunResult(fold_number, seed, _confusion(test, predicted_N), best_epoch, best_wa, tuple(curve),
                     embeddings_NH, predicted_N)  # fmt: skip


def train_runs(
    features: PackedFeatures, folds: Sequence[IndexFold], config: ProbeConfig
) -> Iterator[RunResult]:
    """Train every fold with every seed.

    Args:
        features: All utterances.
        folds: The folds.
        config: Settings; `jobs` runs are trained at the same time, each on one core.

    Yields:
        Results, fold by fold and within one seed by seed.
    """

    def train(number: int, seed: int) -> RunResult:
        return train_run(features, folds[number], fold_number=number, seed=seed, config=config)

    yield from train_each(
        train,
        num_folds=len(folds),
        seeds=config.seeds,
        device=features.frames_FD.device,
        jobs=config.jobs,
    )


def _train_epoch(
    head: ProbeHead,
    optimizer: torch.optim.Optimizer,
    features: PackedFeatures,
    order: np.ndarray,
    *,
    batch_size: int,
) -> float:
    """Go through the training utterances once; returns the mean loss of an utterance."""
    total = 0.0
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        optimizer.zero_grad()
        for part in _parts(features, batch):
            chosen = features.gather(part)
            device = chosen.frames_FD.device
            logits_BK = head(chosen.frames_FD, chosen.lengths_N.to(device))
            loss = nn.functional.cross_entropy(
                logits_BK, chosen.labels_N.to(device), reduction="sum"
            )
            # gradients of the parts add up to that of the batch's mean loss
            torch.autograd.backward(loss / len(batch))
            total += float(loss.detach())
        optimizer.step()
    return total / len(order)


def _parts(features: PackedFeatures, batch: np.ndarray) -> list[np.ndarray]:
    """Cut a batch into pieces that fit the processor's cache; a GPU takes it whole."""
    if features.frames_FD.device.type != "cpu":
        return [batch]
    ends = features.lengths_N.numpy()[batch].cumsum()
    cuts = np.flatnonzero(np.diff(ends // _CACHED_FRAMES)) + 1
    return np.split(batch, cuts)


def _test(head: ProbeHead, features: PackedFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Return the predicted label indices (N,) and the embeddings (N, H)."""
    with torch.inference_mode():
        embeddings_NH = head.embed(
            features.frames_FD, features.lengths_N.to(features.frames_FD.device)
        )
        predicted_N = head.output(embeddings_NH).argmax(dim=1).cpu().numpy()
    return predicted_N, embeddings_NH.cpu().numpy()


def _confusion(features: PackedFeatures, predicted_N: np.ndarray) -> np.ndarray:
    return confusion_matrix(features.labels_N.numpy(), predicted_N, features.num_labels)
