"""Reads what the report shows: `result.json` of the probe and its `embeddings.npz`.

In: files. Out: `ProbeResult` and `Embeddings`, checked, for `tables.py`, `plots.py` and `html.py`.
N test utterances, D width of the head's first layer, K classes.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion2vec.errors import ReportError

SCHEMA_VERSION = 1
METRICS = ("WA", "UA", "WF1")  # every result has them
ALL_METRICS = (*METRICS, "UAR", "macro_F1")

_REQUIRED = {
    "protocol": str,
    "corpus": str,
    "synthetic": bool,
    "features": dict,
    "labels": list,
    "runs": list,
    "summary": dict,
    "confusion": list,
    "num_folds": int,
    "num_seeds": int,
}


@dataclass(frozen=True)
class Score:
    """A figure in percent over seeds.

    Attributes:
        mean: Mean over seeds of the mean over folds.
        std: Standard deviation over seeds.
    """

    mean: float
    std: float


@dataclass(frozen=True)
class ProbeRun:
    """One fold with one seed; figures in percent.

    Attributes:
        fold: Number of the fold.
        seed: Seed of the head.
        scores: Metric -> percent, whatever the probe wrote (WA, UA, WF1, UAR, macro_F1, valid_WA).
        best_epoch: Epoch kept, the one with the best validation WA; None when not written.
    """

    fold: int
    seed: int
    scores: Mapping[str, float]
    best_epoch: int | None


@dataclass(frozen=True)
class CurvePoint:
    """One epoch of the probe's training.

    Attributes:
        epoch: Number of the epoch.
        train_loss: Mean cross-entropy.
        valid_wa: Weighted accuracy on the validation part, percent.
    """

    epoch: int
    train_loss: float
    valid_wa: float


@dataclass(frozen=True)
class ProbeResult:
    """One `result.json`.

    Attributes:
        path: The file.
        name: What made the features: a checkpoint's or a baseline's display name.
        protocol: Name of the evaluation protocol.
        corpus: Name of the corpus.
        synthetic: True when the speech is computer-generated.
        labels: Class names, K.
        runs: One per fold and seed.
        summary: Metric -> score, for `METRICS` and whichever others of `ALL_METRICS` the file holds.
        confusion: Counts, (K, K): rows are the true class, columns the predicted one.
        num_folds: Number of folds.
        num_seeds: Number of seeds.
        curve: Training of the first fold with the first seed; empty when not written.
        raw: The whole file, for provenance.
    """

    path: Path
    name: str
    protocol: str
    corpus: str
    synthetic: bool
    labels: tuple[str, ...]
    runs: tuple[ProbeRun, ...]
    summary: Mapping[str, Score]
    confusion: NDArray[np.int64]
    num_folds: int
    num_seeds: int
    curve: tuple[CurvePoint, ...]
    raw: Mapping[str, Any]

    @property
    def embeddings_path(self) -> Path | None:
        """The file of embeddings that the result names; None when it names none."""
        name = self.raw.get("embeddings")
        return self.path.parent / name if isinstance(name, str) and name else None

    @property
    def starred(self) -> bool:
        """True when the epoch was chosen on the test part, as in the paper's rows with *."""
        return self.raw.get("valid_is_test") is True

    @property
    def inputs(self) -> str:
        """What the head was given, as `paper.INPUTS` names it, or `pooled`: one vector an utterance, not its tokens."""
        if self.raw.get("modality"):
            return str(self.raw["modality"])
        if self.raw.get("utterance_features"):
            return "both"
        features = self.raw["features"]
        if features.get("granularity") != "utterance":
            return "frames"
        if features.get("utterance_from") == "tokens":
            return "utterance"
        # SUPERB's head averages before anything that is not linear: there both are one
        return "frames" if self.raw.get("head") == "superb" else "pooled"


@dataclass(frozen=True)
class Embeddings:
    """Output of the head's first linear layer for the test utterances.

    Attributes:
        x_ND: Embeddings, (N, D).
        label_index_N: Class of each, (N,).
        fold_N: Fold in whose test part it is, (N,). Each fold has a head, and so a space, of its own.
    """

    x_ND: NDArray[np.float64]
    label_index_N: NDArray[np.int64]
    fold_N: NDArray[np.int64]


