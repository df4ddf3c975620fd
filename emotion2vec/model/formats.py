"""Opens whatever holds a model and names what it is: by content, not by name.

In: a file or folder. Out: `Source`: tensors by section, the hyper-parameters beside them, the format in words.
Files: fairseq's (data2vec, data2vec 2.0, emotion2vec, ours), bare state dicts, safetensors. Folders: our hub folder,
FunASR's and ModelScope's.
"""

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from emotion2vec.errors import CheckpointError
from emotion2vec.model.plain import to_plain
from emotion2vec.model.stored_tensor import StoredTensor
from emotion2vec.model.torch_file import read_torch_file

OUR_MODEL_NAME = "emotion2vec"
HUB_FORMAT_VERSION = 1
_WEIGHTS, _HUB_CONFIG = "model.safetensors", "config.json"
_FUNASR_CONFIG, _FUNASR_FILES = "config.yaml", "configuration.json"
_WRAPPERS = ("state_dict", "model")  # of FunASR's training and of fairseq


@dataclass(frozen=True)
class Source:
    """A model as a file holds it.

    Attributes:
        path: The file with the weights.
        model: Names -> tensors of the student and what is trained with it.
        teacher: Names -> tensors of fairseq's section `_ema`; empty where there is none.
        settings: Hyper-parameters as the file's program names them; None where there are none.
        task: Settings of fairseq's task.
        container: Format in words.
        entry: Our own config, noted by an export in another program's file; None elsewhere.
    """

    path: Path
    model: Mapping[str, StoredTensor | Tensor]
    teacher: Mapping[str, StoredTensor | Tensor]
    settings: Mapping[str, Any] | None
    task: Mapping[str, Any]
    container: str
    entry: Mapping[str, Any] | None = None


def open_source(path: Path) -> Source:
    """Open a file or folder.

    Raises:
        CheckpointError: Nothing here reads it; the message names the path and what lies there.
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such checkpoint; expected a file such as checkpoint_last.pt"
        )
    if _is_safetensors(path):
        if (path.parent / _HUB_CONFIG).is_file():
            return _open_hub(path.parent, path)
        return Source(path, _read_safetensors(path), {}, None, {}, "safetensors file")
    return _open_torch_file(path)


def read_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint's contents: plain types, and tensors as `StoredTensor`, which stay on the disk.

    Raises:
        CheckpointError: Missing, damaged, not a checkpoint, or holding objects that could run code.
    """
    if Path(path).is_dir():
        raise CheckpointError(
            f"{path}: is a folder; expected a checkpoint file such as checkpoint_last.pt"
        )
    contents = read_torch_file(Path(path))
    try:
        state = to_plain(contents)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}; the file is damaged") from None
    if not isinstance(state, dict):
        raise CheckpointError(
            f"{path}: holds a {type(state).__name__}, expected a checkpoint's dictionary"
        )
    return state


def _open_torch_file(path: Path) -> Source:
    state = read_state(path)
    cfg = state.get("cfg")
    cfg = cfg if isinstance(cfg, Mapping) else {}
    settings, task = cfg.get("model"), cfg.get("task")
    if not isinstance(settings, Mapping):
        settings = state.get("args")  # fairseq before Hydra
    teacher: Mapping[str, Any] = {}
    model = state
    for wrapper in _WRAPPERS:
        teacher = _section(model, "_ema") or teacher
        if isinstance(model.get(wrapper), Mapping):
            model = model[wrapper]
    teacher = _section(model, "_ema") or teacher
    known = isinstance(settings, Mapping)
    entry = state.get(OUR_MODEL_NAME)
    noted = isinstance(entry, Mapping) and "format_version" in entry
    return Source(
        path,
        _named_tensors(model),
        _named_tensors(teacher),
        settings if known else None,
        task if isinstance(task, Mapping) else {},
        "fairseq checkpoint" if known else "state dict",
        _entry_config(path, entry) if noted else None,
    )


def _named_tensors(section: Mapping[Any, Any]) -> dict[str, StoredTensor]:
    return {k: v for k, v in section.items() if isinstance(k, str) and isinstance(v, StoredTensor)}


