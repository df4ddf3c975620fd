"""Run a corpus' parser and check what it gives.

In: name, root, options. Out: `Release`, for `prepare.py` and `dry_run.py`.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emotion2vec.corpora.card import CorpusCard
from emotion2vec.corpora.files import require_root
from emotion2vec.corpora.other_audio import other_audio
from emotion2vec.corpora.registry import Corpus, LeftOut, get_corpus
from emotion2vec.corpora.wrong_root import suggest_root
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError

logger = logging.getLogger(__name__)

_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Release:
    """What a parser found below a root.

    Attributes:
        name: Registered name of the corpus.
        card: Its card, with the counts that these options give.
        root: Folder of the release, absolute.
        options: Options of the parser.
        utterances: What it took.
        left_out: What it saw and did not take.
        other_audio: Audio below the root that it did not even look at.
    """

    name: str
    card: CorpusCard
    root: Path
    options: Mapping[str, Any]
    utterances: tuple[Utterance, ...]
    left_out: tuple[LeftOut, ...]
    other_audio: tuple[str, ...]


def parse_release(name: str, root: Path, options: Mapping[str, Any]) -> Release:
    """Find a corpus' utterances; what is left out is reported.

    Args:
        name: Registered name.
        root: Folder of the unpacked release.
        options: Options of the corpus' parser; None values are left out.

    Raises:
        CorpusError: Unknown corpus or option, no root, no matching files, or one utterance twice.
    """
    corpus = get_corpus(name)
    given = _check_options(corpus, options)
    require_root(root)
    root = root.resolve()
    card = _with_counts(corpus.card_for(root), given)
    items = _parse(corpus, root, given)
    left_out = tuple(item for item in items if isinstance(item, LeftOut))
    utterances = tuple(item for item in items if isinstance(item, Utterance))
    if not utterances:
        raise CorpusError(_nothing_found(corpus, root, given, left_out))
    _refuse_duplicates(root, utterances)
    _warn_left_out(name, left_out)
    others = other_audio(root, {item.path for item in items}, card.ignored)
    _warn_other_audio(name, root, others)
    utterances = tuple(
        replace(row, language=row.language or card.language or None) for row in utterances
    )
    return Release(name, card, root, given, utterances, left_out, tuple(others))


def _check_options(corpus: Corpus, options: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in options.items() if value is not None}
    known = {option.name: option for option in corpus.card.options}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise CorpusError(
            f"{corpus.card.name} takes no option {', '.join(unknown)}; its options are {sorted(known) or 'none'}"
        )
    for name, value in given.items():
        choices = known[name].choices
        if choices and value not in choices:
            raise CorpusError(
                f"{corpus.card.name}: option {name} must be one of {list(choices)}, but is {value!r}"
            )
    return given


def _with_counts(card: CorpusCard, options: Mapping[str, Any]) -> CorpusCard:
    """Expect as many utterances as the release has with these options."""
    for option in card.options:
        counts = option.release.get(str(options.get(option.name)))
        if counts is not None:
            card = replace(card, release=counts)
    return card


def _parse(corpus: Corpus, root: Path, options: Mapping[str, Any]) -> list[Utterance | LeftOut]:
    """Run the parser; where it refuses the root itself, say which folder may be meant."""
    items: list[Utterance | LeftOut] = []
    try:
        for item in corpus.iter_utterances(root, **options):
            items.append(item)
    except CorpusError as error:
        meant = None if items else _meant(corpus, root, options)
        if meant is None:
            raise
        raise CorpusError(f"{error}; {meant}") from error
    return items


def _nothing_found(
    corpus: Corpus, root: Path, options: Mapping[str, Any], left_out: Sequence[LeftOut]
) -> str:
    card = corpus.card
    text = (
        f"no {card.name} utterances below {str(root)!r}: found {len(left_out)} other audio files; "
        f"expected {card.layout}"
    )
    if left_out:
        text += f"; the first of those: {left_out[0].path}: {left_out[0].reason}"
    meant = _meant(corpus, root, options)
    return f"{text}; {meant}" if meant else text


def _meant(corpus: Corpus, root: Path, options: Mapping[str, Any]) -> str | None:
    """Suggest another root, for corpora of a layout of their own."""
    if not corpus.card.labels:
        return None
    folder = suggest_root(lambda path: corpus.iter_utterances(path, **options), root)
    return f"did you mean --root {str(folder)!r}?" if folder else None


def _refuse_duplicates(root: Path, utterances: Sequence[Utterance]) -> None:
    ids = Counter(utterance.id for utterance in utterances)
    repeated = [name for name, number in ids.items() if number > 1]
    if repeated:
        paths = [row.path for row in utterances if row.id == repeated[0]]
        raise CorpusError(
            f"{len(repeated)} utterances lie below {str(root)!r} more than once, e.g. {paths}; "
            "name the folder of one copy of the release"
        )


def _warn_left_out(name: str, left_out: Iterable[LeftOut]) -> None:
    reasons: dict[str, list[str]] = {}
    for item in left_out:
        reasons.setdefault(item.reason, []).append(item.path)
    for reason, paths in reasons.items():
        logger.warning("%s: left out %d files: %s: %s", name, len(paths), reason, _some(paths))


def _warn_other_audio(name: str, root: Path, paths: Sequence[str]) -> None:
    if paths:
        text = "%d other audio files below %s do not belong to %s, e.g. %s"
        logger.warning(text, len(paths), root, name, _some(paths))


def _some(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_NAMES_SHOWN]) + (", ..." if len(paths) > _NAMES_SHOWN else "")
