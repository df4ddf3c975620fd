"""Is a corpus complete: utterances of the stores against those that the protocol's folds name, or the card counts.

In: a protocol's settings, its stores. Out: `Coverage` for `cells.py`, and why a part of a corpus gives no folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emotion2vec.corpora.registry import all_corpora
from emotion2vec.errors import ProtocolError
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.conversation_config import ConversationConfig
from emotion2vec.probe.fold_file import PARTS, read_fold_file
from emotion2vec.probe.protocol import Rows, check_folds, index_folds, make_folds, select_utterances
from emotion2vec.reproduction.library import StoreEntry


@dataclass(frozen=True)
class Coverage:
    """How much of a corpus a cell's stores hold.

    Attributes:
        entry: The store that lacks most.
        found: Utterances that the protocol wants and this store has.
        expected: Utterances of the complete corpus; equal to `found` where nobody knows.
        folds_fit: Every store has all utterances of the stored folds; True where the rule makes them.
    """

    entry: StoreEntry
    found: int
    expected: int
    folds_fit: bool

    @property
    def is_complete(self) -> bool:
        """True where nothing is missing."""
        return self.found >= self.expected


def measure_coverage(
    config: ProbeConfig, entries: Sequence[StoreEntry], config_dir: Path
) -> Coverage:
    """Count the utterances of the stores.

    Args:
        config: The protocol; its fold file names every utterance of the corpus. Conversations also hear utterances that
            are in no fold: there the corpus' largest release is the complete one.
        entries: The stores.
        config_dir: Folder that `fold_file` is relative to.

    Raises:
        ProtocolError: The fold file is missing or damaged.
    """
    wanted: set[str] = set()
    if config.fold_file:
        folds = read_fold_file(config_dir / config.fold_file).folds
        wanted = {name for fold in folds for part in PARTS for name in getattr(fold, part)}
    hears_all = isinstance(config, ConversationConfig)
    found = [_measure(entry, wanted, hears_all=hears_all) for entry in entries]
    worst = min(found, key=lambda one: one.found / max(1, one.expected))
    return replace(worst, folds_fit=all(one.folds_fit for one in found))


def why_no_folds(config: ProbeConfig, entry: StoreEntry) -> str:
    """Say why the utterances of a store give no folds by the protocol's rule; empty where they do."""
    store = entry.store
    rows = Rows(store.ids, store.labels, store.speakers, store.sessions, store.splits)
    try:
        chosen = select_utterances(rows, config, str(entry.folder))
        folds = make_folds(chosen.rows, config)
        check_folds(folds, chosen.rows)
        index_folds(folds, chosen, config)
    except ProtocolError as error:
        return f"the utterances that are there give no folds: {error}; extract more of the corpus"
    return ""


def _measure(entry: StoreEntry, wanted: set[str], *, hears_all: bool) -> Coverage:
    ids, labels = set(entry.store.ids), entry.store.labels
    folds_fit = wanted <= ids
    if wanted and not (hears_all and folds_fit):
        return Coverage(entry, len(wanted & ids), len(wanted), folds_fit)
    found, sizes = len(labels), _sizes(entry.corpus)
    if hears_all:
        return Coverage(entry, found, max(sizes, default=found), folds_fit)
    labelled = sum(label is not None for label in labels)
    if labelled in sizes:  # what else there is, nobody has labelled
        return Coverage(entry, labelled, labelled, folds_fit)
    larger = [count for count in sizes if count >= found]
    return Coverage(entry, found, min(larger, default=found), folds_fit)


def _sizes(corpus: str) -> set[int]:
    """Return the sizes that a complete corpus may have, of its releases and in the paper."""
    known = all_corpora().get(corpus)
    if known is None:
        return set()
    card = known.card
    releases = [counts for option in card.options for counts in option.release.values()]
    counts = [each.utterances for each in (card.release, card.paper, *releases)]
    whole = {count for count in counts if count is not None}
    return whole | {count - card.num_too_short for count in whole}
