"""Features with something to learn, and a store of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from emotion2vec.data.manifest import Manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.features.store import CheckpointIdentity, StoreSettings
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.packed import PackedFeatures

LABELS = ("angry", "happy", "neutral", "sad")


def config(**changes: object) -> ProbeConfig:
    """Return settings small enough for a test."""
    small = {
        "protocol": "toy",
        "hidden_dim": 8,
        "epochs": 4,
        "batch_size": 7,
        "seeds": [1, 2],
        "device": "cpu",
    }
    return ProbeConfig(**{**small, **changes})


def make_utterances(
    number: int = 40, *, speakers: int = 5, labels: Sequence[str | None] = LABELS
) -> list[Utterance]:
    """Make rows `u00`, `u01`, ... with labels in turn; speakers change after each round of labels."""
    return [
        Utterance(
            id=f"u{index:02d}",
            path=f"u{index:02d}.wav",
            num_samples=16000,
            label=labels[index % len(labels)],
            speaker=f"s{index // len(labels) % speakers}" if speakers else None,
        )
        for index in range(number)
    ]


def make_store(
    folder: Path, utterances: Sequence[Utterance] | None = None, *, dim: int = 6
) -> Path:
    """Write a store of 1 to 4 frames an utterance, of which the label can be told."""
    manifest = Manifest("all", Path(), tuple(utterances or make_utterances()))
    settings = StoreSettings("toy.pt", CheckpointIdentity("toy.pt", "0" * 64, "fake"), "last", "frame", "frames",
                             "float32", 50.0)  # fmt: skip
    writer = FeatureStoreWriter(
        folder, manifest=manifest, settings=settings, card={"name": "toy", "synthetic": True}
    )
    rng = np.random.default_rng(0)
    centres = 2 * rng.standard_normal((len(LABELS), dim))
    for index, utterance in enumerate(manifest.utterances):
        centre = centres[LABELS.index(utterance.label)] if utterance.label in LABELS else 0
        frames = centre + rng.standard_normal((1 + index % 4, dim))
        writer.append([Computed(index, [frames.astype(np.float32)])])
    writer.finish()
    return folder


def packed(number: int = 30, *, dim: int = 5, num_labels: int = 3, seed: int = 0) -> PackedFeatures:
    """Draw packed features of 1 to 6 frames an utterance."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 7, number)
    labels = np.arange(number) % num_labels
    frames = rng.standard_normal((lengths.sum(), dim)) + np.repeat(labels, lengths)[:, None]
    return PackedFeatures(
        torch.from_numpy(frames.astype(np.float32)),
        torch.from_numpy(lengths),
        torch.from_numpy(labels),
        num_labels,
    )
