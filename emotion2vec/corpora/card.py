"""What is known about a corpus: licence, citation, counts, irregularities.

In: written by hand beside each parser. Out: `corpus.json`, `prepare_corpus.py --list`, docs/corpora.md.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Counts:
    """Size of a corpus; None where it is not known.

    Attributes:
        utterances: Number of utterances.
        speakers: Number of speakers.
        hours: Hours of speech.
    """

    utterances: int | None = None
    speakers: int | None = None
    hours: float | None = None


@dataclass(frozen=True)
class CorpusOption:
    """A choice that a corpus' parser offers, `--option NAME=VALUE` on the command line.

    Attributes:
        name: Keyword argument of the parser.
        help: What it chooses, with the default.
        choices: Values that it may have; empty when it is free text.
        release: Value -> counts of the complete release with it, where they differ from the card's.
    """

    name: str
    help: str
    choices: tuple[str, ...] = ()
    release: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class CorpusCard:
    """Facts about a corpus.

    Attributes:
        name: Name on the command line.
        title: Name in tables.
        licence: Licence or terms of use, as the authors state them.
        citation: Paper to cite.
        url: Where its authors offer it; empty when it is the user's own.
        access: How to obtain it, in a sentence.
        language: Language code; empty when it is not one language.
        labels: Labels that may occur; empty when any may.
        layout: What the preparer expects below the root; used in errors.
        paper: Counts that Table 1 of the emotion2vec paper prints.
        release: Counts of the complete release on disk.
        notes: Irregularities that a user should know.
        options: What its parser lets a user choose.
        channel: Channel that is taken when files have several: `mean`, or its number from 0.
        ignored: Patterns (`Path.match`) of audio in a complete release that is not part of the corpus' utterances;
            other audio below the root is reported.
        synthetic: True when no human spoke; shown in every result.
        option_labels: Labels that occur only when an option asks for them; `corpus.json` lists those that do.
        splits_share_speakers: True when the corpus' own splits have speakers in common.
        num_too_short: Utterances of the release that are shorter than one frame of the model, so nobody can use them.
        extra: Further facts that a user's own card.json holds; kept, not interpreted.
    """

    name: str
    title: str
    licence: str
    citation: str
    url: str
    language: str
    labels: tuple[str, ...]
    layout: str
    paper: Counts = Counts()
    release: Counts = Counts()
    notes: tuple[str, ...] = ()
    access: str = ""
    options: tuple[CorpusOption, ...] = ()
    channel: str = "mean"
    ignored: tuple[str, ...] = ()
    synthetic: bool = False
    option_labels: tuple[str, ...] = ()
    splits_share_speakers: bool = False
    num_too_short: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the card's part of `corpus.json`; `expected` holds the paper's counts."""
        values = asdict(self)
        extra, paper = values.pop("extra"), values.pop("paper")
        for name in ("options", "ignored", "access", "option_labels", "num_too_short"):
            values.pop(name)  # how to prepare it, not what it is
        return {**extra, **values, "expected": paper}