def read_result(path: Path) -> ProbeResult:
    """Read and check one `result.json`.

    Args:
        path: The file, or the folder that holds it.

    Raises:
        ReportError: Missing, not JSON, of another schema version, or incomplete.
    """
    if path.is_dir():
        path = path / "result.json"
    raw = load_json(path)
    check_schema(path, raw, _REQUIRED)
    labels = tuple(str(label) for label in raw["labels"])
    try:
        return ProbeResult(
            path=path,
            name=feature_name(raw["features"]),
            protocol=raw["protocol"],
            corpus=raw["corpus"],
            synthetic=raw["synthetic"] or raw["features"].get("synthetic") is True,
            labels=labels,
            runs=tuple(_read_run(run) for run in raw["runs"]),
            summary=read_summary(raw["summary"]),
            confusion=_read_confusion(raw["confusion"], len(labels)),
            num_folds=raw["num_folds"],
            num_seeds=raw["num_seeds"],
            curve=_read_curve(raw.get("curves")),
            raw=raw,
        )
    except KeyError as error:
        raise ReportError(
            f"{path}: {error.args[0]!r} is missing; run train_probe.py again"
        ) from None
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ReportError(
            f"{path}: not a result of train_probe.py ({error}); run it again"
        ) from None


def read_results(arguments: Sequence[str]) -> list[ProbeResult]:
    """Read several results and give each a name of its own.

    Args:
        arguments: Paths as of `read_result`, or NAME=PATH to show a result under another name.

    Returns:
        The results in this order. Where two names are equal, the folder's name is added to each, and the whole path
        where folders are called alike too.

    Raises:
        ReportError: One of them cannot be read.
    """
    results = [_read_named(argument) for argument in arguments]
    results = tell_apart(results, [result.path.resolve().parent.name for result in results])
    return tell_apart(results, [str(result.path.parent) for result in results])


def task_of(result: ProbeResult) -> tuple[str, str]:
    """Name what a result may be compared within: its corpus and protocol."""
    return (result.corpus, result.protocol)


def tell_apart(
    results: Sequence[ProbeResult],
    additions: Sequence[str],
    *,
    within: Callable[[ProbeResult], Hashable] = lambda _: None,
) -> list[ProbeResult]:
    """Add to the names that occur more than once.

    Args:
        results: The results.
        additions: What to add to each; an empty one adds nothing.
        within: Names may be equal where this differs.
    """
    count = Counter((within(result), result.name) for result in results)
    return [
        replace(result, name=f"{result.name} ({addition})")
        if addition and count[within(result), result.name] > 1
        else result
        for result, addition in zip(results, additions, strict=True)
    ]


def split_name(argument: str) -> tuple[str, Path]:
    """Split NAME=PATH; the name is empty where the argument is a path alone."""
    name, sign, path = argument.partition("=")
    if not sign or not name or Path(argument).exists():
        return "", Path(argument)
    return name, Path(path)


def _read_named(argument: str) -> ProbeResult:
    name, path = split_name(argument)
    result = read_result(path)
    return replace(result, name=name) if name else result


