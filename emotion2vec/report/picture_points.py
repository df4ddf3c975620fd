"""What is known of each point of a picture: which utterance it is, and what the probe answered.

In: `ProbeResult` and rows of its embeddings. Out: `Points` for `picture.py`. Paper: Figures 3 and 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion2vec.errors import ReportError
from emotion2vec.probe.predictions import read_predictions
from emotion2vec.report.records import ProbeResult


@dataclass(frozen=True)
class Points:
    """Utterances of a picture, in the order of its positions.

    Attributes:
        ids: Their ids; empty where the embeddings name none, as those of older versions.
        predicted: Index of the label that the probe answered, with the first seed, whose head made the embeddings;
            empty where the result holds no predictions.
    """

    ids: tuple[str, ...]
    predicted: tuple[int, ...]


def read_points(result: ProbeResult, rows_n: NDArray[np.int64]) -> Points:
    """Read ids and answers of some utterances.

    Args:
        result: A result that names embeddings.
        rows_n: Where they stand in the embeddings, (n,).

    Raises:
        ReportError: The ids or the predictions do not fit the embeddings.
    """
    ids = _read_ids(result, int(rows_n.max(initial=-1)) + 1)
    if not ids:
        return Points((), ())
    shown = tuple(ids[row] for row in rows_n)
    return Points(shown, _read_answers(result, shown))


def _read_ids(result: ProbeResult, num_needed: int) -> list[str]:
    path = result.embeddings_path
    assert path is not None
    with np.load(path, allow_pickle=False) as arrays:
        if "id" not in arrays:
            return []
        ids = [str(name) for name in arrays["id"]]
    if len(ids) < num_needed:
        raise ReportError(
            f"{path}: {len(ids)} ids for at least {num_needed} embeddings; run train_probe.py again"
        )
    return ids


def _read_answers(result: ProbeResult, ids: Sequence[str]) -> tuple[int, ...]:
    name = result.raw.get("predictions")
    if not isinstance(name, str):
        return ()
    path = result.path.parent / name
    stored = read_predictions(path, result.labels)
    answer = dict(zip(stored.ids, stored.answers.predicted_SN[0].tolist(), strict=True))
    absent = [name for name in ids if name not in answer]
    if absent:
        raise ReportError(
            f"{path}: no answer for {len(absent)} of the {len(ids)} utterances of the embeddings, e.g. {absent[:3]}; "
            "run train_probe.py again"
        )
    return tuple(answer[name] for name in ids)
