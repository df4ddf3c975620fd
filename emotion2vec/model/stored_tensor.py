"""Tensors that still lie in their file.

In: places of storages in a file, from `torch_file.py`. Out: tensors that share the mapped file's memory, so that only
what is used is read: a checkpoint's optimizer state stays on the disk.
"""

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
    """A tensor that has not been read yet.

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

    @property
    def dtype(self) -> torch.dtype:
        """Type of its numbers."""
        return self.storage.dtype

    def load(self) -> Tensor:
        """Return the tensor, on the CPU.

        Raises:
            DamagedFileError: The tensor reaches beyond its storage or the file.
        """
        numbers = (self.offset, *self.shape, *self.stride)
        if len(self.shape) != len(self.stride) or not all(
            isinstance(number, int) and number >= 0 for number in numbers
        ):
            raise DamagedFileError("a tensor has an impossible shape")
        last = self.offset + sum(
            (size - 1) * step for size, step in zip(self.shape, self.stride, strict=True)
        )
        empty = 0 in self.shape
        if not empty and last >= self.storage.numel:
            raise DamagedFileError("a tensor reaches beyond its storage")
        if empty:
            return torch.empty(self.shape, dtype=self.dtype)
        tensor = torch.empty(0, dtype=self.dtype)
        return tensor.set_(self.storage.bytes(), self.offset, self.shape, self.stride)
