"""Sound files that cost what speech costs to decode: harmonics, syllables, pauses and noise, 16 bits, 16 kHz.

In: a folder, number and length of the files. Out: manifest folders `flac` and `wav` in it; the same call writes the
same files, and leaves those that are there. The noise is chosen so that FLAC needs about 0.6 of a WAV's bytes, as it
does for studio speech.
"""

import json
from pathlib import Path

import numpy as np
import soundfile

from emotion2vec.data.manifest import write_manifest_folder
from emotion2vec.data.utterance import Utterance
from emotion2vec.structs import SAMPLE_RATE_HZ

FORMATS = ("flac", "wav")
_NOISE = 0.004


def speech(seconds: float, seed: int) -> np.ndarray:
    """Make one clip, (S,), float32."""
    rng = np.random.default_rng(seed)
    time_S = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch_S = rng.uniform(90, 250) * (1 + 0.1 * np.sin(2 * np.pi * 1.5 * time_S))
    phase_S = 2 * np.pi * np.cumsum(pitch_S) / SAMPLE_RATE_HZ
    voice_S = sum(np.sin(k * phase_S + rng.uniform(0, 6)) / k for k in range(1, 16))
    syllables_S = np.maximum(0.02, np.sin(2 * np.pi * 2 * time_S + rng.uniform(0, 6))) ** 2
    clip_S = 0.15 * voice_S * syllables_S + _NOISE * rng.standard_normal(len(time_S))
    return clip_S.astype(np.float32)


def write_files(
    folder: Path, *, num_files: int, shortest_s: float, longest_s: float
) -> dict[str, Path]:
    """Write the files in each format with a manifest.

    Args:
        folder: Where to.
        num_files: Files of each format.
        shortest_s: Least length of a file in seconds.
        longest_s: Greatest length; lengths are spread evenly.

    Returns:
        Format -> manifest folder.
    """
    wanted = {"files": num_files, "shortest_s": shortest_s, "longest_s": longest_s, "noise": _NOISE}
    mark = folder / "files.json"
    manifests = {name: folder / name for name in FORMATS}
    if mark.is_file() and json.loads(mark.read_text("utf-8")) == wanted:
        return manifests
    lengths = np.random.default_rng(0).uniform(shortest_s, longest_s, num_files)
    clips = [speech(float(seconds), seed) for seed, seconds in enumerate(lengths)]
    for name, manifest in manifests.items():
        audio = folder / f"{name}_files"
        audio.mkdir(parents=True, exist_ok=True)
        rows = [Utterance(f"{n:06d}", f"{n:06d}.{name}", len(clip)) for n, clip in enumerate(clips)]
        for row, clip in zip(rows, clips, strict=True):
            soundfile.write(audio / row.path, clip, SAMPLE_RATE_HZ, subtype="PCM_16")
        write_manifest_folder(manifest, root=audio, utterances=rows, card={"synthetic": True})
    mark.write_text(json.dumps(wanted), "utf-8")
    return manifests


def size_ratio(folder: Path) -> float:
    """Return how many bytes FLAC takes for each of WAV."""
    flac, wav = (
        sum(path.stat().st_size for path in (folder / f"{name}_files").iterdir())
        for name in FORMATS
    )
    return flac / wav
