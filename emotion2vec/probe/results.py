"""What an evaluation found, and the files that keep it.

In: `RunResult`s of `trainer.py`. Out: `result.json` (schema below), `confusion.csv`, `embeddings.npz` and
`predictions.tsv` for `report/`; the summary line. WA, UA, WF1 in percent; deviations are over seeds, each seed's score
being its mean over folds.
"""

import csv
import io
import json
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

import emotion2vec
from emotion2vec.files import replacing, write_text
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.fold_file import FoldSet
from emotion2vec.probe.metrics import Scores, label_scores, scores
from emotion2vec.probe.predictions import PREDICTIONS_NAME, StoredPredictions, write_predictions
from emotion2vec.probe.protocol import EvaluationSet, FoldReport
from emotion2vec.probe.run_result import RunResult
from emotion2vec.probe.statistics import (
    BOOTSTRAP_SEED,
    LEVEL,
    NUM_RESAMPLES,
    Predictions,
    bootstrap_intervals,
    number_units,
)

SCHEMA_VERSION = 1
METRICS = {"WA": "wa", "UA": "ua", "WF1": "wf1", "UAR": "uar", "macro_F1": "macro_f1"}


@dataclass(frozen=True)
class Summary:
    """One metric over the seeds, in percent.

    Attributes:
        mean: Mean over seeds of the mean over folds.
        std: Sample standard deviation over seeds; 0 for one seed.
    """

    mean: float
    std: float

    def __str__(self) -> str:
        return f"{self.mean:.2f}+-{self.std:.2f}"


@dataclass(frozen=True)
class Evaluation:
    """A protocol's outcome.

    Attributes:
        config: The settings.
        store_header: The feature store's JSON.
        chosen: The utterances and labels.
        folds: The folds.
        report: Speakers that folds share.
        runs: Results, fold by fold and within one seed by seed.
        num_parameters: Of a head.
        seconds: Time that it took.
        identity: Digest of settings, features and folds.
        utterance_header: The second store's JSON; None where there is none.
    """

    config: ProbeConfig
    store_header: dict[str, Any]
    chosen: EvaluationSet
    folds: FoldSet
    report: FoldReport
    runs: tuple[RunResult, ...]
    num_parameters: int
    seconds: float
    identity: str
    utterance_header: dict[str, Any] | None = None

    @property
    def corpus(self) -> str:
        """Name of the corpus; `unnamed` where neither the protocol nor the features tell one."""
        return str(self.config.corpus or self.store_header.get("corpus") or "unnamed")

    @cached_property
    def run_scores(self) -> tuple[Scores, ...]:
        """Scores of each run."""
        return tuple(scores(run.confusion_KK) for run in self.runs)

    def summary(self, metric: str) -> Summary:
        """Summarise one of `METRICS` over the seeds."""
        by_seed: dict[int, list[float]] = {}
        for run, score in zip(self.runs, self.run_scores, strict=True):
            by_seed.setdefault(run.seed, []).append(getattr(score, METRICS[metric]))
        means = [statistics.fmean(values) for values in by_seed.values()]
        return _summarise(means)

    def last_line(self) -> str:
        """Return the line that ends the command's output."""
        figures = " ".join(f"{name} {self.summary(name)}" for name in ("WA", "UA", "WF1"))
        return f"{figures} folds={len(self.folds.folds)} seeds={len(self.config.seeds)}"

    def first_seed(self) -> list[RunResult]:
        """Return the runs of the first seed, fold by fold."""
        return [run for run in self.runs if run.seed == self.config.seeds[0]]

    def confusion(self) -> np.ndarray:
        """Sum the first seed's test counts over the folds, (K, K), rows true."""
        total: np.ndarray = np.sum([run.confusion_KK for run in self.first_seed()], axis=0)
        return total

    def tested_positions(self, fold: int) -> list[int]:
        """Return where a fold's test utterances stand in `chosen`, in the order in which a run tests them."""
        position = {name: index for index, name in enumerate(self.chosen.rows.ids)}
        return sorted(position[name] for name in self.folds.folds[fold].test)

    def predictions(self) -> StoredPredictions:
        """Gather every tested utterance's answers."""
        by_seed: dict[int, list[np.ndarray]] = {seed: [] for seed in self.config.seeds}
        for run in self.runs:
            by_seed[run.seed].append(run.predicted_N)
        order = [self.tested_positions(run.fold) for run in self.first_seed()]
        positions = [position for fold in order for position in fold]
        return StoredPredictions(
            ids=tuple(self.chosen.rows.ids[i] for i in positions),
            speakers=tuple(self.chosen.rows.speakers[i] or "" for i in positions),
            seeds=tuple(by_seed),
            labels=self.chosen.label_names,
            answers=Predictions(
                label_N=self.chosen.label_index_N[positions],
                predicted_SN=np.stack([np.concatenate(parts) for parts in by_seed.values()]),
                fold_N=np.repeat([run.fold for run in self.first_seed()], [len(f) for f in order]),
                num_labels=len(self.chosen.label_names),
            ),
        )


