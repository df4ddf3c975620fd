"""A synthetic feature store of IEMOCAP's size: its ids and sessions, as many frames, values drawn at random.

In: a folder. Out: the store that `probe.py` trains on. Paper: Table 1.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.standin_corpora import standin_utterances
from emotion2vec.data.manifest import Manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.features.store import CheckpointIdentity, StoreSettings
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter
from emotion2vec.seeding import derive_rng

MEAN_FRAMES = 1_260_000 / 5531  # 7.0 h at 50 Hz
_SHORTEST, _LONGEST = 28, 1700  # frames; IEMOCAP's utterances last about 0.6 to 34 s
_BATCH = 64
_SEPARATION = 0.05  # of the labels' centres, in units of a frame's noise


def draw_lengths(number: int, *, mean_frames: float) -> np.ndarray:
    """Draw lengths in frames, long-tailed as speech is, with a given mean (to the frame), (N,)."""
    rng = derive_rng("benchmark", "lengths", number)
    scale = mean_frames / MEAN_FRAMES
    shortest, longest = max(1, round(_SHORTEST * scale)), max(2, round(_LONGEST * scale))
    drawn = rng.lognormal(0.0, 0.65, number)
    total = round(number * mean_frames)
    lengths = np.clip(drawn * total / drawn.sum(), shortest, longest).astype(np.int64)
    # the clipped and rounded remainder, spread one frame at a time
    while (missing := total - int(lengths.sum())) != 0:
        room = np.flatnonzero(lengths < longest if missing > 0 else lengths > shortest)
        chosen = rng.permutation(room)[: abs(missing)]
        lengths[chosen] += np.sign(missing)
    return lengths


def write_iemocap(folder: Path, *, keep_every: int, dim: int, mean_frames: float) -> int:
    """Write every n-th utterance of a synthetic IEMOCAP; a complete store of the same kind is kept.

    Args:
        folder: Where it goes.
        keep_every: 1 for all 5531, 10 for a tenth.
        dim: Width of a frame.
        mean_frames: Mean length.

    Returns:
        Frames in the store.
    """
    everything = standin_utterances("iemocap")
    lengths = draw_lengths(len(everything), mean_frames=mean_frames)
    plain = [replace(row, dialogue=None, order=None, turn=None, start_s=None) for row in everything]
    utterances, lengths = plain[::keep_every], lengths[::keep_every]
    settings = StoreSettings(
        f"synthetic {dim} wide, mean {mean_frames:.1f}", CheckpointIdentity(None, None, "synthetic"),
        "last", "frame", "frames", "float32", 50.0,
    )  # fmt: skip
    writer = FeatureStoreWriter(
        folder,
        manifest=Manifest("all", Path("/"), tuple(utterances)),
        settings=settings,
        card={"name": "iemocap", "synthetic": True},
    )
    for start in range(0, len(utterances), _BATCH):
        part = [
            i for i in range(start, min(start + _BATCH, len(utterances))) if not writer.is_done(i)
        ]
        if part:
            writer.append([_draw(utterances, lengths, index, dim) for index in part])
    writer.finish()
    return int(lengths.sum())


def _draw(utterances: Sequence[Utterance], lengths: np.ndarray, index: int, dim: int) -> Computed:
    """Draw the frames of one utterance; the same in the whole store and in a tenth."""
    utterance = utterances[index]
    centre = derive_rng("benchmark", "centre", str(utterance.label)).standard_normal(dim)
    rng = derive_rng("benchmark", utterance.id)
    frames = rng.standard_normal((int(lengths[index]), dim), dtype=np.float32)
    return Computed(index, [frames + (_SEPARATION * centre).astype(np.float32)])
