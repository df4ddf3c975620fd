"""Release on disk -> manifest folder, for every corpus alike.

In: name, root, options. Out: manifest folder (`data/manifest.py`) and, where the release is not 16 kHz mono or holds
segments of longer files, copies. The steps: parse (`parse.py`), measure or convert (`convert.py`), compare counts,
write.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotion2vec import __version__
from emotion2vec.audio.mono import parse_channel
from emotion2vec.audio.parallel import default_jobs
from emotion2vec.corpora.card import CorpusCard
from emotion2vec.corpora.convert import Plan, convert, measure, plan_audio
from emotion2vec.corpora.copies import Recipe
from emotion2vec.corpora.parse import Release, parse_release
from emotion2vec.corpora.registry import get_corpus
from emotion2vec.corpora.space import SIZE_RATIOS, disk_errors_as_sentence
from emotion2vec.data.counts import Found, count_utterances
from emotion2vec.data.labels import sort_labels
from emotion2vec.data.manifest import write_manifest_folder
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, CorpusError
from emotion2vec.files import remove_partial_files

logger = logging.getLogger(__name__)

AUDIO_FORMATS = tuple(SIZE_RATIOS)
_NAMES_STORED = 5
_UNREADABLE_SHOWN = 50


@dataclass(frozen=True)
class Prepared:
    """What a preparation found.

    Attributes:
        name: Corpus.
        out: Manifest folder.
        found: Counts of what was written.
        unreadable: Files that could not be read, with the reason.
        card: Facts about the corpus, with the counts of the release that the options give.
        num_left_out: Files that the parser saw and did not take.
        num_other_audio: Audio files below the root that are not part of the corpus.
    """

    name: str
    out: Path
    found: Found
    unreadable: tuple[AudioError, ...]
    card: CorpusCard
    num_left_out: int = 0
    num_other_audio: int = 0


def prepare_corpus(
    name: str,
    root: Path,
    out: Path,
    *,
    audio_out: Path | None = None,
    channel: str | int | None = None,
    audio_format: str = "flac",
    num_jobs: int | None = None,
    **options: Any,
) -> Prepared:
    """Write the manifest folder of a corpus.

    Args:
        name: Registered name.
        root: Folder of the unpacked release.
        out: Manifest folder to write.
        audio_out: Folder for 16 kHz mono copies; needed only when the release is anything else, or holds segments of
            longer files.
        channel: `mean` of the channels or the number of the one to take, from 0; None is the card's.
        audio_format: Format of the copies, `flac` or `wav`.
        num_jobs: Processes; None takes all cores.
        **options: Options of the corpus' parser; None values are left out.

    Raises:
        CorpusError: Unknown corpus, option, channel or format, no root, no matching files, all unreadable, audio_out
            missing or of another conversion, or no room on the disk.
        ManifestError: The rows cannot be written (e.g. a tab in a file's name).
    """
    recipe = make_recipe(name, channel, audio_format)
    release = parse_release(name, root, options)
    jobs = num_jobs or default_jobs()
    plan = plan_audio(release.root, release.utterances, recipe, num_jobs=jobs)
    if plan.needs_copies:
        audio_root, results = convert(plan, audio_out, num_jobs=jobs)
    else:
        audio_root, results = release.root, measure(plan, num_jobs=jobs)
        _say_unused(audio_out)
    unreadable = tuple(item for item in results if isinstance(item, AudioError))
    rows = [item for item in results if isinstance(item, Utterance)]
    _warn_unreadable(release.root, unreadable, rows)
    found = count_utterances(rows)
    _warn_counts(release.card, found)
    contents = _contents(release, plan, found, unreadable)
    with disk_errors_as_sentence(out, "--out", lambda: "the audio is ready, the manifest is not"):
        if out.is_dir():
            remove_partial_files(out)
        write_manifest_folder(out, root=audio_root, utterances=rows, card=contents)
    numbers = len(release.left_out), len(release.other_audio)
    return Prepared(name, out, found, unreadable, release.card, *numbers)


def _say_unused(audio_out: Path | None) -> None:
    if audio_out is not None:
        logger.info("all files are 16 kHz mono already: nothing to write to %s", audio_out)


def make_recipe(name: str, channel: str | int | None, audio_format: str) -> Recipe:
    """Check how copies are to be made.

    Args:
        name: Registered name of the corpus.
        channel: `mean`, a number, or None for the card's.
        audio_format: `flac` or `wav`.

    Raises:
        CorpusError: Unknown corpus, channel or format.
    """
    card = get_corpus(name).card
    if audio_format not in AUDIO_FORMATS:
        raise CorpusError(
            f"audio format must be one of {list(AUDIO_FORMATS)}, but is {audio_format!r}"
        )
    try:
        return Recipe(
            name, parse_channel(card.channel if channel is None else channel), audio_format
        )
    except ValueError as error:
        raise CorpusError(str(error)) from error


def _warn_unreadable(
    root: Path, unreadable: Sequence[AudioError], rows: Sequence[Utterance]
) -> None:
    if not rows:
        raise CorpusError(
            f"none of the {len(unreadable)} files below {str(root)!r} can be read; the first: {unreadable[0]}"
        )
    for error in unreadable[:_UNREADABLE_SHOWN]:
        logger.warning("left out: %s", error)
    if len(unreadable) > _UNREADABLE_SHOWN:
        more = len(unreadable) - _UNREADABLE_SHOWN
        logger.warning("left out: %d more files that cannot be read; corpus.json lists all", more)


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
    release: Release, plan: Plan, found: Found, unreadable: Sequence[AudioError]
) -> dict[str, Any]:
    """Build `corpus.json`."""
    others = release.other_audio
    recipe = {"channel": str(plan.recipe.channel), "format": plan.recipe.audio_format}
    return {
        **release.card.to_json(),
        "labels": _labels(release, found),
        "found": asdict(found),
        "seconds": found.seconds,
        "options": {
            key: value.name if isinstance(value, Path) else value
            for key, value in sorted(release.options.items())
        },
        "converted": recipe if plan.needs_copies else None,
        "left_out": [vars(item) for item in release.left_out],
        "unreadable": [
            {"path": _below(Path(error.source), release.root), "reason": error.reason}
            for error in unreadable
        ],
        "other_audio": {"files": len(others), "examples": list(others[:_NAMES_STORED])},
        "preparer": f"emotion2vec {__version__}",
    }


def _labels(release: Release, found: Found) -> list[str]:
    """Return the card's labels, and those that occur beyond them in a corpus with codes of its own."""
    card = release.card
    if card.labels and get_corpus(release.name).card.labels:
        return list(sort_labels({*card.labels, *found.label_counts}))
    return list(card.labels or found.label_counts)


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
