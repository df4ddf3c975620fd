"""The authors' downstream loop for IEMOCAP: one fold at a time, padded batches, scores by scikit-learn.

Written from the published settings alone: Linear(D, 256), ReLU, masked mean over time, Linear(256, K); RMSprop with
learning rate 5e-4 and momentum 0.9, CyclicLR 5e-4 to 1e-3 with step_size_up 10 stepped once an epoch; batches of 128,
100 epochs; a random fifth of the training sessions validates; the epoch of the best validation WA is tested. Nothing
of `emotion2vec.probe` is used. Also what `benchmarks/probe.py` measures ours against.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset, random_split


@dataclass(frozen=True)
class Recipe:
    """The published settings."""

    hidden_dim: int = 256
    epochs: int = 100
    batch_size: int = 128
    lr: float = 5e-4
    max_lr: float = 1e-3
    step_size_up: int = 10
    momentum: float = 0.9
    valid_share: float = 0.2


@dataclass(frozen=True)
class Figures:
    """Percent, means over folds."""

    wa: float
    ua: float
    wf1: float


class Utterances(Dataset):
    """Utterances of a feature store, each with its label index and its group (session)."""

    def __init__(
        self,
        frames_FD: np.ndarray,
        lengths_N: np.ndarray,
        labels_N: np.ndarray,
        groups_N: np.ndarray,
    ) -> None:
        self.frames_FD, self.lengths_N = frames_FD, lengths_N
        self.labels_N, self.groups_N = labels_N, groups_N
        self.offsets_N = np.cumsum(lengths_N) - lengths_N

    def __len__(self) -> int:
        return len(self.lengths_N)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        start = self.offsets_N[index]
        frames_TD = self.frames_FD[start : start + self.lengths_N[index]]
        return torch.from_numpy(frames_TD), int(self.labels_N[index])

    def subset(self, groups: list[str], *, inside: bool) -> "Utterances":
        """Keep the utterances of these groups, or all others."""
        kept = np.flatnonzero(np.isin(self.groups_N, groups) == inside)
        rows = [np.arange(self.offsets_N[i], self.offsets_N[i] + self.lengths_N[i]) for i in kept]
        return Utterances(
            self.frames_FD[np.concatenate(rows)],
            self.lengths_N[kept],
            self.labels_N[kept],
            self.groups_N[kept],
        )


class Head(nn.Module):
    """Linear, ReLU, masked mean over time, Linear."""

    def __init__(self, feature_dim: int, hidden_dim: int, num_labels: int) -> None:
        super().__init__()
        self.first = nn.Linear(feature_dim, hidden_dim)
        self.second = nn.Linear(hidden_dim, num_labels)

    def forward(self, padded_BTD: Tensor, padding_BT: Tensor) -> Tensor:
        hidden_BTH = torch.relu(self.first(padded_BTD))
        hidden_BTH = hidden_BTH * (~padding_BT)[..., None]
        mean_BH = hidden_BTH.sum(dim=1) / (~padding_BT).sum(dim=1, keepdim=True)
        return self.second(mean_BH)


def read_store(folder: Path, split: str, *, group_letters: int = 5) -> tuple[Utterances, list[str]]:
    """Read `<split>.npy`, `.lengths` and `.emo`; the group is how an id begins (`Ses01`).

    Returns:
        The utterances, and the labels by index.
    """
    rows = [line.split("\t") for line in (folder / f"{split}.emo").read_text().splitlines()]
    names = sorted({label for _, label in rows})
    lengths_N = np.array([int(x) for x in (folder / f"{split}.lengths").read_text().split()])
    labels_N = np.array([names.index(label) for _, label in rows])
    groups_N = np.array([identifier[:group_letters] for identifier, _ in rows])
    frames_FD = np.load(folder / f"{split}.npy", mmap_mode="r")
    return Utterances(frames_FD, lengths_N, labels_N, groups_N), names


def collate(batch: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor, Tensor]:
    """Pad to the longest: frames (B, T, D), padding (B, T) True where there is none, labels (B,)."""
    lengths_B = torch.tensor([len(frames_TD) for frames_TD, _ in batch])
    padded_BTD = pad_sequence([frames_TD for frames_TD, _ in batch], batch_first=True)
    padding_BT = torch.arange(padded_BTD.shape[1]) >= lengths_B[:, None]
    return padded_BTD, padding_BT, torch.tensor([label for _, label in batch])


def predict(head: Head, loader: DataLoader) -> tuple[np.ndarray, np.ndarray]:
    """Return true and predicted label indices."""
    true, predicted = [], []
    head.eval()
    with torch.no_grad():
        for padded_BTD, padding_BT, labels_B in loader:
            true += labels_B.tolist()
            predicted += head(padded_BTD, padding_BT).argmax(dim=1).tolist()
    return np.array(true), np.array(predicted)


def train_fold(
    utterances: Utterances, test_group: str, *, num_labels: int, seed: int, recipe: Recipe
) -> tuple[float, float, float]:
    """Train on all groups but one and test on that: WA, UA, weighted F1 in percent."""
    rest = utterances.subset([test_group], inside=False)
    test = utterances.subset([test_group], inside=True)
    num_train = int((1 - recipe.valid_share) * len(rest))
    generator = torch.Generator().manual_seed(seed)
    train, valid = random_split(rest, [num_train, len(rest) - num_train], generator=generator)
    loaders = {
        "train": DataLoader(train, recipe.batch_size, shuffle=True, collate_fn=collate, generator=generator),
        "valid": DataLoader(valid, recipe.batch_size, collate_fn=collate),
        "test": DataLoader(test, recipe.batch_size, collate_fn=collate),
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = Head(utterances.frames_FD.shape[1], recipe.hidden_dim, num_labels)
    optimizer = torch.optim.RMSprop(head.parameters(), lr=recipe.lr, momentum=recipe.momentum)
    schedule = torch.optim.lr_scheduler.CyclicLR(
        optimizer, base_lr=recipe.lr, max_lr=recipe.max_lr, step_size_up=recipe.step_size_up
    )
    best_wa, best = -1.0, head.state_dict()
    for _ in range(recipe.epochs):
        head.train()
        for padded_BTD, padding_BT, labels_B in loaders["train"]:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(head(padded_BTD, padding_BT), labels_B)
            loss.backward()
            optimizer.step()
        schedule.step()
        wa = accuracy_score(*predict(head, loaders["valid"]))
        if wa > best_wa:
            best_wa, best = wa, {k: v.clone() for k, v in head.state_dict().items()}
    head.load_state_dict(best)
    true, predicted = predict(head, loaders["test"])
    return (
        100 * accuracy_score(true, predicted),
        100 * balanced_accuracy_score(true, predicted),
        100 * f1_score(true, predicted, average="weighted"),
    )


def cross_validate(
    utterances: Utterances, *, num_labels: int, seed: int, recipe: Recipe | None = None
) -> Figures:
    """Leave out each group once; means over the folds."""
    scores = [
        train_fold(utterances, group, num_labels=num_labels, seed=seed, recipe=recipe or Recipe())
        for group in sorted(set(utterances.groups_N.tolist()))
    ]
    return Figures(*(float(np.mean(column)) for column in zip(*scores, strict=True)))
