"""A copy of each corpus' release, made of tiny files: one module for each corpus.

Each module has `build_miniature(root) -> int`: writes 10 to 30 files with the release's irregularities below the root
and returns how many utterances a preparer must find. Where a list of the real release's files exists (shared
material), the module also has `LIST`, the list's file name, and `build_whole(root, rows) -> {path: Expected}`: writes
every file of the list and says, independently of the preparer, what must come out. The tests in `test_every_corpus.py`
and `test_whole_lists.py` run on all of them.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from emotion2vec.corpora.registry import corpus_names

MODULES: dict[str, ModuleType] = {
    name: importlib.import_module(f"tests.corpora.releases.{name}") for name in corpus_names()
}
BUILDERS: dict[str, Callable[[Path], int]] = {
    name: module.build_miniature for name, module in MODULES.items()
}
