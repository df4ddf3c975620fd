"""Small feature stores of every corpus of the paper, of which the label can be told."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from emotion2vec.data.manifest import Manifest, write_manifest_folder
from emotion2vec.data.utterance import Utterance
from emotion2vec.features.store import CheckpointIdentity, StoreSettings
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter, Skipped
from tests.probe.conversations import make_conversations
from tests.probe.fakes import LABELS

SPEECH_CORPORA = (
    "meld", "ravdess_speech", "savee", "aesdd", "cafe", "resd", "emodb", "emovo", "m3ed", "subesco",
    "shemo", "urdu", "ravdess_song",
)  # fmt: skip
SENTIMENT_CORPORA = ("cmu_mosi", "cmu_mosei")
DIM = 6
# small enough for a test, in every protocol
SMALL = (
    "seeds=[1,2]",
    "epochs=1",
    "hidden_dim=4",
    "device=cpu",
    "superb_er.steps=2",
    "superb_er.eval_steps=1",
)


def utterances_of(corpus: str, ids: Sequence[str] = ()) -> list[Utterance]:
    """Make 80 utterances of ten speakers in five sessions, or one for each id, with the corpus' own parts."""
    if corpus == "iemocap":
        return conversations()
    labels = ("negative", "positive") if corpus in SENTIMENT_CORPORA else LABELS
    names = list(ids) or [f"{corpus}_{index:02d}" for index in range(80)]
    has_valid = corpus != "resd"
    parts = ("train",) * 4 + ("valid" if has_valid else "train", "test", "train")
    return [
        Utterance(
            id=name,
            path=f"{name}.wav",
            num_samples=16000,
            label=labels[index % len(labels)],
            speaker=f"s{index // 4 % 10}",
            session=f"Session{index // 4 % 10 // 2}",
            split=parts[index % len(parts)],
        )
        for index, name in enumerate(names)
    ]


def conversations() -> list[Utterance]:
    """Make a small IEMOCAP: five sessions of two speakers."""
    rows, _ = make_conversations(sessions=5, dialogues=2, turns=10)
    return rows


def write_store(
    folder: Path,
    corpus: str,
    *,
    name: str = "emotion2vec",
    layers: str = "last",
    granularity: str = "frame",
    utterance_from: str = "frames",
    synthetic: bool = True,
    ids: Sequence[str] = (),
    shift: float = 0.0,
    split: str | None = "",
    overwrite: bool = False,
) -> Path:
    """Write a store; with `layers` all it has five of them, with `split` all are in that part."""
    rows = tuple(utterances_of(corpus, ids))
    if split != "":
        rows = tuple(replace(row, split=split) for row in rows)
    checkpoint = CheckpointIdentity(f"{name}.pt", "0" * 64, "fake")
    settings = StoreSettings(name, checkpoint, layers, granularity, utterance_from, "float32", 50.0)
    writer = FeatureStoreWriter(
        folder,
        manifest=Manifest("all", Path(), rows),
        settings=settings,
        card={"name": corpus, "synthetic": synthetic},
        overwrite=overwrite,
    )
    if writer.is_complete:
        return folder
    num_layers = 5 if layers == "all" else 0
    rng = np.random.default_rng(0)
    batch: list[Computed | Skipped] = []
    for index, row in enumerate(rows):
        count = 1 if granularity == "utterance" else 1 + index % 3
        shape = (count, num_layers, DIM) if num_layers else (count, DIM)
        frames = direction(row.label) + shift + 0.5 * rng.standard_normal(shape)
        batch.append(Computed(index, [frames.astype(np.float32)]))
    writer.append(batch)
    writer.finish()
    return folder


def damage(folder: Path) -> None:
    """Put a row into a store that is not a number, of its third utterance: whatever evaluates it fails."""
    rows = np.load(folder / "all.npy")
    rows[5] = np.nan
    np.save(folder / "all.npy", rows)


def direction(label: str | None) -> np.ndarray:
    """Give each label a direction."""
    known = (*LABELS, "negative", "positive")
    return np.eye(DIM)[known.index(label) if label in known else 0]


def write_manifest(folder: Path, corpus: str = "iemocap") -> Path:
    """Write the manifest of the conversations; returns `all.tsv`."""
    folder.mkdir(parents=True, exist_ok=True)
    card = {"name": corpus, "synthetic": True}
    write_manifest_folder(folder, root=folder, utterances=conversations(), card=card)
    return folder / "all.tsv"
