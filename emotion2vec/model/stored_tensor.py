"""Tensors that still lie in their file.

In: places of storages in a file, from `torch_file.py`. Out: tensors that share the mapped file's memory, so that only
what is used is read: a checkpoint's optimizer state stays on the disk.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotion2vec.errors import CheckpointError

STORAGE_DTYPES: Mapping[str, torch.dtype] = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}

# Tensors of a file may share their numbers, but a small file must not ask for much memory
_MAX_SHARING = 4
_MAX_DIMENSIONS = 16
_MAX_INDEX = 2**62


class DamagedFileError(CheckpointError):
    """A file ends before its contents do, or contradicts itself."""


@dataclass
class MappedFile:
    """A file whose bytes are read when a tensor needs them.

    Attributes:
        path: The file.
        num_bytes: Its size.
    """

    path: Path
    num_bytes: int

    @cached_property
    def memory(self) -> Any:
        """The file's bytes, an untyped storage; writing to them does not change the file."""
        return torch.UntypedStorage.from_file(str(self.path), shared=False, nbytes=self.num_bytes)

    def part(self, start: int, num_bytes: int, *, alignment: int) -> Any:
        """Return a part of the file, an untyped storage: mapped where its start is aligned, else read.

        Raises:
            DamagedFileError: The file ends before it.
        """
        if start < 0 or num_bytes < 0 or start + num_bytes > self.num_bytes:
            raise DamagedFileError(f"it ends before byte {start + num_bytes}")
        if start % alignment == 0:
            return self.memory[start : start + num_bytes]
        buffer = torch.empty(num_bytes, dtype=torch.uint8)
        view: Any = buffer.numpy()
        with self.path.open("rb") as stream:
            stream.seek(start)
            if stream.readinto(view) != num_bytes:
                raise DamagedFileError(f"it ends before byte {start + num_bytes}")
        return buffer.untyped_storage()


@dataclass(eq=False)
class StorageRef:
    """The numbers of one or more tensors.

    Attributes:
        dtype: Type of the numbers.
        numel: How many there are.
        file: Where they lie; None until the file's table of contents is known.
        start: First byte in the file.
    """

    dtype: torch.dtype
    numel: int
    file: MappedFile | None = None
    start: int = field(default=-1)

    @property
    def num_bytes(self) -> int:
        """Size in the file."""
        return self.numel * self.dtype.itemsize

    def bytes(self) -> Any:
        """Return the numbers, an untyped storage aligned as their type needs it.

        Raises:
            DamagedFileError: The file lacks them.
        """
        if self.file is None:
            raise DamagedFileError("the contents of a tensor are missing")
        return self.file.part(self.start, self.num_bytes, alignment=self.dtype.itemsize)


@dataclass(eq=False)
class StoredTensor:
    """A tensor that has not been read yet; one that does not lie within its storage cannot be made.

    Attributes:
        storage: Its numbers.
        offset: Index of its first number in the storage.
        shape: Sizes.
        stride: Steps between neighbours, in numbers.
    """

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check the numbers, which come from a file.

        Raises:
            DamagedFileError: The tensor reaches beyond its storage, or its shape is impossible.
        """
        numbers = (self.offset, *self.shape, *self.stride)
        if (
            not len(self.shape) == len(self.stride) <= _MAX_DIMENSIONS
            or not all(isinstance(number, int) and 0 <= number < _MAX_INDEX for number in numbers)
            or math.prod(max(1, size) for size in self.shape) >= _MAX_INDEX // self.dtype.itemsize
        ):
            raise DamagedFileError("a tensor has an impossible shape")
        last = self.offset + sum(
            (size - 1) * step for size, step in zip(self.shape, self.stride, strict=True)
        )
        if 0 not in self.shape and last >= self.storage.numel:
            raise DamagedFileError("a tensor reaches beyond its storage")

    @property
    def dtype(self) -> torch.dtype:
        """Type of its numbers."""
        return self.storage.dtype

    @property
    def num_bytes(self) -> int:
        """Size in memory, were its numbers not shared."""
        return math.prod(self.shape) * self.dtype.itemsize

    def load(self) -> Tensor:
        """Return the tensor, on the CPU.

        Raises:
            DamagedFileError: The file lacks its numbers.
        """
        if 0 in self.shape:
            return torch.empty(self.shape, dtype=self.dtype)
        tensor = torch.empty(0, dtype=self.dtype)
        return tensor.set_(self.storage.bytes(), self.offset, self.shape, self.stride)


def load_tensors(tensors: Mapping[str, StoredTensor | Tensor]) -> dict[str, Tensor]:
    """Load the tensors of one file, those that are not loaded yet.

    Raises:
        DamagedFileError: The file lacks their numbers, or the tensors share so many of them that a small file would
            fill the memory.
    """
    stored = [tensor for tensor in tensors.values() if isinstance(tensor, StoredTensor)]
    available = max((t.storage.file.num_bytes for t in stored if t.storage.file), default=0)
    if available and sum(tensor.num_bytes for tensor in stored) > _MAX_SHARING * available:
        raise DamagedFileError("its tensors are many times larger than the file")
    return {
        name: tensor.load() if isinstance(tensor, StoredTensor) else tensor
        for name, tensor in tensors.items()
    }
