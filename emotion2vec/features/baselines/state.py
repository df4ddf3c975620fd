"""From the tensors of a baseline's file to a model that holds them.

In: what `checkpoint.read_state` gives, and a model without weights. Out: the model filled, in float32.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from emotion2vec.errors import CheckpointError
from emotion2vec.model.checkpoint import list_problems, mismatches
from emotion2vec.model.stored_tensor import DamagedFileError, StoredTensor, load_tensors


def fill(model: nn.Module, tensors: Mapping[str, Any], *, path: Path, expected: str) -> None:
    """Put a file's tensors into a model, all of them and nothing else.

    Args:
        model: Built on torch's `meta` device: it has shapes and no weights.
        tensors: The model's names -> tensors in the file.
        path: The file, for messages.
        expected: Which file this should be, for messages.

    Raises:
        CheckpointError: The tensors are not those of the model, or the file is damaged.
    """
    wanted = model.state_dict()
    others = [key for key, value in tensors.items() if not isinstance(value, StoredTensor)]
    problems = [f"{key} is no tensor" for key in others] or mismatches(wanted, tensors)
    problems += [f"{key} is unexpected" for key in sorted(tensors.keys() - wanted.keys())]
    if problems:
        raise CheckpointError(f"{path}: {list_problems(problems)}; expected {expected}")
    try:
        loaded = load_tensors(tensors)
    except DamagedFileError as error:
        raise CheckpointError(
            f"{path}: damaged or cut short ({error}); download it again"
        ) from None
    model.load_state_dict({key: tensor.float() for key, tensor in loaded.items()}, assign=True)
