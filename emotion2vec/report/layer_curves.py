"""Reads `layers.json`: the scores of each layer of one feature store, each with heads of its own.

In: the file that `train_probe.py layer=each` writes. Out: `LayerCurve` for `html.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion2vec.errors import ReportError
from emotion2vec.report.records import (
    Score,
    check_schema,
    feature_name,
    load_json,
    read_summary,
)

LAYERS_NAME = "layers.json"

_REQUIRED = {"protocol": str, "corpus": str, "features": dict, "layers": list, "best": int}


@dataclass(frozen=True)
class LayerScore:
    """One layer.

    Attributes:
        layer: Its position in the features.
        summary: Metric -> score on the test parts.
        valid_wa: Mean validation WA over folds and seeds, percent.
    """

    layer: int
    summary: Mapping[str, Score]
    valid_wa: float


@dataclass(frozen=True)
class LayerCurve:
    """One `layers.json`.

    Attributes:
        path: The file.
        name: What made the features.
        protocol: Name of the evaluation protocol.
        corpus: Name of the corpus.
        synthetic: True when the speech is computer-generated.
        starred: True when epochs were chosen on the test part.
        layers: One each, by rising position.
        best: Index in `layers` of the best mean validation WA.
    """

    path: Path
    name: str
    protocol: str
    corpus: str
    synthetic: bool
    starred: bool
    layers: tuple[LayerScore, ...]
    best: int


def read_layer_curve(path: Path) -> LayerCurve:
    """Read and check one `layers.json`.

    Args:
        path: The file, or the folder that holds it.

    Raises:
        ReportError: Missing, not JSON, of another schema version, or incomplete.
    """
    if path.is_dir():
        path = path / LAYERS_NAME
    raw = load_json(path)
    check_schema(path, raw, _REQUIRED)
    try:
        layers = tuple(_read_layer(layer) for layer in raw["layers"])
        curve = LayerCurve(
            path=path,
            name=feature_name(raw["features"]),
            protocol=raw["protocol"],
            corpus=raw["corpus"],
            synthetic=raw.get("synthetic") is True or raw["features"].get("synthetic") is True,
            starred=raw.get("valid_is_test") is True,
            layers=layers,
            best=raw["best"],
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReportError(
            f"{path}: not a file of train_probe.py layer=each ({type(error).__name__}: {error}); run it again"
        ) from None
    if not 0 <= curve.best < len(layers):
        raise ReportError(
            f"{path}: 'best' is {curve.best}, but it holds {len(layers)} layers; run train_probe.py layer=each again"
        )
    return curve


def _read_layer(raw: Mapping[str, Any]) -> LayerScore:
    return LayerScore(int(raw["layer"]), read_summary(raw["summary"]), float(raw["valid_WA"]))
