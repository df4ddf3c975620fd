"""From the file with a baseline's weights to a model that holds them.

In: a path, and a model without weights. Out: the file's contents as plain types; the model filled, in float32. Nothing
in a file is ever executed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from emotion2vec.errors import CheckpointError
from emotion2vec.model.checkpoint import list_problems, mismatches
from emotion2vec.model.plain import to_plain
from emotion2vec.model.stored_tensor import StoredTensor
from emotion2vec.model.torch_file import read_torch_file


def read_contents(path: Path) -> Mapping[str, Any]:
    """Read a file that `torch.save` wrote.

    Returns:
        Plain types; tensors are read when they are used.

    Raises:
        CheckpointError: Damaged, not such a file, or holding objects that would run code.
    """
    contents = to_plain(read_torch_file(path))
    if not isinstance(contents, Mapping):
        raise CheckpointError(
            f"{path}: holds a {type(contents).__name__}, expected a dictionary of tensors"
        )
    return contents


def fill(model: nn.Module, tensors: Mapping[str, Any], *, path: Path, expected: str) -> None:
    """Put a file's tensors into a model, all of them and nothing else.

    Args:
        model: Built on torch's `meta` device: it has shapes and no weights.
        tensors: The model's names -> tensors in the file.
        path: The file, for messages.
        expected: Which file this should be, for messages.

    Raises:
        CheckpointError: The tensors are not those of the model.
    """
    wanted = model.state_dict()
    others = [key for key, value in tensors.items() if not isinstance(value, StoredTensor)]
    problems = [f"{key} is no tensor" for key in others] or mismatches(wanted, tensors)
    problems += [f"{key} is unexpected" for key in sorted(tensors.keys() - wanted.keys())]
    if problems:
        raise CheckpointError(f"{path}: {list_problems(problems)}; expected {expected}")
    model.load_state_dict(
        {key: tensors[key].load().float() for key in wanted}, assign=True, strict=True
    )
