"""The hub's own way to save and push a model, applied to our folders; imported only when something is pushed.

In: a function that writes a hub folder. Out: `HubFolder`, with `save_pretrained` and `push_to_hub` of `ModelHubMixin`.
"""

from collections.abc import Callable
from pathlib import Path

from huggingface_hub import ModelHubMixin


class HubFolder(ModelHubMixin):  # type: ignore[misc]
    """A model that knows how to write itself, card included, so that the mixin adds nothing to it."""

    def __init__(self, write: Callable[[Path], None]) -> None:
        self._write = write

    def _save_pretrained(self, save_directory: Path) -> None:
        self._write(save_directory)
