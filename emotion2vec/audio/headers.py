"""What a WAV or AIFF header promises against what the file holds.

In: path. Out: number of missing bytes, for `io.py`. libsndfile reads a file that was cut short without a word.
"""

import struct
from pathlib import Path

# container -> (byte order of sizes, name of the chunk with the samples)
_CONTAINERS = {b"RIFF": ("<", b"data"), b"RIFX": (">", b"data"), b"FORM": (">", b"SSND")}
# programs that write into a pipe cannot know the size and put one of the largest numbers instead
_UNKNOWN_SIZE = 0x7FFFF000


def missing_bytes(path: Path) -> int:
    """Count the bytes of audio that the header of a WAV or AIFF file promises and the file lacks.

    Returns:
        0 for a complete file, a file of unknown (streamed) size, and any other format.
    """
    file_size = path.stat().st_size
    with path.open("rb") as file:
        container = file.read(12)[:4]
        if container not in _CONTAINERS:
            return 0
        order, audio_chunk = _CONTAINERS[container]
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack(f"{order}4sI", header)
            if name == audio_chunk:
                return 0 if size >= _UNKNOWN_SIZE else max(0, file.tell() + size - file_size)
            file.seek(size + size % 2, 1)
    return 0
