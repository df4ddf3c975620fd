"""Import s3prl 0.4.18 beside current releases of torchaudio and huggingface_hub.

In: nothing. Out: the module `s3prl.hub`, for `s3prl.py`. s3prl takes four names when it is imported that its
dependencies no longer have; none of them is needed for an upstream of ours, so stand-ins that refuse to work do.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from emotion2vec.audio.torchaudio_compat import import_torchaudio
from emotion2vec.errors import ExportError


def import_s3prl_hub() -> ModuleType:
    """Import `s3prl.hub`, the list of s3prl's upstreams.

    Raises:
        ExportError: s3prl, or a package that it imports, is not installed.
    """
    if find_spec("s3prl") is None:
        raise ExportError("s3prl is not installed: pip install emotion2vec[s3prl]")
    _lend_names()
    try:
        return _import_hub()
    except ModuleNotFoundError as error:
        raise ExportError(
            f"s3prl cannot be imported: {error.name} is not installed; pip install emotion2vec[s3prl]"
        ) from None


def _import_hub() -> ModuleType:
    return importlib.import_module("s3prl.hub")


def _lend_names() -> None:
    """Put stand-ins where torchaudio and huggingface_hub lack what s3prl imports."""
    torchaudio = import_torchaudio()
    if not hasattr(torchaudio, "set_audio_backend"):
        torchaudio.__dict__["set_audio_backend"] = _choose_nothing
    try:
        importlib.import_module("torchaudio.sox_effects")
    except ModuleNotFoundError:
        # with a specification: `find_spec` fails on a module without
        effects = module_from_spec(ModuleSpec("torchaudio.sox_effects", None))
        _stand_in(effects, "apply_effects_tensor", "apply_effects_file")
        sys.modules[effects.__name__] = effects
    if find_spec("huggingface_hub") is not None:
        _stand_in(importlib.import_module("huggingface_hub"), "HfFolder", "Repository")


def _choose_nothing(_: str | None = None) -> None:
    """Do nothing, as torchaudio's function of this name did in its last releases: there is one backend."""


def _stand_in(module: ModuleType, *names: str) -> None:
    """Put a class that cannot be made where a module lacks a name."""
    for name in names:
        if not hasattr(module, name):
            removed = type(name, (), {"__init__": _refuse, "__module__": module.__name__})
            setattr(module, name, removed)


def _refuse(self: object, *_: Any, **__: Any) -> None:
    name = f"{type(self).__module__}.{type(self).__name__}"
    raise RuntimeError(f"{name} is no longer part of the installed release; s3prl asked for it")
