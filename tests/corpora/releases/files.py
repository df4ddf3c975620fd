"""Write the files of a fake release; read a list of a real one's files."""

import csv
import gzip
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.helpers.wav import write_wav


@dataclass(frozen=True)
class Expected:
    """What the list of a release says about one file; None where it says nothing."""

    label: str | None
    speaker: str | None = None
    split: str | None = None


def write_files(
    root: Path, names: Sequence[str], *, sample_rate_hz: int = 16000, channels: int = 1
) -> int:
    """Write a different recording of 0.1 s under each name; returns their number."""
    for index, name in enumerate(names):
        write_wav(
            root / name,
            seconds=0.1,
            seed=index,
            sample_rate_hz=sample_rate_hz,
            channels=channels,
        )
    return len(names)


def link_files(root: Path, names: Iterable[str]) -> None:
    """Give one tiny recording of each format all the names: thousands of files in a second."""
    sources: dict[str, Path] = {}
    for name in names:
        target = root / name
        suffix = target.suffix.lower()
        if suffix not in sources:
            sources[suffix] = root.parent / f"one{suffix}"
            write_tiny(sources[suffix])
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(sources[suffix], target)
        except OSError:  # a disk may allow 65000 names at most
            target.write_bytes(sources[suffix].read_bytes())


def write_tiny(path: Path) -> None:
    """Write 0.1 s of sound: AAC for m4a and mp4 (needs PyAV), 16 kHz mono for the others."""
    if path.suffix not in (".m4a", ".mp4"):
        write_wav(path, seconds=0.1)
        return
    write_aac(path)


def write_aac(
    path: Path,
    *,
    seconds: float = 0.1,
    seed: int = 0,
    sample_rate_hz: int = 48000,
    layout: str = "mono",
) -> None:
    """Write a recording as AAC, in the container that the suffix names."""
    import av

    channels = av.AudioLayout(layout).nb_channels
    rng = np.random.default_rng(seed)
    samples_CS = 0.1 * rng.standard_normal((channels, round(seconds * sample_rate_hz)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=sample_rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(
            samples_CS.astype(np.float32), format="fltp", layout=layout
        )
        frame.sample_rate = sample_rate_hz
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def read_list(path: Path) -> list[dict[str, str]]:
    """Read a list of a release's files: tab-separated, with a header, perhaps compressed."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))
