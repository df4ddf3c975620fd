"""Synthetic conversations whose emotions follow from what was heard before, as a manifest and a feature store."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from emotion2vec.corpora.dialogue import Spoken, number_turns
from emotion2vec.data.manifest import Manifest, write_manifest_folder
from emotion2vec.data.utterance import Utterance
from emotion2vec.features.store import CheckpointIdentity, StoreSettings
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter
from tests.probe.fakes import LABELS

OTHER = "frustrated"


def make_conversations(
    *, sessions: int = 3, dialogues: int = 4, turns: int = 16, seed: int = 0
) -> tuple[list[Utterance], np.ndarray]:
    """Make dialogues of two speakers with 1 to 3 utterances a turn.

    Each turn sounds like a random one of four things; its label is what the same speaker's turn before sounded like.

    Returns:
        The utterances, and what each sounds like, (N,).
    """
    rng = np.random.default_rng(seed)
    rows, sounds = [], []
    for session in range(1, sessions + 1):
        for number in range(dialogues):
            dialogue = f"Ses{session}_{number}"
            heard = rng.integers(0, 4, turns)
            spoken = [
                (turn, f"{session}{'FM'[(turn + number) % 2]}")
                for turn in range(turns)
                for _ in range(rng.integers(1, 4))
            ]
            ids = [f"{dialogue}_{index:03d}" for index in range(len(spoken))]
            places = number_turns(
                Spoken(name, 2.0 * index, spoken[index][1]) for index, name in enumerate(ids)
            )
            for index, (turn, speaker) in enumerate(spoken):
                label = LABELS[heard[turn - 2]] if turn > 1 else OTHER
                place = places[ids[index]]
                rows.append(
                    Utterance(
                        ids[index],
                        f"{ids[index]}.wav",
                        16000,
                        label,
                        speaker,
                        f"Session{session}",
                        dialogue=dialogue,
                        order=place.order,
                        turn=place.turn,
                        start_s=2.0 * index,
                        text=f"word{heard[turn]} again",
                    )
                )
                sounds.append(heard[turn])
    return rows, np.array(sounds)


def write_manifest(folder: Path, utterances: list[Utterance]) -> Path:
    """Write a manifest folder, named as that of another corpus would be; returns `all.tsv`."""
    folder.mkdir(exist_ok=True)
    card = {"name": "toy", "synthetic": True}
    write_manifest_folder(folder, root=folder, utterances=utterances, card=card)
    return folder / "all.tsv"


def write_features(
    folder: Path, utterances: list[Utterance], sounds: np.ndarray, *, granularity: str = "frame"
) -> Path:
    """Write a store from which each utterance's sound can be told."""
    settings = StoreSettings("toy.pt", CheckpointIdentity("toy.pt", "0" * 64, "fake"), "last", granularity, "frames",
                             "float32", 50.0)  # fmt: skip
    rows = tuple(replace(utterance, split=None) for utterance in utterances)
    writer = FeatureStoreWriter(
        folder,
        manifest=Manifest("all", Path(), rows),
        settings=settings,
        card={"name": "toy", "synthetic": True},
    )
    rng = np.random.default_rng(1)
    for index, sound in enumerate(sounds):
        frames = np.eye(6)[sound] + 0.2 * rng.standard_normal((1 + index % 3, 6))
        frames = frames if granularity == "frame" else frames[:1]
        writer.append([Computed(index, [frames.astype(np.float32)])])
    writer.finish()
    return folder
