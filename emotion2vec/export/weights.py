"""Tensors of a checkpoint, ready to be stored.

In: tensors under our names. Out: those that are wanted, each on the CPU, contiguous and with memory of its own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotion2vec.errors import ConfigError

# what of a checkpoint is written: `all` that it holds, or the `student`, which is all that features need
WEIGHTS = ("all", "student")


def select_weights(tensors: Mapping[str, Tensor], weights: str) -> dict[str, Tensor]:
    """Pick the tensors to write.

    Args:
        tensors: Our names -> tensors.
        weights: One of `WEIGHTS`.

    Raises:
        ConfigError: Another word.
    """
    if weights not in WEIGHTS:
        raise ConfigError(f"weights must be one of {WEIGHTS}, but is {weights!r}")
    return {
        name: tensor
        for name, tensor in tensors.items()
        if weights == "all" or name.startswith("student.")
    }


def detach_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give every tensor memory of its own, in its own precision; no copy where it has that already.

    A view would take its whole storage into the file, and formats refuse two tensors that share memory.
    """
    taken: set[int] = set()
    own = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        storage = tensor.untyped_storage()
        if storage.nbytes() != tensor.nbytes or storage.data_ptr() in taken:
            tensor = tensor.clone(memory_format=torch.contiguous_format)
        taken.add(tensor.untyped_storage().data_ptr())
        own[name] = tensor
    return own


def count_parameters(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """Count the numbers in the tensors whose names begin so."""
    return sum(tensor.numel() for name, tensor in tensors.items() if name.startswith(prefix))


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write what `torch.load(weights_only=True)` reads; the same contents always give the same bytes."""
    with path.open("wb") as file:  # given a path, torch would write its name into the file
        torch.save(dict(state), file)