def fold_line(number: int, num_folds: int, runs: Sequence[RunResult]) -> str:
    """Return the line printed when a fold is done: its scores over the seeds."""
    parts = [scores(run.confusion_KK) for run in runs]
    figures = " ".join(
        f"{name} {statistics.fmean(getattr(part, METRICS[name]) for part in parts):.2f}"
        for name in ("WA", "UA", "WF1")
    )
    epochs = ",".join(str(run.best_epoch) for run in runs)
    return f"fold {number}/{num_folds} {figures} test={int(runs[0].confusion_KK.sum())} best_epochs={epochs}"


def write_result(evaluation: Evaluation, run_dir: Path) -> None:
    """Write `confusion.csv`, `embeddings.npz`, `predictions.tsv` and, last, `result.json`."""
    write_confusion(evaluation, run_dir)
    _write_embeddings(evaluation, run_dir / "embeddings.npz")
    write_predictions(run_dir / PREDICTIONS_NAME, evaluation.predictions())
    write_text(
        run_dir / "result.json",
        json.dumps(result_json(evaluation), indent=1, ensure_ascii=False) + "\n",
    )


def write_confusion(evaluation: Evaluation, run_dir: Path) -> None:
    """Write the first seed's counts to `confusion.csv`, true labels down, predicted ones across."""
    names = evaluation.chosen.label_names
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["true\\predicted", *names])
    writer.writerows(
        [name, *row] for name, row in zip(names, evaluation.confusion().tolist(), strict=True)
    )
    write_text(run_dir / "confusion.csv", table.getvalue())


def result_json(evaluation: Evaluation) -> dict[str, Any]:
    """Build the contents of `result.json`."""
    config = evaluation.config
    first = evaluation.runs[0]
    return {
        "schema_version": SCHEMA_VERSION,
        "protocol": config.protocol,
        "corpus": evaluation.corpus,
        "synthetic": bool(evaluation.store_header.get("synthetic", False)),
        "valid_is_test": config.starred,
        "identity": evaluation.identity,
        "head": config.head,
        "layer": config.layer,
        "features": evaluation.store_header,
        "utterance_features": evaluation.utterance_header,
        "labels": list(evaluation.chosen.label_names),
        "num_utterances": len(evaluation.chosen.rows.ids),
        "runs": [
            _run_json(run, score)
            for run, score in zip(evaluation.runs, evaluation.run_scores, strict=True)
        ],
        "summary": {name: asdict(evaluation.summary(name)) for name in METRICS},
        **_layer_weights_json(evaluation),
        **_statistics_json(evaluation),
        "confusion": evaluation.confusion().tolist(),
        "num_folds": len(evaluation.folds.folds),
        "num_seeds": len(config.seeds),
        "folds": _folds_json(evaluation),
        "curves": {f"fold{first.fold} seed{first.seed}": [list(point) for point in first.curve]},
        "probe": {
            **asdict(config),
            "features": Path(config.features).name,
            "utterance_features": Path(config.utterance_features).name,
            "num_parameters": evaluation.num_parameters,
        },
        "embeddings": "embeddings.npz",
        "seconds": round(evaluation.seconds, 3),
        "versions": _versions(),
        "git_commit": _git_commit(),
    }


