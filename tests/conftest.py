"""Settings of every test process: few threads, and a reason for whatever this machine cannot run."""

import importlib.util
import os
from pathlib import Path

# Several test processes share the cores; threads inside each would only fight over them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

TESTS = Path(__file__).parent


def _cuda_is_available() -> bool:
    import torch

    return torch.cuda.is_available()


# Two processes share the files in this order: the longest first, so that none is left over at the end.
LONG_FILES = (
    "integration/test_processes.py",
    "integration/test_resume.py",
    "corpora/test_whole_lists.py",
    "cli/test_export.py",
    "integration/test_data2vec.py",
    "export/test_official.py",
    "model/test_compiled.py",
    "benchmarks/test_probe_benchmark.py",
    "benchmarks/test_extraction.py",
    "features/test_team.py",
    "probe/test_authors_loop.py",
    "report/test_projection.py",
    "model/test_fairseq_parity.py",
    "export/test_onnx_file.py",
    "export/test_s3prl.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; skip tests marked `gpu` or `fairseq` where there is none, and say so."""
    rank = {str(TESTS / name): number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: rank.get(str(item.path), len(rank)))
    marked = {name: [i for i in items if i.get_closest_marker(name)] for name in ("gpu", "fairseq")}
    if marked["gpu"] and not _cuda_is_available():
        for item in marked["gpu"]:
            item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
    if marked["fairseq"] and importlib.util.find_spec("fairseq") is None:
        for item in marked["fairseq"]:
            item.add_marker(pytest.mark.skip(reason="fairseq is not installed"))
