"""Compares two results on the same utterances and folds: is one feature set better, or was it luck?

In: two `ProbeResult`s whose runs kept `predictions.tsv`. Out: `Comparison` for `cli/compare.py`. Definitions:
`docs/protocols.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotion2vec.errors import ReportError
from emotion2vec.probe.metrics import SCORE_NAMES
from emotion2vec.probe.predictions import StoredPredictions, read_predictions
from emotion2vec.probe.statistics import (
    LEVEL,
    NUM_RESAMPLES,
    Difference,
    Interval,
    McNemar,
    bootstrap_intervals,
    combine_p_values,
    mcnemar,
    number_units,
    paired_bootstrap,
)
from emotion2vec.report.records import ProbeResult

METRICS = ("wa", "ua", "wf1", "uar", "macro_f1")
UTTERANCE, SPEAKER = "utterance", "speaker"
FEW_UNITS = 20  # below, percentile intervals are clearly too narrow


@dataclass(frozen=True)
class Comparison:
    """What two results differ by.

    Attributes:
        names: Names of A and B.
        metric: One of `METRICS`.
        unit: What was resampled: `UTTERANCE` or `SPEAKER`.
        num_units: How many of them there are.
        num_utterances: Tested utterances.
        seeds: Seeds of the heads.
        intervals: A's and B's score, each with its interval.
        difference: A less B.
        mcnemar: A test for each seed, of the answers of all folds.
        combined_p: The seeds' exact p-values as one, for any dependence between them.
    """

    names: tuple[str, str]
    metric: str
    unit: str
    num_units: int
    num_utterances: int
    seeds: tuple[int, ...]
    intervals: tuple[Interval, Interval]
    difference: Difference
    mcnemar: tuple[McNemar, ...]
    combined_p: float

    def lines(self) -> list[str]:
        """Say it in words; the last line is the difference."""
        metric = self.metric.upper()
        rows = [
            f"{letter}: {name}: {metric} {interval.estimate:.2f} {_ends(interval)}"
            for letter, name, interval in zip("AB", self.names, self.intervals, strict=True)
        ]
        rows += [
            f"McNemar, seed {seed}: only A right {test.only_a}, only B right {test.only_b}, "
            f"exact p={test.exact_p:.4f}, mid-p={test.mid_p:.4f}"
            for seed, test in zip(self.seeds, self.mcnemar, strict=True)
        ]
        rows.append(
            f"McNemar, {len(self.seeds)} seeds combined: exact p={self.combined_p:.4f} (accuracy over all folds; takes "
            "utterances as independent)"
        )
        rows.append(
            f"intervals: {LEVEL:.0%} percentile bootstrap, {NUM_RESAMPLES} resamples of {self.num_units} {self.unit}s "
            f"({self.num_utterances} utterances); they cover the choice of {self.unit}s, not seeds, folds or "
            "pre-training runs"
        )
        if self.num_units < FEW_UNITS:
            rows.append(
                f"few {self.unit}s: with {self.num_units} the intervals are too narrow and p is too small; do not rest "
                "a claim on them"
            )
        rows.append(
            f"{metric} A - B {self.difference.interval.estimate:+.2f} {_ends(self.difference.interval)} "
            f"p={self.difference.p_value:.4f}"
        )
        return rows


def compare(first: ProbeResult, second: ProbeResult, *, metric: str, unit: str) -> Comparison:
    """Compare two results.

    Args:
        first: A.
        second: B, of the same utterances, protocol, folds and seeds.
        metric: One of `METRICS`.
        unit: What is resampled, `UTTERANCE` or `SPEAKER`.

    Raises:
        ReportError: The results cannot be compared, or one lacks what it takes.
    """
    _refuse_other_protocol(first, second)
    pair = (_read(first), _read(second))
    _refuse_other_answers((first, second), pair)
    units = number_units(_unit_names(first, pair[0], unit))
    column = {"uar": "ua"}.get(metric, metric)  # one figure under two names, see `Scores.uar`
    assert column in SCORE_NAMES
    a, b = (one.answers for one in pair)
    intervals = [bootstrap_intervals(one, units)[column] for one in (a, b)]
    tests = tuple(
        mcnemar(a_N == a.label_N, b_N == b.label_N)
        for a_N, b_N in zip(a.predicted_SN, b.predicted_SN, strict=True)
    )
    return Comparison(
        names=(first.name, second.name),
        metric=metric,
        unit=unit,
        num_units=int(units.max()) + 1,
        num_utterances=len(units),
        seeds=pair[0].seeds,
        intervals=(intervals[0], intervals[1]),
        difference=paired_bootstrap(a, b, units, metric=column),
        mcnemar=tests,
        combined_p=combine_p_values([test.exact_p for test in tests]),
    )


def _refuse_other_protocol(first: ProbeResult, second: ProbeResult) -> None:
    facts = {
        "protocol": (first.protocol, second.protocol),
        "corpus": (first.corpus, second.corpus),
        "labels": (list(first.labels), list(second.labels)),
        "valid_is_test": tuple(bool(one.raw.get("valid_is_test")) for one in (first, second)),
    }
    for name, (one, other) in facts.items():
        if one != other:
            raise ReportError(
                f"{first.path} and {second.path} cannot be compared: {name} {one} and {other}; compare results of one "
                "protocol"
            )


def _read(result: ProbeResult) -> StoredPredictions:
    name = result.raw.get("predictions")
    if not isinstance(name, str) or not name:
        raise ReportError(
            f"{result.path}: the result names no predictions, as older versions wrote none; run train_probe.py again"
        )
    return read_predictions(result.path.parent / name, result.labels).sorted_by_id()


def _refuse_other_answers(
    results: Sequence[ProbeResult], pair: Sequence[StoredPredictions]
) -> None:
    (first, second), (a, b) = results, pair
    where = f"{first.path} and {second.path} cannot be compared"
    if a.ids != b.ids:
        apart = sorted(set(a.ids) ^ set(b.ids))
        raise ReportError(
            f"{where}: {len(apart)} utterances are tested in only one of them, e.g. {apart[:3]}; extract both features "
            "from one manifest"
        )
    changed = np.flatnonzero(a.answers.label_N != b.answers.label_N)
    if len(changed):
        raise ReportError(
            f"{where}: {len(changed)} utterances have another label, e.g. {a.ids[changed[0]]!r}; extract both features "
            "from one manifest"
        )
    moved = np.flatnonzero(a.answers.fold_N != b.answers.fold_N)
    if len(moved):
        raise ReportError(
            f"{where}: {len(moved)} utterances are tested in another fold, e.g. {a.ids[moved[0]]!r}; run both with one "
            "fold file or fold_seed"
        )
    one, other = ((result.raw.get("folds") or {}).get("digest") for result in results)
    if one and other and one != other:  # older versions wrote none
        raise ReportError(
            f"{where}: their folds train or validate on other utterances; run both with one fold file, or the same "
            "fold_seed and valid_fraction"
        )
    if a.seeds != b.seeds:
        raise ReportError(
            f"{where}: seeds {list(a.seeds)} and {list(b.seeds)}; run both with the same seeds"
        )


def _unit_names(result: ProbeResult, predictions: StoredPredictions, unit: str) -> tuple[str, ...]:
    if unit == UTTERANCE:
        return predictions.ids
    unknown = predictions.speakers.count("")
    if unknown:
        raise ReportError(
            f"{result.path}: the speaker of {unknown} of {len(predictions.ids)} utterances is unknown; compare without "
            "--clusters speaker"
        )
    if len(set(predictions.speakers)) < 2:
        raise ReportError(
            f"{result.path}: all utterances are of one speaker, so speakers cannot be drawn; compare without "
            "--clusters speaker"
        )
    return predictions.speakers


def _ends(interval: Interval) -> str:
    return f"[{interval.low:.2f}, {interval.high:.2f}]"
