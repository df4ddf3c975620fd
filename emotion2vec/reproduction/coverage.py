"""Is a corpus complete: utterances of a store against those that the protocol's folds name, or the corpus' card counts.

In: a protocol's settings, a store. Out: `Coverage` for `cells.py`.
"""

from dataclasses import dataclass
from pathlib import Path

from emotion2vec.corpora.registry import all_corpora
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.fold_file import PARTS, read_fold_file
from emotion2vec.reproduction.library import StoreEntry


@dataclass(frozen=True)
class Coverage:
    """How much of a corpus a store holds.

    Attributes:
        found: Utterances that the protocol wants and the store has.
        expected: Utterances of the complete corpus; equal to `found` where nobody knows.
    """

    found: int
    expected: int

    @property
    def is_complete(self) -> bool:
        """True where nothing is missing."""
        return self.found >= self.expected


def measure_coverage(config: ProbeConfig, entry: StoreEntry, config_dir: Path) -> Coverage:
    """Count the utterances of a store.

    Args:
        config: The protocol; its fold file names every utterance of the corpus.
        entry: The store.
        config_dir: Folder that `fold_file` is relative to.

    Raises:
        ProtocolError: The fold file is missing or damaged.
    """
    if config.fold_file:
        folds = read_fold_file(config_dir / config.fold_file).folds
        wanted = {name for fold in folds for part in PARTS for name in getattr(fold, part)}
        return Coverage(len(wanted & set(entry.store.ids)), len(wanted))
    found = len(entry.store.ids)
    larger = [count for count in _sizes(entry.corpus) if count >= found]
    return Coverage(found, min(larger, default=found))


def _sizes(corpus: str) -> set[int]:
    """Return the sizes that a complete corpus may have, of its releases and in the paper."""
    known = all_corpora().get(corpus)
    if known is None:
        return set()
    card = known.card
    releases = [counts for option in card.options for counts in option.release.values()]
    counts = (card.release, card.paper, *releases)
    return {count.utterances for count in counts if count.utterances is not None}
