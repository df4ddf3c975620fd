"""Where the weights of a checkpoint come from: what stays known however often they change their format.

In: the path of a checkpoint. Out: `Provenance`, for `config.json`, model card and the other formats.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

import emotion2vec
from emotion2vec.model.checkpoint import LoadedCheckpoint, read_state
from emotion2vec.model.config import ModelConfig
from emotion2vec.model.formats import open_source

FORMAT_VERSION = 1
STATE_KEY = "emotion2vec"  # our entry in files of other programs
_CONFIG_FILE = "config.json"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Provenance:
    """Origin of weights.

    Attributes:
        kind: Format of the first file that they were exported from, in words.
        sha256: Digest of that file.
        training: What is known of the run: `updates`, `epoch`, `seed`, `init_from` (a file's name), ...
    """

    kind: str
    sha256: str
    training: Mapping[str, Any] = field(default_factory=dict)


def read_provenance(path: Path, checkpoint: LoadedCheckpoint) -> Provenance:
    """Find out where a checkpoint comes from; an exported one tells, another is the origin itself.

    Args:
        path: The file or folder.
        checkpoint: What was read from it.
    """
    origin = Provenance(checkpoint.kind, checkpoint.sha256)
    if checkpoint.kind.endswith("hub folder"):  # or the file with its weights
        config = (path if path.is_dir() else path.parent) / _CONFIG_FILE
        return _noted(json.loads(config.read_text(encoding="utf-8"))) or origin
    if checkpoint.kind.endswith("safetensors file"):
        return origin
    state = read_state(open_source(path).path)
    return _noted(state.get(STATE_KEY)) or replace(origin, training=_training(state))


def as_entry(config: ModelConfig, provenance: Provenance) -> dict[str, Any]:
    """Return config and provenance in plain types: all of `config.json`, and an entry in other programs' files."""
    return {
        "model_type": "emotion2vec",
        "format_version": FORMAT_VERSION,
        "library_version": emotion2vec.__version__,
        "config": asdict(config),
        "source": {"kind": provenance.kind, "sha256": provenance.sha256},
        "training": dict(provenance.training),
    }


def _noted(entry: Any) -> Provenance | None:
    source = entry.get("source") if isinstance(entry, Mapping) else None
    if not isinstance(source, Mapping) or "kind" not in source:
        return None
    if not _DIGEST.fullmatch(str(source.get("sha256"))):
        return None
    training = entry.get("training")
    known = training if isinstance(training, Mapping) else {}
    facts = {str(name): value for name, value in known.items() if _is_fact(value)}
    return Provenance(str(source["kind"]), str(source["sha256"]), facts)


def _training(state: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what a fairseq checkpoint tells of its run; no path of the machine is among it."""
    history = state.get("optimizer_history")
    last = history[-1] if isinstance(history, list) and history else None
    model = _look_up(state, "cfg", "model")
    learning_rate = _look_up(state, "cfg", "optimization", "lr")
    facts = {
        "updates": _look_up(last, "num_updates"),
        "epoch": _look_up(state, "extra_state", "train_iterator", "epoch"),
        "learning_rate": learning_rate[0]
        if isinstance(learning_rate, list) and learning_rate
        else None,
        "seed": _look_up(state, "cfg", "common", "seed"),
        "init_from": _start(model["init_from"]) if "init_from" in (model or {}) else None,
    }
    return {name: value for name, value in facts.items() if _is_fact(value)}


def _start(init_from: Any) -> str | None:
    if init_from is None:
        return "nothing (cold start)"
    return PurePath(init_from).name if isinstance(init_from, str) else None


def _look_up(node: Any, *names: str) -> Any:
    for name in names:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _is_fact(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value) and "${" not in value
    return isinstance(value, int | float) and math.isfinite(value)
