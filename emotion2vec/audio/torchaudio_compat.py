"""Import torchaudio beside a CPU-only torch.

In: nothing. Out: the `torchaudio` module, used by `resample.py` and by the log-mel baseline.
torchaudio's wheels link against CUDA even where torch has none; what we need of it is pure Python.
"""

import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def import_torchaudio() -> ModuleType:
    """Import torchaudio, without its compiled extension where that cannot be loaded.

    Returns:
        The module. `functional.resample`, `compliance.kaldi` and `transforms` work in both cases.

    Raises:
        ImportError: torchaudio is not installed, or broken in another way.
    """
    loaded = sys.modules.get("torchaudio")
    if loaded is not None and hasattr(loaded, "functional"):
        return loaded
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        _forget("torchaudio")
        sys.modules["torchaudio._extension"] = _extension_stub()
        return importlib.import_module("torchaudio")


def _forget(package: str) -> None:
    """Remove a half-imported package, so that the next import starts anew."""
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


def _extension_stub() -> ModuleType:
    """Build what torchaudio sets up itself when it was compiled without its extension."""
    stub = ModuleType("torchaudio._extension")
    stub.__dict__["_IS_TORCHAUDIO_EXT_AVAILABLE"] = False
    stub.__dict__["_IS_ALIGN_AVAILABLE"] = False
    stub.__dict__["_check_cuda_version"] = _check_cuda_version
    stub.__dict__["fail_if_no_align"] = _fail_if_no_align
    return stub


def _check_cuda_version() -> None:
    """Do nothing: without the extension there is no CUDA version to compare."""


def _fail_if_no_align(function: Callable[..., Any]) -> Callable[..., Any]:
    """Replace a function that needs the extension by one that says so when it is called."""

    @functools.wraps(function)
    def fail(*_: Any, **__: Any) -> None:
        """Say what is missing."""
        raise RuntimeError(
            f"torchaudio's {function.__name__} needs its compiled extension, which cannot be loaded here "
            "(it was built for CUDA)"
        )

    return fail
