"""Sound of a video or m4a file, through PyAV (optional).

In: path. Out: samples (S, C) and rate for `io.py`.
"""

from pathlib import Path

import numpy as np

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


def decode_container(path: Path) -> tuple[np.ndarray, int]:
    """Decode the first audio stream.

    Returns:
        Samples (S, C), float32 in [-1, 1], and the sample rate in Hz.

    Raises:
        AudioError: PyAV is missing, the file is damaged or holds no sound.
    """
    try:
        import av
    except ImportError as error:
        reason = f"{path.suffix} files need PyAV: pip install emotion2vec[video]"
        raise AudioError(path, reason) from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioError(path, "holds no audio stream")
            rate = int(container.streams.audio[0].rate)
            resampler = av.AudioResampler(format="fltp", rate=rate)
            blocks = [
                block.to_ndarray()
                for frame in container.decode(audio=0)
                for block in resampler.resample(frame)
            ]
    except (av.FFmpegError, OSError) as error:
        raise AudioError(path, f"cannot be decoded ({error})") from error
    if not blocks:
        raise AudioError(path, "is empty (0 samples)")
    # planar (C, S) -> (S, C), soundfile's order
    return np.concatenate(blocks, axis=1).T.astype(np.float32, copy=False), rate
