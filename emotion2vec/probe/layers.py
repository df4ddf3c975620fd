"""One result for each layer of a store: the per-layer curve.

In: a store with several layers, a protocol with `layer=each`. Out: `layer_00/`, `layer_01/`, ... with ordinary results,
and `layers.json` that joins their figures. The best layer is chosen on the validation parts, never on the test parts.
"""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emotion2vec.errors import FeatureStoreError
from emotion2vec.features.store import FeatureStore
from emotion2vec.files import write_text
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.results import METRICS, Summary
from emotion2vec.probe.run import OnFold, evaluate
from emotion2vec.probe.saved_runs import remove_saved_runs

LAYERS_NAME = "layers.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class LayerCurve:
    """The figures of all layers.

    Attributes:
        layers: Contents of `layers.json`, one entry a layer: `layer`, `result`, `summary`, `valid_WA`.
        best: Position of the layer with the best mean validation WA, the first of equals.
        last_line: The best layer's summary line.
    """

    layers: tuple[dict[str, Any], ...]
    best: int
    last_line: str

    def line(self, position: int) -> str:
        """Return the line that is printed for one layer."""
        entry = self.layers[position]
        return f"layer {entry['layer']} {_scores(entry)} valid_WA {entry['valid_WA']:.2f}"


def evaluate_layers(
    config: ProbeConfig,
    run_dir: Path,
    *,
    config_dir: Path,
    on_fold: OnFold,
    on_layer: Callable[[int, int], None],
) -> LayerCurve:
    """Run a protocol on each layer and write the curve; layers that are done are not trained again.

    Args:
        config: The settings, with `layer=each`.
        run_dir: Where the results go.
        config_dir: Folder that `fold_file` is relative to.
        on_fold: Called when a fold of a layer is done.
        on_layer: Called with position and number of layers before each.

    Raises:
        FeatureStoreError: The store has one layer only.
        Emotion2VecError: As of `evaluate`.
    """
    store = FeatureStore.open(config.features, config.split)
    shape = store.rows().shape
    if len(shape) < 3:
        raise FeatureStoreError(
            f"{store.paths.npy}: layer=each needs several layers, but the store has one (layers "
            f"{store.header.get('layers')}); extract with --layers all"
        )
    entries = []
    for position in range(shape[1]):
        on_layer(position, shape[1])
        folder = run_dir / f"layer_{position:02d}"
        evaluate(
            replace(config, layer=str(position)), folder,
            config_dir=config_dir, on_fold=on_fold, keep_runs=True,
        )  # fmt: skip
        entries.append(_entry(position, folder))
    curve = _write_curve(entries, store, run_dir)
    for entry in entries:
        remove_saved_runs((run_dir / entry["result"]).parent)
    return curve


def _write_curve(entries: list[dict[str, Any]], store: FeatureStore, run_dir: Path) -> LayerCurve:
    """Choose the best layer and write `layers.json`."""
    best = max(range(len(entries)), key=lambda position: float(entries[position]["valid_WA"]))
    result = json.loads((run_dir / entries[best]["result"]).read_text(encoding="utf-8"))
    text = {
        "schema_version": SCHEMA_VERSION,
        "protocol": result["protocol"],
        "corpus": result["corpus"],
        "synthetic": result["synthetic"],
        "valid_is_test": result["valid_is_test"],
        "features": store.header,
        "layers": entries,
        "best": best,
    }
    write_text(run_dir / LAYERS_NAME, json.dumps(text, indent=1, ensure_ascii=False) + "\n")
    folds_seeds = f"folds={result['num_folds']} seeds={result['num_seeds']}"
    return LayerCurve(tuple(entries), best, f"{_scores(entries[best])} {folds_seeds}")


def _entry(position: int, folder: Path) -> dict[str, Any]:
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {
        "layer": position,
        "result": f"{folder.name}/result.json",
        "summary": {name: result["summary"][name] for name in METRICS},
        "valid_WA": round(statistics.fmean(run["valid_WA"] for run in result["runs"]), 4),
    }


def _scores(entry: dict[str, Any]) -> str:
    return " ".join(f"{name} {Summary(**entry['summary'][name])}" for name in ("WA", "UA", "WF1"))
