"""A sound file inside a shard, a plain tar: its path is `SHARD.tar:OFFSET:SIZE`, the place of its bytes.

In: such a path. Out: name and bytes of the member, for `source.py`. fairseq's datasets read paths of this form too. A
process opens each shard once; reading a member is one system call, and asks nothing of the file system's directories.
"""

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

from emotion2vec.errors import AudioError

_PLACE = re.compile(r"(?P<shard>.+\.tar):(?P<offset>[0-9]+):(?P<size>[0-9]+)")
TAR_BLOCK = 512  # a member's header, which stands right before its bytes
_MOST_OPEN = 128


@dataclass(frozen=True)
class ShardMember:
    """Where a sound file lies in a shard.

    Attributes:
        shard: The tar file.
        offset: First byte of the member's contents.
        size: Bytes of its contents.
    """

    shard: Path
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.shard}:{self.offset}:{self.size}"


def parse_member(path: Path) -> ShardMember | None:
    """Return the place that a path names; None for the path of a file of its own.

    >>> parse_member(Path("s/shard-00001.tar:512:48211")).offset
    512
    >>> parse_member(Path("s/utt.flac"))
    """
    match = _PLACE.fullmatch(path.name)
    if match is None:
        return None
    return ShardMember(path.with_name(match["shard"]), int(match["offset"]), int(match["size"]))


def file_on_disk(path: Path) -> Path:
    """Return the file that must exist for a path to be read: the shard, or the path itself."""
    member = parse_member(path)
    return path if member is None else member.shard


def describe(path: Path) -> str:
    """Name a sound file in a message: `SHARD.tar: MEMBER` where it lies in a shard that can be read."""
    member = parse_member(path)
    if member is None:
        return str(path)
    try:
        return f"{member.shard}: {read_member(member)[0]}"
    except AudioError:
        return str(path)


def read_member(member: ShardMember) -> tuple[str, bytes]:
    """Read a member.

    Returns:
        Its name and its contents.

    Raises:
        AudioError: The shard is missing or cut short, or holds no member at this place.
    """
    start = member.offset - TAR_BLOCK
    try:
        # the header comes along: it has the name, and shows that the place is right
        content = _open(member.shard).read(max(0, start), TAR_BLOCK + member.size)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError(member.shard, "does not exist") from error
    except OSError as error:
        raise AudioError(member.shard, f"cannot be read ({error.strerror})") from error
    header = content[:TAR_BLOCK]
    if start < 0 or header[257:262] != b"ustar" or _size(header) != member.size:
        reason = (
            f"holds no file of {member.size} bytes at byte {member.offset}: the shard was replaced or damaged; "
            "make the shards again with `emotion2vec shard`"
        )
        raise AudioError(member.shard, reason)
    name = header[:100].split(b"\0")[0].decode("utf-8", "replace")
    absent = TAR_BLOCK + member.size - len(content)
    if absent:
        raise AudioError(f"{member.shard}: {name}", f"is truncated: the shard lacks {absent} bytes")
    return name, content[TAR_BLOCK:]


def _size(header: bytes) -> int:
    digits = header[124:135].strip(b"\0 ")
    return int(digits, 8) if re.fullmatch(rb"[0-7]+", digits) else -1


class _OpenShard:
    """An open file that is read at places: processes and threads may share it. It closes when it is forgotten."""

    def __init__(self, path: Path) -> None:
        self._number = -1
        self._number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if self._number >= 0:
            os.close(self._number)

    def read(self, start: int, num_bytes: int) -> bytes:
        """Read up to `num_bytes` at a place; fewer only at the end of the file."""
        pieces = []
        while num_bytes > 0 and (piece := os.pread(self._number, num_bytes, start)):
            pieces.append(piece)
            start, num_bytes = start + len(piece), num_bytes - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@functools.lru_cache(maxsize=_MOST_OPEN)
def _open(shard: Path) -> _OpenShard:
    return _OpenShard(shard)
