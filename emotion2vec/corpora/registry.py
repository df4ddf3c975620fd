"""The corpora that `prepare_corpus.py` knows: each file of this package registers its own.

In: `@register_corpus(card)` on a parser. Out: `get_corpus(name)` for `prepare.py`, tables for --list and the docs.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import emotion2vec.corpora
from emotion2vec.corpora.card import CorpusCard
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError


@dataclass(frozen=True)
class LeftOut:
    """Something of a release that a parser did not take.

    Attributes:
        path: File, folder or line of a table, relative to the root; where it belongs if it is missing.
        reason: Why; files of one reason are reported together.
    """

    path: str
    reason: str


Parser = Callable[..., Iterator[Utterance | LeftOut]]


@dataclass(frozen=True)
class Corpus:
    """A registered corpus.

    Attributes:
        card: Its facts.
        iter_utterances: Parser: `iter_utterances(root, **options)` yields utterances whose `num_samples` is 0
            (the generic preparer measures them) and the files that it leaves out.
        card_for: Returns the card for a root; differs from `card` only where users bring their own.
    """

    card: CorpusCard
    iter_utterances: Parser
    card_for: Callable[[Path], CorpusCard]


@dataclass
class _Registry:
    corpora: dict[str, Corpus] = field(default_factory=dict)
    is_complete: bool = False


_REGISTRY = _Registry()


def register_corpus(
    card: CorpusCard,
    *,
    card_for: Callable[[Path], CorpusCard] | None = None,
) -> Callable[[Parser], Parser]:
    """Register the decorated parser under the card's name.

    Args:
        card: Facts about the corpus; its `options` are the parser's keyword arguments besides the root.
        card_for: Reads the card of a root, for corpora that users describe themselves.
    """

    def register(parser: Parser) -> Parser:
        """Enter the parser and return it."""
        assert card.name not in _REGISTRY.corpora, f"{card.name} is registered twice"
        _REGISTRY.corpora[card.name] = Corpus(card, parser, card_for or (lambda _: card))
        return parser

    return register


def all_corpora() -> dict[str, Corpus]:
    """Return every corpus by name, in alphabetical order."""
    if not _REGISTRY.is_complete:
        for module in pkgutil.iter_modules(emotion2vec.corpora.__path__):
            importlib.import_module(f"emotion2vec.corpora.{module.name}")
        _REGISTRY.is_complete = True
    return dict(sorted(_REGISTRY.corpora.items()))


def corpus_names() -> tuple[str, ...]:
    """Return the names that `prepare_corpus.py` takes, in alphabetical order."""
    return tuple(all_corpora())


def get_corpus(name: str) -> Corpus:
    """Return one corpus.

    Raises:
        CorpusError: There is none of this name.
    """
    corpora = all_corpora()
    if name not in corpora:
        raise CorpusError(
            f"unknown corpus {name!r}; expected one of {sorted(corpora)} "
            "(`folder` takes any tree of audio files, labelled by folder or by a CSV)"
        )
    return corpora[name]


def corpora_table() -> list[tuple[str, ...]]:
    """Return a header and one row for each corpus: name, title, language, labels, counts, licence."""
    header = ("name", "corpus", "language", "labels", "utterances", "paper", "speakers", "licence")
    rows: list[tuple[str, ...]] = [header]
    for name, corpus in all_corpora().items():
        card = corpus.card
        counts = (card.release.utterances, card.paper.utterances, card.release.speakers)
        numbers = ["-" if count is None else str(count) for count in counts]
        labels = str(len(card.labels)) if card.labels else "any"
        rows.append((name, card.title, card.language or "any", labels, *numbers, card.licence))
    return rows