def read_embeddings(result: ProbeResult) -> Embeddings | None:
    """Read the embeddings that a result names.

    Returns:
        The embeddings, or None when the result names no file.

    Raises:
        ReportError: The file is missing, damaged, or does not fit the result's labels.
    """
    path = result.embeddings_path
    if path is None:
        return None
    if not path.is_file():
        raise ReportError(
            f"{path}: no such file, but {result.path} names it; run train_probe.py again"
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            embeddings = Embeddings(
                x_ND=np.asarray(arrays["x"], dtype=np.float64),
                label_index_N=np.asarray(arrays["label_index"], dtype=np.int64),
                fold_N=np.asarray(arrays["fold"], dtype=np.int64),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ReportError(
            f"{path}: not embeddings of train_probe.py ({error}); run it again"
        ) from None
    _check_embeddings(path, embeddings, len(result.labels))
    return embeddings


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ReportError: Missing, or not a JSON object.
    """
    if not path.is_file():
        raise ReportError(
            f"{path}: no such file; expected a result.json that train_probe.py has written"
        )
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ReportError(
            f"{path}: not JSON ({error}); expected a result.json of train_probe.py"
        ) from None
    if not isinstance(raw, dict):
        raise ReportError(
            f"{path}: a JSON {type(raw).__name__}; expected the object train_probe.py writes"
        )
    return raw


def check_schema(path: Path, raw: Mapping[str, Any], required: Mapping[str, type]) -> None:
    """Refuse a file of another schema version or without a key.

    Raises:
        ReportError: The file is unusable.
    """
    version = raw.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ReportError(
            f"{path}: schema version {version!r}, but this program reads version {SCHEMA_VERSION}; "
            "run train_probe.py of this version again"
        )
    for key, kind in required.items():
        if not isinstance(raw.get(key), kind):
            came = "missing" if key not in raw else f"a {type(raw[key]).__name__}"
            raise ReportError(
                f"{path}: {key!r} is {came}, expected a {kind.__name__}; run train_probe.py again"
            )


def feature_name(features: Mapping[str, Any]) -> str:
    """Pick the shortest honest name of what made the features."""
    name = features.get("name")
    checkpoint = features.get("checkpoint")
    if not name and isinstance(checkpoint, Mapping):
        name = checkpoint.get("path")
    return str(name or "unnamed features")


def read_summary(raw: Mapping[str, Mapping[str, float]]) -> dict[str, Score]:
    """Read `summary` of a result: all of `METRICS`, and whichever others of `ALL_METRICS` are there."""
    return {
        metric: Score(mean=float(raw[metric]["mean"]), std=float(raw[metric]["std"]))
        for metric in ALL_METRICS
        if metric in METRICS or metric in raw
    }


def _read_run(raw: Mapping[str, Any]) -> ProbeRun:
    scores = {
        key: float(value)
        for key, value in raw.items()
        if isinstance(value, int | float) and key not in ("fold", "seed", "best_epoch")
    }
    missing = [metric for metric in METRICS if metric not in scores]
    if missing:
        raise KeyError(missing[0])
    best_epoch = raw.get("best_epoch")
    return ProbeRun(
        fold=int(raw["fold"]),
        seed=int(raw["seed"]),
        scores=scores,
        best_epoch=best_epoch if isinstance(best_epoch, int) else None,
    )


def _read_confusion(rows: object, num_labels: int) -> NDArray[np.int64]:
    confusion = np.asarray(rows, dtype=np.int64)
    if confusion.shape != (num_labels, num_labels):
        raise ValueError(
            f"confusion matrix is {confusion.shape}, expected ({num_labels}, {num_labels})"
        )
    return confusion


def _read_curve(raw: object) -> tuple[CurvePoint, ...]:
    """Read `[[epoch, train_loss, valid_WA], ...]`, alone or as the first value of an object."""
    if isinstance(raw, Mapping):
        raw = next(iter(raw.values()), None)
    if not isinstance(raw, list):
        return ()
    return tuple(CurvePoint(int(row[0]), float(row[1]), float(row[2])) for row in raw)


def _check_embeddings(path: Path, embeddings: Embeddings, num_labels: int) -> None:
    num_rows = len(embeddings.x_ND)
    shapes = (embeddings.label_index_N.shape, embeddings.fold_N.shape)
    if embeddings.x_ND.ndim != 2 or shapes != ((num_rows,), (num_rows,)):
        raise ReportError(
            f"{path}: shapes x {embeddings.x_ND.shape}, label_index {shapes[0]}, fold {shapes[1]}; "
            "expected (N, D), (N,), (N,); run train_probe.py again"
        )
    if (
        num_rows
        and not 0 <= embeddings.label_index_N.min() <= embeddings.label_index_N.max() < num_labels
    ):
        raise ReportError(
            f"{path}: a label index outside 0..{num_labels - 1}; it belongs to another result"
        )
