"""Real speech that a developer may have beside the project; never needed for the suite to pass."""

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[2]


def shared_folder() -> Path:
    """Return the folder of shared material: $EMOTION2VEC_SHARED, or `shared` beside the repository."""
    return Path(os.environ.get("EMOTION2VEC_SHARED", _REPOSITORY.parent / "shared"))


def require_shared(relative: str) -> Path:
    """Return a file or folder of the shared material, or skip the test and say what is absent."""
    path = shared_folder() / relative
    if not path.exists():
        pytest.skip(f"needs shared material: no {path} (set EMOTION2VEC_SHARED)")
    return path