def _section(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = state.get(name)
    return section if isinstance(section, Mapping) else {}


def _open_folder(folder: Path) -> Source:
    if (folder / _WEIGHTS).is_file() and (folder / _HUB_CONFIG).is_file():
        return _open_hub(folder, folder / _WEIGHTS)
    if (folder / _FUNASR_CONFIG).is_file():
        return _open_funasr(folder)
    checkpoints = sorted(path.name for path in folder.glob("*.pt"))
    named = f"; name one of its files, such as {checkpoints[-1]}" if checkpoints else ""
    raise CheckpointError(
        f"{folder}: is a folder without a model, expected {_WEIGHTS} and {_HUB_CONFIG} (hub) or {_FUNASR_CONFIG} and "
        f"model.pt (FunASR){named}"
    )


def _open_hub(folder: Path, weights: Path) -> Source:
    path = folder / _HUB_CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: not readable as JSON ({error}); download the folder again"
        ) from None
    settings = {"_name": OUR_MODEL_NAME, **_entry_config(path, config)}
    return Source(weights, _read_safetensors(weights), {}, settings, {}, "hub folder")


def _entry_config(path: Path, entry: Any) -> Mapping[str, Any]:
    """Return the config of an entry that an export of ours wrote: a hub folder's config.json, or one like it."""
    entry = entry if isinstance(entry, Mapping) else {}
    kind, version, config = (entry.get(key) for key in ("model_type", "format_version", "config"))
    if kind != OUR_MODEL_NAME or not isinstance(config, Mapping):
        raise CheckpointError(
            f"{path}: model_type is {reprlib.repr(kind)}, expected {OUR_MODEL_NAME!r} with its `config`; use a file or "
            "folder that this program exported"
        )
    if version != HUB_FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format_version is {reprlib.repr(version)}, expected {HUB_FORMAT_VERSION}; update this program"
        )
    return config


def _is_safetensors(path: Path) -> bool:
    """Tell by content: a length in 8 bytes, then a JSON object."""
    with path.open("rb") as stream:
        start = stream.read(10)
    return (
        len(start) == 10
        and start[8:9] == b"{"
        and int.from_bytes(start[:8], "little") < path.stat().st_size
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise CheckpointError(
            f"{path}: reading it needs safetensors; install it with `pip install safetensors`"
        ) from None
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: damaged or cut short ({str(error)[:120]}); download the file again"
        ) from None
    return tensors


def _open_funasr(folder: Path) -> Source:
    config = _read_yaml(folder / _FUNASR_CONFIG)
    name, conf = config.get("model"), config.get("model_conf")
    if str(name).lower() != "emotion2vec" or not isinstance(conf, Mapping):
        raise CheckpointError(
            f"{folder / _FUNASR_CONFIG}: names the model {reprlib.repr(name)}, expected 'Emotion2vec' with its "
            "model_conf"
        )
    source = _open_torch_file(_funasr_weights(folder, config))
    return replace(source, settings=source.settings or conf, container="FunASR folder")


def _funasr_weights(folder: Path, config: Mapping[str, Any]) -> Path:
    """Find the weights: named by configuration.json or config.yaml, else model.pt, else the only .pt file."""
    named = [config.get("init_param"), "model.pt"]
    if (folder / _FUNASR_FILES).is_file():
        try:
            files = json.loads((folder / _FUNASR_FILES).read_text(encoding="utf-8"))
            named.insert(0, files["file_path_metas"]["init_param"])
        except (ValueError, KeyError, TypeError, OSError, RecursionError):
            pass  # the file has other uses in ModelScope; the other names remain
    for name in named:
        # a file of this folder; it may be a link, as in the cache of Hugging Face
        if isinstance(name, str) and name == Path(name).name and (folder / name).is_file():
            return folder / name
    others = sorted(folder.glob("*.pt"))
    if len(others) == 1:
        return others[0]
    raise CheckpointError(
        f"{folder}: has a {_FUNASR_CONFIG} but {'several' if others else 'no'} weights, expected model.pt or one .pt "
        "file beside it; download the folder again"
    )


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError:
        raise CheckpointError(
            f"{path}: reading it needs PyYAML; install it with `pip install pyyaml`"
        ) from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def flatten_mapping(self, node: Any) -> None:
            """Leave merges of mappings (`<<`) out: a few lines of them can grow without end."""

    try:
        config = to_plain(yaml.load(path.read_text(encoding="utf-8"), Loader))
    except (yaml.YAMLError, CheckpointError, OSError, ValueError, RecursionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise CheckpointError(
            f"{path}: not readable as YAML ({reason}); download the folder again"
        ) from None
    return config if isinstance(config, Mapping) else {}
