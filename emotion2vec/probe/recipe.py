"""How a head is trained: its weights, its optimizer, its batches, its loss.

In: `ProbeConfig`. Out: heads, optimizers and batches for `trainer.py` and `conversation_train.py`. A round is what lies
between two validations: an epoch, or so many steps. B utterances, K labels. Paper: Section 4.2 and the authors'
downstream code; SUPERB's recipe is `config/probe/superb_er.yaml`.
"""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn

from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.gru_head import GruHead
from emotion2vec.probe.head import ProbeHead
from emotion2vec.probe.packed import PackedFeatures
from emotion2vec.probe.superb_head import SuperbHead
from emotion2vec.seeding import derive_rng

Head = ProbeHead | SuperbHead | GruHead
Schedule = torch.optim.lr_scheduler.CyclicLR | torch.optim.lr_scheduler.LambdaLR

HEAD_CLASSES: dict[str, type[Head]] = {"linear": ProbeHead, "superb": SuperbHead, "gru": GruHead}


def build_head_for(
    features: PackedFeatures, config: ProbeConfig, *, generator: torch.Generator | None = None
) -> Head:
    """Build the head that the config names, as wide as the features, on the CPU.

    Args:
        features: What it will see; frames (F, L, D) get a learned sum of their layers.
        config: `head`, `hidden_dim`.
        generator: Source of the initial weights; None is torch's own.
    """
    return HEAD_CLASSES[config.head](
        features.frame_dim + features.utterance_dim,
        config.hidden_dim,
        features.num_labels,
        num_layers=features.num_layers if features.frames.dim() == 3 else 0,
        generator=generator,
    )


def build_optimizer(
    heads: Sequence[nn.Module], lrs: Sequence[float], config: ProbeConfig
) -> tuple[torch.optim.Optimizer, Schedule]:
    """Build one optimizer for several heads, which do not touch each other, and its schedule, stepped once a round.

    Args:
        heads: The heads.
        lrs: Learning rate of each; `max_lr` keeps its ratio to `lr`.
        config: Everything else.
    """
    rates = sorted(set(lrs))
    groups = [
        {
            "params": [
                p for h, lr in zip(heads, lrs, strict=True) if lr == rate for p in h.parameters()
            ],
            "lr": rate,
        }
        for rate in rates
    ]
    if config.optimizer == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(groups, lr=config.lr)
    else:
        optimizer = torch.optim.RMSprop(groups, lr=config.lr, momentum=config.momentum)
    if config.schedule == "constant":
        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    # torch cycles the momentum of an optimizer that has one against the learning rate; so did the authors' runs
    return optimizer, torch.optim.lr_scheduler.CyclicLR(
        optimizer, rates, [rate * config.max_lr / config.lr for rate in rates], config.step_size_up,
        cycle_momentum=config.optimizer == "rmsprop", base_momentum=config.base_momentum,
        max_momentum=config.momentum,
    )  # fmt: skip


def num_rounds(config: ProbeConfig) -> int:
    """Return how often a run is validated: once an epoch, or once every `eval_steps` and at the end."""
    return -(-config.steps // config.eval_steps) if config.steps else config.epochs


def rounds(
    train: np.ndarray, *, seed: int, fold_number: int, config: ProbeConfig
) -> Iterator[list[np.ndarray]]:
    """Yield the batches of each round, as positions of utterances.

    By epochs, each epoch is cut into batches of its own, the last one smaller. By steps, batches are cut from one epoch
    after the other without a seam, as gradient accumulation does in SUPERB's program.

    Args:
        train: The training utterances.
        seed: Seed of the run.
        fold_number: Number of the fold.
        config: `epochs`, `steps`, `eval_steps`, `batch_size`.
    """
    orders = (
        derive_rng("probe", seed, fold_number, epoch).permutation(train) for epoch in count(1)
    )
    if not config.steps:
        for _ in range(config.epochs):
            order = next(orders)
            starts = range(0, len(order), config.batch_size)
            yield [order[start : start + config.batch_size] for start in starts]
        return
    batches = _endless_batches(orders, config.batch_size)
    for first in range(0, config.steps, config.eval_steps):
        yield [next(batches) for _ in range(min(config.eval_steps, config.steps - first))]


def label_weights(labels: np.ndarray, num_labels: int, config: ProbeConfig) -> Tensor:
    """Return each label's weight in the loss, (K,): 1, or N / (K n) where n of N training utterances have the label.

    >>> label_weights(np.array([0, 0, 0, 1]), 2, ProbeConfig(class_weights=True)).tolist()
    [0.6666666865348816, 2.0]
    """
    if not config.class_weights:
        return torch.ones(num_labels)
    counts_K = np.bincount(labels, minlength=num_labels)
    return torch.from_numpy(len(labels) / (num_labels * np.maximum(counts_K, 1))).float()


def loss_sum(logits_BK: Tensor, labels_B: Tensor, weights_K: Tensor) -> Tensor:
    """Return the sum of the utterances' weighted cross-entropies, a scalar."""
    return nn.functional.cross_entropy(
        logits_BK, labels_B, weight=weights_K.to(logits_BK.device), reduction="sum"
    )


def _endless_batches(orders: Iterator[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
    rest = next(orders)
    while True:
        while len(rest) < batch_size:
            rest = np.concatenate([rest, next(orders)])
        yield rest[:batch_size]
        rest = rest[batch_size:]
