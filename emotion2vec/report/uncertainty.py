"""What a result says of its own uncertainty: intervals and each label's recall; those of old versions say nothing.

In: `ProbeResult`. Out: `StoredIntervals` and `LabelRow`s for `tables.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emotion2vec.errors import ReportError
from emotion2vec.report.records import ProbeResult

# the wider kind first: utterances of one speaker are not independent
_UNITS = ("speaker", "utterance")


@dataclass(frozen=True)
class StoredIntervals:
    """Intervals of one result.

    Attributes:
        level: Share of resamples inside.
        unit: What was resampled, `speaker` where the result has those, else `utterance`.
        num_units: How many there are.
        ends: Metric -> lower and upper end, percent.
    """

    level: float
    unit: str
    num_units: int
    ends: Mapping[str, tuple[float, float]]

    def sentence(self) -> str:
        """Say what the brackets are."""
        return (
            f"In brackets: {self.level:.0%} bootstrap interval over {self.num_units} {self.unit}s; it covers neither "
            "seeds, folds nor pre-training runs."
        )

    def text(self, metric: str) -> str:
        """Write one interval; nothing where the metric has none."""
        ends = self.ends.get(metric)
        return f"[{ends[0]:.2f}, {ends[1]:.2f}]" if ends else ""


@dataclass(frozen=True)
class LabelRow:
    """Recall of one label, in percent.

    Attributes:
        label: Its name.
        mean: Mean over seeds; None where the label is never tested.
        std: Standard deviation over seeds.
        support: Tested utterances.
    """

    label: str
    mean: float | None
    std: float
    support: int


def stored_intervals(result: ProbeResult) -> StoredIntervals | None:
    """Return a result's intervals; None where it holds none.

    Raises:
        ReportError: They are damaged.
    """
    raw = result.raw.get("intervals")
    if raw is None:
        return None
    try:
        unit = next(name for name in _UNITS if name in raw)
        ends = {
            metric: (float(value["low"]), float(value["high"]))
            for metric, value in raw[unit].items()
            if metric != "num_units"
        }
        return StoredIntervals(float(raw["level"]), unit, int(raw[unit]["num_units"]), ends)
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise _damaged(result, "intervals", error) from None


def label_rows(result: ProbeResult) -> tuple[LabelRow, ...]:
    """Return each label's recall; empty where the result holds none.

    Raises:
        ReportError: They are damaged.
    """
    raw = result.raw.get("per_class")
    if raw is None:
        return ()
    try:
        return tuple(_label_row(label, raw[label]) for label in result.labels)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(result, "per_class", error) from None


def _label_row(label: str, raw: Mapping[str, Any]) -> LabelRow:
    recall, support = raw["recall"], int(raw["support"])
    if recall is None:
        return LabelRow(label, None, 0.0, support)
    return LabelRow(label, float(recall["mean"]), float(recall["std"]), support)


def _damaged(result: ProbeResult, key: str, error: Exception) -> ReportError:
    return ReportError(
        f"{result.path}: {key!r} is not what train_probe.py writes ({type(error).__name__}: {error}); run it again"
    )
