"""`predictions.tsv`: what every head answered for every tested utterance.

In: the answers of `trainer.py`, gathered by `results.py`. Out: a table beside `result.json`, read back for
`report/comparison.py`. One line for each utterance and seed, all utterances of a seed before the next seed's.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotion2vec.errors import ReportError
from emotion2vec.files import write_text
from emotion2vec.probe.statistics import Predictions

PREDICTIONS_NAME = "predictions.tsv"
COLUMNS = ("id", "fold", "seed", "label", "predicted", "speaker")


@dataclass(frozen=True)
class StoredPredictions:
    """The contents of the file; the utterances are in one order everywhere.

    Attributes:
        ids: Of the N tested utterances.
        speakers: Their speakers, empty where unknown.
        seeds: Seeds of the heads, S.
        labels: Names of the labels, in the order of their indices.
        answers: Labels, answers and folds.
    """

    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    seeds: tuple[int, ...]
    labels: tuple[str, ...]
    answers: Predictions

    def sorted_by_id(self) -> "StoredPredictions":
        """Put the utterances into the order of their ids, in which two files can be compared."""
        order = sorted(range(len(self.ids)), key=self.ids.__getitem__)
        answers = self.answers
        return StoredPredictions(
            ids=tuple(self.ids[i] for i in order),
            speakers=tuple(self.speakers[i] for i in order),
            seeds=self.seeds,
            labels=self.labels,
            answers=Predictions(
                answers.label_N[order],
                answers.predicted_SN[:, order],
                answers.fold_N[order],
                answers.num_labels,
            ),
        )


def write_predictions(path: Path, predictions: StoredPredictions) -> None:
    """Write the file, whole or not at all."""
    answers, names = predictions.answers, predictions.labels
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for seed, predicted_N in zip(predictions.seeds, answers.predicted_SN, strict=True):
        columns = zip(predictions.ids, answers.fold_N, answers.label_N, predicted_N, predictions.speakers,
                      strict=True)  # fmt: skip
        writer.writerows(
            (name, fold, seed, names[label], names[predicted], speaker)
            for name, fold, label, predicted, speaker in columns
        )
    write_text(path, table.getvalue())


def read_predictions(path: Path, labels: tuple[str, ...]) -> StoredPredictions:
    """Read the file.

    Args:
        path: The file.
        labels: Names of the result's labels, in the order of their indices.

    Raises:
        ReportError: Missing, not such a table, of other labels, or seeds that tested other utterances.
    """
    if not path.is_file():
        raise ReportError(
            f"{path}: no such file, but result.json names it; run train_probe.py again"
        )
    try:
        rows = _read_rows(path)
        seeds = tuple(dict.fromkeys(int(row["seed"]) for row in rows))
        first = [row for row in rows if int(row["seed"]) == seeds[0]]
        tested = [_tested(row) for row in first]
        if len({row["id"] for row in first}) < len(first) or [
            _tested(row) for row in rows
        ] != tested * len(seeds):
            raise ValueError("its seeds tested different utterances, or one twice")
        index = {name: number for number, name in enumerate(labels)}
        predicted = np.array([index[row["predicted"]] for row in rows], dtype=np.int64)
        answers = Predictions(
            label_N=np.array([index[row["label"]] for row in first], dtype=np.int64),
            predicted_SN=predicted.reshape(len(seeds), len(first)),
            fold_N=np.array([int(row["fold"]) for row in first], dtype=np.int64),
            num_labels=len(labels),
        )
    except (ValueError, KeyError, csv.Error) as error:
        raise ReportError(
            f"{path}: not the predictions of its result.json ({error}); run train_probe.py again"
        ) from None
    return StoredPredictions(
        tuple(row["id"] for row in first),
        tuple(row["speaker"] for row in first),
        seeds,
        labels,
        answers,
    )


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter="\t", strict=True)
        header, *lines = reader
    if tuple(header) != COLUMNS:
        raise ValueError(f"columns {header}, expected {list(COLUMNS)}")
    if not lines:
        raise ValueError("no rows")
    return [dict(zip(COLUMNS, line, strict=True)) for line in lines]


def _tested(row: dict[str, str]) -> tuple[str, str, str]:
    return row["id"], row["fold"], row["label"]
