"""Turns stand-ins of other programs' objects into dicts, lists and strings.

In: what `torch_file.py` read. Out: plain types and `StoredTensor`s. OmegaConf's containers give what they hold
(interpolations stay text), a Namespace its attributes, an enum's member its name where it is known, else its value.
What is shared comes out once for every place where it stands, so that nothing later is larger than it looks.
"""

from typing import Any

from emotion2vec.errors import CheckpointError
from emotion2vec.model.safe_pickle import Name, StandIn

_MAX_DEPTH = 100
_MAX_ITEMS = 1_000_000  # a base model's checkpoint, optimizer state included, has 0.01 million
_MAX_BITS = 1024
# Values of the enum in fairseq's data2vec 2.0, whose module a reader may not have
_MODALITIES = {1: "AUDIO", 2: "IMAGE", 3: "TEXT"}


def to_plain(contents: Any) -> Any:
    """Convert everything in a checkpoint.

    Raises:
        CheckpointError: The objects contain themselves, are nested too deeply or too many, or a number is too long.
    """
    return _Converter().convert(contents, 0)


class _Converter:
    """Converts objects and counts them."""

    def __init__(self) -> None:
        self._num_items = 0

    def convert(self, item: Any, depth: int) -> Any:
        """Convert one object, `depth` containers down."""
        self._num_items += 1
        if depth > _MAX_DEPTH or self._num_items > _MAX_ITEMS:
            raise CheckpointError(
                "objects in it contain themselves, are nested too deeply or are too many"
            )
        if isinstance(item, int) and item.bit_length() > _MAX_BITS:
            raise CheckpointError("a number in it has too many digits")
        return self._convert(item, depth + 1)

    def _convert(self, item: Any, depth: int) -> Any:
        if isinstance(item, Name):
            return item.full
        if isinstance(item, StandIn):
            return self._convert_stand_in(item, depth)
        if isinstance(item, dict):
            pairs = ((self.convert(k, depth), self.convert(v, depth)) for k, v in item.items())
            return {k: v for k, v in pairs if isinstance(k, str | int | float | bytes)}
        if isinstance(item, list | tuple | set | frozenset):
            return [self.convert(part, depth) for part in item]
        return item

    def _convert_stand_in(self, item: StandIn, depth: int) -> Any:
        name = item.name.rpartition(".")[2]
        if item.name.startswith("omegaconf."):
            return self.convert(item.state.get("_content", item.state.get("_val")), depth)
        if item.name == "argparse.Namespace":
            return self.convert(item.state, depth)
        if name == "Modality" and item.args and isinstance(item.args[0], int):
            return _MODALITIES.get(item.args[0], str(item.args[0]))
        if item.state:
            return self.convert(item.state, depth)
        return self.convert(item.args[0], depth) if len(item.args) == 1 else str(item.name)
