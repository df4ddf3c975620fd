"""emotion2vec: self-supervised pre-training for speech emotion representation (Ma et al., 2024).

An independent implementation. This folder is an importable package and a fairseq user-dir
(`common.user_dir=.../emotion2vec`); importing it needs neither fairseq nor hydra.
"""

import sys
from typing import Any

__version__ = "0.1.0"
__all__ = ["Emotion2Vec", "__version__"]


def __getattr__(name: str) -> Any:
    """Import `Emotion2Vec` only when it is asked for: most commands do not need torch to answer --help."""
    if name == "Emotion2Vec":
        from emotion2vec.features.extractor import Emotion2Vec

        return Emotion2Vec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# fairseq imports a user-dir by name and scans only its tasks/ and models/ folders: registering is up to us.
# None is how a program (or a test) forbids an import.
if sys.modules.get("fairseq") is not None:
    import emotion2vec.fairseq_plugin  # noqa: F401
