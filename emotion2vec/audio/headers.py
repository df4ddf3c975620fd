"""What a WAV or AIFF header promises against what the file holds.

In: path or contents. Out: number of missing bytes, for `source.py`. libsndfile reads a file that was cut short
without a word.
"""

import io
import struct
from pathlib import Path
from typing import BinaryIO

# container -> (byte order of sizes, name of the chunk with the samples)
_CONTAINERS = {
    b"RIFF": ("<", b"data"),
    b"RIFX": (">", b"data"),
    b"RF64": ("<", b"data"),
    b"FORM": (">", b"SSND"),
}
# programs that write into a pipe cannot know the size and put one of the largest numbers instead
_UNKNOWN_SIZE = 0x7FFFF000


def missing_bytes(content: Path | io.BytesIO, file_size: int) -> int:
    """Count the bytes of audio that the header of a WAV (also RF64) or AIFF file promises and the file lacks.

    Args:
        content: The file, or what it holds.
        file_size: Its length in bytes.

    Returns:
        0 for a complete file, a file of unknown (streamed) size, and any other format.
    """
    with content.open("rb") if isinstance(content, Path) else content as file:
        container = file.read(12)[:4]
        if container not in _CONTAINERS:
            return 0
        size = _audio_chunk_size(file, *_CONTAINERS[container])
        return max(0, file.tell() + size - file_size)


def _audio_chunk_size(file: BinaryIO, order: str, audio_chunk: bytes) -> int:
    """Go to the first byte of the audio chunk and return its size; 0 when there is none or it is unknown."""
    long_size = 0
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack(f"{order}4sI", header)
        if name == audio_chunk:
            return int(size) if size < _UNKNOWN_SIZE else long_size
        start = file.tell()
        if name == b"ds64" and len(sizes := file.read(16)) == 16:
            # RF64: the sizes that do not fit into 32 bits, of the whole file and of the audio chunk
            long_size = struct.unpack("<QQ", sizes)[1]
        file.seek(start + size + size % 2)
    return 0
