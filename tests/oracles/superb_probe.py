"""SUPERB's emotion recognition loop: learned weighted sum of layers, two linear layers, no ReLU, in steps.

Written from the published recipe: softmax of one weight a layer (all 0 at first), Linear(D, 256), mean over time,
Linear(256, K); Adam with learning rate 1e-4; micro-batches of 4, eight to a step; gradients of norm 1 at most over
all parameters together; 30,000 steps, validated every 1000 on a random fifth of the training sessions; the step of the
best validation accuracy is tested. Nothing of `emotion2vec.probe` is used.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Recipe:
    """The published settings."""

    hidden_dim: int = 256
    steps: int = 30_000
    eval_steps: int = 1000
    micro_batch: int = 4
    accumulate: int = 8
    lr: float = 1e-4
    max_grad_norm: float = 1.0
    valid_share: float = 0.2


class Head(nn.Module):
    """One weight a layer, then two linear layers around the mean over time."""

    def __init__(self, num_layers: int, feature_dim: int, hidden_dim: int, num_labels: int) -> None:
        super().__init__()
        self.weights_L = nn.Parameter(torch.zeros(num_layers))
        self.projector = nn.Linear(feature_dim, hidden_dim)
        self.classifier = nn.Linear(hidden_dim, num_labels)

    def forward(self, utterances: list[Tensor]) -> Tensor:
        """Return the logits (B, K) of utterances of (T, L, D) each."""
        shares_L = torch.softmax(self.weights_L, dim=0)
        summed_FD = (torch.cat(utterances) * shares_L[:, None]).sum(dim=1)
        projected = self.projector(summed_FD).split([len(frames) for frames in utterances])
        return self.classifier(torch.stack([frames_TH.mean(dim=0) for frames_TH in projected]))


def micro_batches(positions: list[int], size: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Go through the positions in a new order again and again."""
    while True:
        order = rng.permutation(positions).tolist()
        yield from (order[start : start + size] for start in range(0, len(order), size))


def accuracy(head: Head, utterances: list[Tensor], labels: list[int], chosen: list[int]) -> float:
    """Return the share of utterances that are right, in percent."""
    with torch.no_grad():
        predicted = head([utterances[i] for i in chosen]).argmax(dim=1).tolist()
    right = [answer == labels[i] for i, answer in zip(chosen, predicted, strict=True)]
    return 100 * sum(right) / len(right)


def train_fold(
    utterances: list[Tensor], labels: list[int], rest: list[int], test: list[int], *, seed: int, recipe: Recipe
) -> float:  # fmt: skip
    """Train on four fifths of `rest`, choose the step on the others, return the accuracy on `test`."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(rest).tolist()
    num_train = int((1 - recipe.valid_share) * len(rest))
    train, valid = shuffled[:num_train], shuffled[num_train:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = Head(*utterances[0].shape[1:], recipe.hidden_dim, max(labels) + 1)
    optimizer = torch.optim.Adam(head.parameters(), lr=recipe.lr)
    batches = micro_batches(train, recipe.micro_batch, rng)
    best, best_state = -1.0, head.state_dict()
    for step in range(1, recipe.steps + 1):
        optimizer.zero_grad()
        for _ in range(recipe.accumulate):
            batch = next(batches)
            logits_BK = head([utterances[i] for i in batch])
            loss = nn.functional.cross_entropy(logits_BK, torch.tensor([labels[i] for i in batch]))
            (loss / recipe.accumulate).backward()
        nn.utils.clip_grad_norm_(head.parameters(), recipe.max_grad_norm)
        optimizer.step()
        if step % recipe.eval_steps == 0:
            score = accuracy(head, utterances, labels, valid)
            if score > best:
                best, best_state = score, {k: v.clone() for k, v in head.state_dict().items()}
    head.load_state_dict(best_state)
    return accuracy(head, utterances, labels, test)


def cross_validate(
    frames_FLD: np.ndarray,
    lengths_N: np.ndarray,
    labels_N: np.ndarray,
    groups_N: np.ndarray,
    *,
    seed: int,
    recipe: Recipe | None = None,
) -> float:
    """Leave out each group (session) once; returns the mean accuracy over the folds in percent."""
    utterances = list(torch.from_numpy(np.array(frames_FLD)).split(lengths_N.tolist()))
    scores = []
    for group in sorted(set(groups_N.tolist())):
        test = np.flatnonzero(groups_N == group).tolist()
        rest = np.flatnonzero(groups_N != group).tolist()
        scores.append(
            train_fold(utterances, labels_N.tolist(), rest, test, seed=seed, recipe=recipe or Recipe())
        )  # fmt: skip
    return float(np.mean(scores))