def _folds_json(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "rule": evaluation.folds.rule,
        "seed": evaluation.folds.seed,
        "group_by": evaluation.folds.group_by,
        "source": evaluation.folds.source,
        "digest": evaluation.folds.digest,
        "num_speakers": evaluation.report.num_speakers,
        "shared_speakers": list(evaluation.report.shared_speakers),
    }


def _layer_weights_json(evaluation: Evaluation) -> dict[str, Any]:
    """Build `layer_weights`: the mean over all runs, where a sum of layers was learned."""
    learned = [run.layer_weights_L for run in evaluation.runs if run.layer_weights_L is not None]
    return {"layer_weights": np.mean(learned, axis=0).round(6).tolist()} if learned else {}


def _statistics_json(evaluation: Evaluation) -> dict[str, Any]:
    """Build `per_class`, `predictions` and `intervals`."""
    return {
        "per_class": _per_class_json(evaluation),
        "predictions": PREDICTIONS_NAME,
        "intervals": {
            "method": "percentile bootstrap",
            "level": LEVEL,
            "resamples": NUM_RESAMPLES,
            "seed": BOOTSTRAP_SEED,
            **_intervals_json(evaluation.predictions()),
        },
    }


def _intervals_json(predictions: StoredPredictions) -> dict[str, Any]:
    """Compute the intervals over utterances and, where all are known and there are several, over speakers."""
    units = {"utterance": predictions.ids}
    if all(predictions.speakers) and len(set(predictions.speakers)) > 1:
        units["speaker"] = predictions.speakers
    contents = {}
    for unit, names in units.items():
        found = bootstrap_intervals(predictions.answers, number_units(names))
        found["uar"] = found["ua"]  # one figure under two names, see `Scores.uar`
        ends = {
            metric: {
                "low": round(found[attribute].low, 4),
                "high": round(found[attribute].high, 4),
            }
            for metric, attribute in METRICS.items()
        }
        contents[unit] = {"num_units": len(set(names)), **ends}
    return contents


def _per_class_json(evaluation: Evaluation) -> dict[str, Any]:
    """Summarise over the seeds each label's recall in the test parts of all folds together."""
    by_seed = [
        label_scores(
            np.sum([run.confusion_KK for run in evaluation.runs if run.seed == seed], axis=0)
        )
        for seed in evaluation.config.seeds
    ]
    contents = {}
    for name, seeds in zip(evaluation.chosen.label_names, zip(*by_seed, strict=True), strict=True):
        recalls = [score.recall for score in seeds if score.recall is not None]
        summary = asdict(_summarise(recalls)) if recalls else None
        contents[name] = {"recall": summary, "support": seeds[0].support}
    return contents


def _summarise(values: Sequence[float]) -> Summary:
    return Summary(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0)


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "emotion2vec": emotion2vec.__version__,
    }


def _run_json(run: RunResult, score: Scores) -> dict[str, Any]:
    return {
        "fold": run.fold,
        "seed": run.seed,
        **{name: round(getattr(score, attribute), 4) for name, attribute in METRICS.items()},
        "valid_WA": round(run.valid_wa, 4),
        "valid_UAR": round(run.valid_ua, 4),
        "lr": run.lr,
        "best_epoch": run.best_epoch,
        "confusion": run.confusion_KK.tolist(),
    }


def _write_embeddings(evaluation: Evaluation, path: Path) -> None:
    """Write the first seed's test embeddings: x (N, H), label_index (N,), fold (N,), id (N,)."""
    runs = evaluation.first_seed()
    positions = [index for run in runs for index in evaluation.tested_positions(run.fold)]
    with replacing(path) as temporary:
        np.savez(
            temporary,
            x=np.concatenate([run.embeddings_NH for run in runs]),
            label_index=evaluation.chosen.label_index_N[positions],
            fold=np.repeat([run.fold for run in runs], [len(run.embeddings_NH) for run in runs]),
            id=np.array([evaluation.chosen.rows.ids[index] for index in positions]),
        )


def _git_commit() -> str | None:
    """Return the commit of the source tree; None when it is not in a repository."""
    command = ["git", "-C", str(Path(emotion2vec.__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
