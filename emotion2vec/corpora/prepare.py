"""Release on disk -> manifest folder, for every corpus alike.

In: name, root, options. Out: manifest folder (`data/manifest.py`) and, where the release is not 16 kHz mono,
FLAC files. The steps: parse (one file for each corpus), measure or convert (`convert.py`), compare counts, write.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from emotion2vec import __version__
from emotion2vec.audio.parallel import default_jobs
from emotion2vec.corpora.card import CorpusCard
from emotion2vec.corpora.convert import measure_or_convert
from emotion2vec.corpora.files import require_root
from emotion2vec.corpora.registry import Corpus, LeftOut, get_corpus
from emotion2vec.data.counts import Found, count_utterances
from emotion2vec.data.manifest import write_manifest_folder
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, CorpusError

logger = logging.getLogger(__name__)

_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Prepared:
    """What a preparation found.

    Attributes:
        name: Corpus.
        out: Manifest folder.
        found: Counts of what was written.
        unreadable: Files that could not be read, with the reason.
    """

    name: str
    out: Path
    found: Found
    unreadable: tuple[AudioError, ...]


def prepare_corpus(
    name: str,
    root: Path,
    out: Path,
    *,
    audio_out: Path | None = None,
    num_jobs: int | None = None,
    **options: Any,
) -> Prepared:
    """Write the manifest folder of a corpus.

    Args:
        name: Registered name.
        root: Folder of the unpacked release.
        out: Manifest folder to write.
        audio_out: Folder for 16 kHz mono FLAC files; needed only when the release is anything else.
        num_jobs: Threads; None takes all cores.
        **options: Options of the corpus' parser; None values are left out.

    Raises:
        CorpusError: Unknown corpus or option, no root, no matching files, all unreadable, or audio_out missing.
        ManifestError: The rows cannot be written (e.g. a tab in a file's name).
    """
    corpus = get_corpus(name)
    given = _check_options(corpus, options)
    require_root(root)
    root = root.resolve()
    card = _with_counts(corpus.card_for(root), given)
    utterances, left_out = _parse(corpus, root, given)
    jobs = num_jobs or default_jobs()
    audio_root, measured = measure_or_convert(root, utterances, audio_out, jobs)
    unreadable = [item for item in measured if isinstance(item, AudioError)]
    rows = [
        replace(item, language=item.language or card.language or None)
        for item in measured
        if isinstance(item, Utterance)
    ]
    _warn_unreadable(root, unreadable, rows)
    found = count_utterances(rows)
    _warn_counts(card, found)
    contents = _contents(card, found, left_out, unreadable, root)
    write_manifest_folder(out, root=audio_root, utterances=rows, card=contents)
    return Prepared(name, out, found, tuple(unreadable))


def _parse(
    corpus: Corpus, root: Path, options: Mapping[str, Any]
) -> tuple[list[Utterance], list[LeftOut]]:
    """Run the corpus' parser."""
    parsed = list(corpus.iter_utterances(root, **options))
    left_out = [item for item in parsed if isinstance(item, LeftOut)]
    utterances = [item for item in parsed if isinstance(item, Utterance)]
    _warn_left_out(corpus.card.name, left_out)
    if not utterances:
        raise CorpusError(
            f"no {corpus.card.name} utterances below {str(root)!r}: found {len(left_out)} other audio files; "
            f"expected {corpus.card.layout}"
        )
    ids = Counter(utterance.id for utterance in utterances)
    repeated = [name for name, number in ids.items() if number > 1]
    if repeated:
        paths = [row.path for row in utterances if row.id == repeated[0]]
        raise CorpusError(
            f"{len(repeated)} utterances lie below {str(root)!r} more than once, e.g. {paths}; "
            "name the folder of one copy of the release"
        )
    return utterances, left_out


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


def _warn_left_out(name: str, left_out: Iterable[LeftOut]) -> None:
    reasons: dict[str, list[str]] = {}
    for item in left_out:
        reasons.setdefault(item.reason, []).append(item.path)
    for reason, paths in reasons.items():
        shown = ", ".join(paths[:_NAMES_SHOWN]) + (", ..." if len(paths) > _NAMES_SHOWN else "")
        logger.warning("%s: left out %d files: %s: %s", name, len(paths), reason, shown)


def _warn_unreadable(
    root: Path, unreadable: Sequence[AudioError], rows: Sequence[Utterance]
) -> None:
    for error in unreadable:
        logger.warning("left out: %s", error)
    if not rows:
        raise CorpusError(
            f"none of the {len(unreadable)} files below {str(root)!r} can be read; the first: {unreadable[0]}"
        )


def _warn_counts(card: CorpusCard, found: Found) -> None:
    """Say how what was found differs from the complete release and from the paper."""
    for what in ("utterances", "speakers"):
        number, complete = getattr(found, what), getattr(card.release, what)
        printed = getattr(card.paper, what)
        if complete is not None and number != complete:
            text = "%s: found %d of the release's %d %s"
            logger.warning(text, card.name, number, complete, what)
        elif printed is not None and number != printed:
            logger.info("%s: %d %s; the paper counts %d", card.name, number, what, printed)
    if found.unlabelled:
        logger.warning("%s: %d utterances have no label", card.name, found.unlabelled)


def _contents(
    card: CorpusCard,
    found: Found,
    left_out: Sequence[LeftOut],
    unreadable: Sequence[AudioError],
    root: Path,
) -> dict[str, Any]:
    """Build `corpus.json`."""
    known = card.to_json()
    optional = [label for label in found.label_counts if label in card.option_labels]
    known["labels"] = [*card.labels, *optional] or list(found.label_counts)
    return {
        **known,
        "found": asdict(found),
        "seconds": found.seconds,
        "left_out": [vars(item) for item in left_out],
        "unreadable": [
            {"path": _below(Path(error.source), root), "reason": error.reason}
            for error in unreadable
        ],
        "preparer": f"emotion2vec {__version__}",
    }


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
