"""How much a manifest holds: the `found` of `corpus.json`.

In: `Utterance` rows. Out: `Found`, for `corpora/prepare.py` and the clean copy of `checks.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emotion2vec.data.labels import sort_labels
from emotion2vec.data.utterance import Utterance
from emotion2vec.structs import SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Found:
    """Counts of the utterances of a manifest.

    Attributes:
        utterances: Their number.
        speakers: Speakers known by name.
        seconds: Length of all together.
        label_counts: Label -> utterances.
        unlabelled: Utterances without a label.
    """

    utterances: int
    speakers: int
    seconds: float
    label_counts: Mapping[str, int]
    unlabelled: int


def count_utterances(rows: Sequence[Utterance]) -> Found:
    """Count utterances, speakers, labels and seconds."""
    labels = Counter(row.label for row in rows if row.label is not None)
    return Found(
        utterances=len(rows),
        speakers=len({row.speaker for row in rows if row.speaker is not None}),
        seconds=round(sum(row.num_samples for row in rows) / SAMPLE_RATE_HZ, 3),
        label_counts={label: labels[label] for label in sort_labels(labels)},
        unlabelled=sum(row.label is None for row in rows),
    )
