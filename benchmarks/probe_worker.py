"""One measured process of `probe.py`: our trainer, or the authors' loop, several times with different epochs.

In: a JSON object as the only argument. Out: a JSON object on the last line of standard output: seconds of each time.
"""

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from emotion2vec.probe.run import compose_config, evaluate  # noqa: E402
from tests.oracles import authors_probe  # noqa: E402

_CONFIG_DIR = ROOT / "config" / "probe"


def run_ours(job: dict[str, Any], epochs: int) -> None:
    """Evaluate `iemocap_5fold` as `train_probe.py` does: read, train every fold and seed, test, write the result."""
    overrides = [f"features={job['store']}", f"epochs={epochs}", *job["overrides"]]
    config, _ = compose_config(_CONFIG_DIR, "iemocap_5fold", overrides)
    with tempfile.TemporaryDirectory() as folder:
        evaluate(config, Path(folder), config_dir=_CONFIG_DIR, on_fold=lambda *_: None)


def run_authors(job: dict[str, Any], epochs: int) -> None:
    """Train one fold after the other with one seed, on padded batches."""
    warnings.filterwarnings("ignore", message="y_pred contains")  # scikit-learn, of a small store
    utterances, names = authors_probe.read_store(Path(job["store"]), "all")
    recipe = authors_probe.Recipe(epochs=epochs)
    authors_probe.cross_validate(utterances, num_labels=len(names), seed=1, recipe=recipe)


def main() -> None:
    """Do the job."""
    job = json.loads(sys.argv[1])
    kinds: dict[str, Callable[[dict[str, Any], int], None]] = {
        "ours": run_ours,
        "authors": run_authors,
    }
    seconds = []
    for epochs in job["epochs"]:
        started = time.perf_counter()
        kinds[job["kind"]](job, epochs)
        seconds.append(time.perf_counter() - started)
    gpu_gib = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
    print(json.dumps({"seconds": seconds, "gpu_gib": gpu_gib}))


if __name__ == "__main__":
    main()
