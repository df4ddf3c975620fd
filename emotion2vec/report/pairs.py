"""Tests every result of a task against one of them, and corrects the p-values for their number.

In: `ProbeResult`s of one task with predictions. Out: `PairTable` for `html.py`. Bootstrap and McNemar are those of
`comparison.py`; the time grows with the number of results, not of pairs between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from emotion2vec.errors import ReportError
from emotion2vec.progress import progress
from emotion2vec.report.comparison import FEW_UNITS, SPEAKER, UTTERANCE, Comparison, compare
from emotion2vec.report.records import ProbeResult
from emotion2vec.report.uncertainty import stored_intervals

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Pair:
    """A result against the reference.

    Attributes:
        comparison: A is the result, B the reference.
        difference_p: p of the difference, corrected by Holm's method.
        mcnemar_p: p of McNemar's test, all seeds as one, corrected by Holm's method.
    """

    comparison: Comparison
    difference_p: float
    mcnemar_p: float


@dataclass(frozen=True)
class PairTable:
    """All results of a task against one.

    Attributes:
        reference: Name of that one.
        is_best: It was taken because its score is the best.
        metric: Compared metric, as results name it.
        pairs: The comparisons, in the order of the results.
        left_out: Name of a result that cannot be compared, and why.
    """

    reference: str
    is_best: bool
    metric: str
    pairs: tuple[Pair, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def num_significant(self) -> int:
        """How many results differ from the reference by the corrected bootstrap."""
        return sum(pair.difference_p < SIGNIFICANCE for pair in self.pairs)

    @property
    def is_few(self) -> bool:
        """True when so few units were drawn that p is too small."""
        return any(pair.comparison.num_units < FEW_UNITS for pair in self.pairs)


def compare_with_reference(
    results: Sequence[ProbeResult], *, metric: str, baseline: str = ""
) -> PairTable | None:
    """Compare results of one task with the best of them, or with a chosen one.

    Args:
        results: Of one corpus, protocol and way of choosing the epoch.
        metric: As results name it.
        baseline: Name of the result to compare with; the best one's where none is called so.

    Returns:
        The comparisons; None where fewer than two results have predictions.
    """
    able = [result for result in results if result.raw.get("predictions")]
    if len(able) < 2:
        return None
    named = [result for result in able if result.name == baseline]
    reference = named[0] if named else max(able, key=lambda one: one.summary[metric].mean)
    stored = stored_intervals(reference)
    unit = SPEAKER if stored is not None and stored.unit == SPEAKER else UTTERANCE
    found: list[Comparison] = []
    left_out = [(result.name, "holds no predictions") for result in results if result not in able]
    others = [result for result in able if result is not reference]
    for result in progress(others, description=f"statistics, {reference.protocol}", unit="result"):
        try:
            found.append(compare(result, reference, metric=metric.lower(), unit=unit))
        except ReportError as error:
            left_out.append((result.name, str(error)))
    corrected = zip(
        found,
        holm([one.difference.p_value for one in found]),
        holm([one.combined_p for one in found]),
        strict=True,
    )
    pairs = tuple(Pair(*one) for one in corrected)
    return PairTable(reference.name, not named, metric, pairs, tuple(left_out))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm, 1979): a share below 0.05 errs in any of them at most 5 % of times.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none may fall below one before it.

    >>> holm([0.03, 0.01, 0.5])
    [0.06, 0.03, 0.5]
    """
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected
