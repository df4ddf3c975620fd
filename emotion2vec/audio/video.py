"""Sound of a video or m4a file, through PyAV (optional).

In: path. Out: samples (S,) and rate for `source.py`; what the header says, for a dry run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotion2vec.audio.mono import MEAN, mix_channels
from emotion2vec.errors import AudioError

CONTAINER_SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4a",
        ".m4v",
        ".mov",
        ".mkv",
        ".avi",
        ".webm",
        ".aac",
        ".wma",
        ".wmv",
        ".3gp",
        ".flv",
    }
)

_FRAMES_AT_A_TIME = 1024


@dataclass(frozen=True)
class ContainerInfo:
    """What a container's header says; nothing is decoded.

    Attributes:
        sample_rate_hz: Rate of the first audio stream.
        num_channels: Its channels.
        seconds: Its length, right to about a codec frame (64 ms); None where the header does not tell.
    """

    sample_rate_hz: int
    num_channels: int
    seconds: float | None


@dataclass(frozen=True)
class DecodedContainer:
    """The first audio stream.

    Attributes:
        samples_S: Samples of one channel, (S,), float32 in [-1, 1].
        sample_rate_hz: Their rate.
        num_channels: Channels of the stream.
    """

    samples_S: np.ndarray
    sample_rate_hz: int
    num_channels: int


def container_info(path: Path) -> ContainerInfo:
    """Read the header.

    Raises:
        AudioError: PyAV is missing, the file is damaged or holds no sound.
    """
    with _open(path) as (container, stream):
        seconds = None
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            seconds = container.duration / 1e6
        return ContainerInfo(int(stream.rate), int(stream.channels), seconds)


def decode_container(path: Path, *, channel: str | int = MEAN) -> DecodedContainer:
    """Decode the first audio stream; each block becomes mono at once, so that a film fits into memory.

    Args:
        path: The file.
        channel: `mean`, or the number of a channel.

    Raises:
        AudioError: PyAV is missing, the file is damaged or holds no sound, or not this channel.
    """
    with _open(path) as (container, stream):
        rate, num_channels = int(stream.rate), int(stream.channels)
        blocks = [mix_channels(block, channel, path) for block in _blocks(container, rate)]
    if not blocks:
        raise AudioError(path, "is empty (0 samples)")
    return DecodedContainer(np.concatenate(blocks), rate, num_channels)


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    """Yield the container and its first audio stream; what PyAV raises meanwhile becomes our error."""
    try:
        import av
    except ImportError as error:
        reason = f"{path.suffix} files need PyAV: pip install emotion2vec[video]"
        raise AudioError(path, reason) from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioError(path, "holds no audio stream")
            yield container, container.streams.audio[0]
    # PyAV also raises ValueError, where a stream changes its layout on the way
    except (av.FFmpegError, OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise AudioError(path, f"cannot be decoded ({cause})") from error


def _blocks(container: Any, rate: int) -> Iterator[np.ndarray]:
    """Decode, and yield many codec frames at a time, (S, C) float32."""
    import av

    resampler = av.AudioResampler(format="fltp", rate=rate)
    frames: list[np.ndarray] = []
    for frame in container.decode(audio=0):
        frames += [block.to_ndarray() for block in resampler.resample(frame)]
        if len(frames) >= _FRAMES_AT_A_TIME:
            yield _join(frames)
            frames = []
    if frames:
        yield _join(frames)


def _join(frames: list[np.ndarray]) -> np.ndarray:
    """Put codec frames behind each other: planar (C, S) -> (S, C), soundfile's order."""
    return np.concatenate(frames, axis=1).T.astype(np.float32, copy=False)
