"""Small speech-like recordings and manifest folders, so that tests need no corpus."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from emotion2vec.data.manifest import write_manifest_folder
from emotion2vec.data.utterance import Utterance
from emotion2vec.structs import SAMPLE_RATE_HZ


def speech_like(*, seconds: float, seed: int, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Make a wavering harmonic tone with syllables and noise, (S,) float32, peak 0.5."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    pitch = rng.uniform(90, 260) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 3) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate_hz
    voice = sum(np.sin(k * phase) / k for k in range(1, 9))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * rng.uniform(2, 6) * time + rng.uniform(0, 6))
    samples = voice * syllables + 0.05 * rng.standard_normal(len(time))
    return (0.5 * samples / max(1e-9, np.abs(samples).max(initial=0.0))).astype(np.float32)


def write_wav(
    path: Path,
    *,
    seconds: float = 1.0,
    seed: int = 0,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    channels: int = 1,
) -> np.ndarray:
    """Write such a recording (16-bit; the format follows the suffix) and return it, (S, C)."""
    columns = [
        speech_like(seconds=seconds, seed=seed + 1000 * channel, sample_rate_hz=sample_rate_hz)
        for channel in range(channels)
    ]
    samples = np.stack(columns, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate_hz, subtype="PCM_16")
    return samples


def make_manifest_folder(
    folder: Path,
    *,
    num_utts: int = 8,
    seconds: float | Sequence[float] = 0.5,
    labels: Sequence[str] = ("angry", "happy", "neutral", "sad"),
    speakers: Sequence[str] = ("s1", "s2"),
    splits: Sequence[str | None] = (None,),
    card: Mapping[str, object] | None = None,
) -> Path:
    """Write `num_utts` recordings and their manifest; returns the manifest folder `folder/manifest`.

    Labels, lengths and splits are dealt out in turn; speakers change after each round of labels. The audio
    lies in `folder/audio`; ids are `utt000`, `utt001`, ... Without labels (`labels=()`) there is no `.emo`.
    """
    lengths = [seconds] if isinstance(seconds, int | float) else list(seconds)
    rows = []
    for index in range(num_utts):
        name = f"utt{index:03d}"
        path = f"{name}.wav"
        samples = write_wav(
            folder / "audio" / path, seconds=lengths[index % len(lengths)], seed=index
        )
        rows.append(
            Utterance(
                id=name,
                path=path,
                num_samples=len(samples),
                label=labels[index % len(labels)] if labels else None,
                speaker=speakers[index // max(1, len(labels)) % len(speakers)]
                if speakers
                else None,
                split=splits[index % len(splits)],
            )
        )
    out = folder / "manifest"
    contents = {"name": "test", "synthetic": True, **(card or {})}
    write_manifest_folder(out, root=folder / "audio", utterances=rows, card=contents)
    return out
