"""Train the GRUs on one fold with one seed; train many of those side by side.

In: utterance vectors, `Window`s with label indices, `IndexFold`s. Out: a `RunResult` for each fold and seed,
which is a function of (vectors, fold, seed, settings) and not of the number of threads. N utterances of the manifest,
W windows, D width, K labels; otherwise as in `conversation_head.py`. Paper: Section 5.4.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from emotion2vec.errors import ProtocolError
from emotion2vec.probe.best_head import BestHead
from emotion2vec.probe.conversation import Window
from emotion2vec.probe.conversation_config import ConversationConfig
from emotion2vec.probe.conversation_head import ConversationBatch, ConversationHead
from emotion2vec.probe.jobs import train_each
from emotion2vec.probe.metrics import confusion_matrix, scores
from emotion2vec.probe.recipe import build_optimizer
from emotion2vec.probe.run_result import IndexFold, RunResult
from emotion2vec.probe.saved_runs import SavedRuns
from emotion2vec.seeding import derive_rng, derive_seed

_TEST_BATCH = 512


@dataclass(frozen=True)
class ConversationData:
    """All windows and what they are made of.

    Attributes:
        vectors_ND: Vector of each utterance of the manifest, (N, D) float32.
        windows: The windows, W.
        labels_W: Label index of each window's target, (W,) int64.
        num_labels: Number of labels K.
    """

    vectors_ND: Tensor
    windows: Sequence[Window]
    labels_W: np.ndarray
    num_labels: int

    def batch(self, indices: np.ndarray) -> ConversationBatch:
        """Collect windows; each turn is there once, however many windows hear it."""
        chosen = [self.windows[index] for index in indices]
        turns = {turn: None for window in chosen for turn in window.turns}
        place = {turn: index for index, turn in enumerate(turns)}
        rows_RU = _padded([list(turn) for turn in turns])
        device = self.vectors_ND.device
        return ConversationBatch(
            turns_RUD=self.vectors_ND[rows_RU.to(device)],
            lengths_R=torch.tensor([len(turn) for turn in turns]),
            turn_BP=_padded([[place[turn] for turn in window.turns] for window in chosen]).to(
                device
            ),
            num_turns_B=torch.tensor([len(window.turns) for window in chosen]),
            same_BP=_padded([list(map(int, window.same_speaker)) for window in chosen]).to(device),
        )

    def standardised(self, train: np.ndarray) -> "ConversationData":
        """Scale each dimension to mean 0 and variance 1 over the utterances that the training windows hear."""
        heard = sorted({position for index in train for position in self.windows[index].heard})
        heard_ND = self.vectors_ND[torch.tensor(heard).to(self.vectors_ND.device)].double()
        mean_D, deviation_D = heard_ND.mean(0), heard_ND.std(0, correction=0).clamp(min=1e-8)
        scaled_ND = ((self.vectors_ND - mean_D) / deviation_D).to(self.vectors_ND.dtype)
        return ConversationData(scaled_ND, self.windows, self.labels_W, self.num_labels)


def train_run(
    data: ConversationData,
    fold: IndexFold,
    *,
    fold_number: int,
    seed: int,
    config: ConversationConfig,
) -> RunResult:
    """Train one head and test it at the epoch of the best validation UAR.

    Args:
        data: All windows.
        fold: Which of them train, validate and test.
        fold_number: Number of the fold, from 0; part of the random numbers' seed.
        seed: Seed of weights, batches and dropout.
        config: Head and optimiser.

    Raises:
        ProtocolError: The loss is no longer finite.
    """
    if config.standardise:
        data = data.standardised(fold.train)
    generator = torch.Generator().manual_seed(
        derive_seed("conversation", seed, fold_number) % 2**63
    )
    head = ConversationHead(
        data.vectors_ND.shape[1], config.hidden_dim, data.num_labels,
        dropout=config.dropout, generator=generator,
    ).to(data.vectors_ND.device)  # fmt: skip
    best = _train(
        head, data, fold, fold_number=fold_number, seed=seed, config=config, generator=generator
    )
    best.restore()
    predicted_N = _predict(head, data, fold.test)
    return RunResult(
        fold=fold_number,
        seed=seed,
        confusion_KK=_confusion(data, fold.test, predicted_N),
        best_epoch=best.number,
        valid_wa=best.scores.wa,
        valid_ua=best.scores.ua,
        curve=tuple(best.curve),
        embeddings_NH=np.empty((0, 0), np.float32),
        predicted_N=predicted_N,
        lr=config.lr,
    )


def train_runs(
    data: ConversationData,
    folds: Sequence[IndexFold],
    config: ConversationConfig,
    saved: SavedRuns | None = None,
) -> Iterator[RunResult]:
    """Train every fold with every seed.

    Args:
        data: All windows.
        folds: The folds.
        config: Settings; `jobs` runs are trained at the same time, each on one core.
        saved: Where finished runs are kept and found.

    Yields:
        Results, fold by fold and within one seed by seed.
    """

    def train(number: int, seed: int) -> RunResult:
        """Take a run that is saved, or train it."""
        found = saved.load(number, seed) if saved else None
        if found is not None:
            return found
        found = train_run(data, folds[number], fold_number=number, seed=seed, config=config)
        return saved.save(found) if saved else found

    yield from train_each(
        train,
        num_folds=len(folds),
        seeds=config.seeds,
        device=data.vectors_ND.device,
        jobs=config.jobs,
    )


def _train(
    head: ConversationHead,
    data: ConversationData,
    fold: IndexFold,
    *,
    fold_number: int,
    seed: int,
    config: ConversationConfig,
    generator: torch.Generator,
) -> BestHead:
    """Train epoch by epoch, and validate after each."""
    optimizer, schedule = build_optimizer([head], [config.lr], config)
    best = BestHead(head, metric="ua")
    for epoch in range(1, config.epochs + 1):
        order = derive_rng("conversation", seed, fold_number, epoch).permutation(fold.train)
        loss = _train_epoch(head, optimizer, data, order, config=config, generator=generator)
        if not math.isfinite(loss):
            raise ProtocolError(
                f"fold {fold_number + 1}, seed {seed}: the loss is {loss} in epoch {epoch}; "
                "try standardise=true, or a lower lr and max_lr"
            )
        schedule.step()
        predicted_N = _predict(head, data, fold.valid)
        best.offer(epoch, loss, scores(_confusion(data, fold.valid, predicted_N)))
    return best


def _train_epoch(
    head: ConversationHead,
    optimizer: torch.optim.Optimizer,
    data: ConversationData,
    order: np.ndarray,
    *,
    config: ConversationConfig,
    generator: torch.Generator,
) -> float:
    """Go through the training windows once; returns the mean loss of a window."""
    total = 0.0
    for start in range(0, len(order), config.batch_size):
        part = order[start : start + config.batch_size]
        optimizer.zero_grad()
        logits_BK = head(data.batch(part), generator=generator)
        labels_B = torch.from_numpy(data.labels_W[part]).to(logits_BK.device)
        loss = nn.functional.cross_entropy(logits_BK, labels_B)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(head.parameters(), config.max_grad_norm)
        optimizer.step()
        total += float(loss.detach()) * len(part)
    return total / len(order)


def _predict(head: ConversationHead, data: ConversationData, indices: np.ndarray) -> np.ndarray:
    """Return the predicted label index of each window, (N,) int64."""
    with torch.inference_mode():
        predicted = [
            head(data.batch(indices[start : start + _TEST_BATCH])).argmax(dim=1).cpu().numpy()
            for start in range(0, len(indices), _TEST_BATCH)
        ]
    return np.concatenate(predicted)


def _confusion(data: ConversationData, indices: np.ndarray, predicted_N: np.ndarray) -> np.ndarray:
    return confusion_matrix(data.labels_W[indices], predicted_N, data.num_labels)


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Put rows of several lengths into one table, zeros behind their ends."""
    table = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for index, row in enumerate(rows):
        table[index, : len(row)] = torch.tensor(row)
    return table
