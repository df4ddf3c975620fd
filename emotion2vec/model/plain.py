"""Turns stand-ins of other programs' objects into dicts, lists and strings.

In: what `torch_file.py` read. Out: plain types and `StoredTensor`s. OmegaConf's containers give what they hold
(interpolations stay text), a Namespace its attributes, an enum's member its name where it is known, else its value.
"""

from typing import Any

from emotion2vec.errors import CheckpointError
from emotion2vec.model.safe_pickle import Name, StandIn

_MAX_DEPTH = 100
# Values of the enum in fairseq's data2vec 2.0, whose module a reader may not have
_MODALITIES = {1: "AUDIO", 2: "IMAGE", 3: "TEXT"}


def to_plain(contents: Any) -> Any:
    """Convert everything in a checkpoint.

    Raises:
        CheckpointError: The objects contain themselves or are nested too deeply.
    """
    return _Converter().convert(contents, 0)


class _Converter:
    """Converts every object once, wherever it stands again."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._kept: list[Any] = []  # an id is good only as long as its object lives

    def convert(self, item: Any, depth: int) -> Any:
        """Convert one object, `depth` containers down."""
        if depth > _MAX_DEPTH:
            raise CheckpointError("objects in it contain themselves or are nested too deeply")
        if not isinstance(item, dict | list | tuple | set | frozenset | StandIn | Name):
            return item
        if id(item) not in self._done:
            self._kept.append(item)
            self._done[id(item)] = self._convert(item, depth + 1)
        return self._done[id(item)]

    def _convert(self, item: Any, depth: int) -> Any:
        if isinstance(item, Name):
            return item.full
        if isinstance(item, StandIn):
            return self._convert_stand_in(item, depth)
        if isinstance(item, dict):
            pairs = ((self.convert(k, depth), self.convert(v, depth)) for k, v in item.items())
            return {k: v for k, v in pairs if isinstance(k, str | int | float | bytes | tuple)}
        return [self.convert(part, depth) for part in item]

    def _convert_stand_in(self, item: StandIn, depth: int) -> Any:
        name = item.name.rpartition(".")[2]
        if item.name.startswith("omegaconf."):
            return self.convert(item.state.get("_content", item.state.get("_val")), depth)
        if item.name == "argparse.Namespace":
            return self.convert(item.state, depth)
        if name == "Modality" and item.args:
            return _MODALITIES.get(item.args[0], str(item.args[0]))
        if item.state:
            return self.convert(item.state, depth)
        return self.convert(item.args[0], depth) if len(item.args) == 1 else str(item.name)
