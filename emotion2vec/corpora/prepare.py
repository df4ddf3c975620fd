"""Release on disk -> manifest folder, for every corpus alike.

In: name, root, options. Out: manifest folder (`data/manifest.py`) and, where the release is not 16 kHz mono,
FLAC files. The steps: parse (one file for each corpus), look at the headers, measure or convert, compare counts, write.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import soundfile

from emotion2vec import __version__
from emotion2vec.audio.io import audio_info, read_audio
from emotion2vec.audio.parallel import default_jobs, map_files
from emotion2vec.audio.video import CONTAINER_SUFFIXES
from emotion2vec.corpora.card import CorpusCard
from emotion2vec.corpora.files import require_root
from emotion2vec.corpora.registry import Corpus, LeftOut, get_corpus
from emotion2vec.data.labels import sort_labels
from emotion2vec.data.manifest import write_manifest_folder
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, CorpusError
from emotion2vec.structs import SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)

_NAMES_SHOWN = 5


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
    card = corpus.card_for(root)
    utterances, left_out = _parse(corpus, root, given)
    jobs = num_jobs or default_jobs()
    audio_root, measured = _measure(root, utterances, audio_out, jobs)
    unreadable = [item for item in measured if isinstance(item, AudioError)]
    rows = [
        replace(item, language=item.language or card.language or None)
        for item in measured
        if isinstance(item, Utterance)
    ]
    _warn_unreadable(root, unreadable, rows)
    found = _count(rows)
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
    return utterances, left_out


def _check_options(corpus: Corpus, options: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in options.items() if value is not None}
    unknown = sorted(set(given) - set(corpus.options))
    if unknown:
        flags = ", ".join(f"--{key.replace('_', '-')}" for key in unknown)
        raise CorpusError(f"{corpus.card.name} takes no {flags}: its release says these things itself")
    return given


# --- measuring and converting


def _measure(
    root: Path, utterances: Sequence[Utterance], audio_out: Path | None, num_jobs: int
) -> tuple[Path, list[Utterance | AudioError]]:
    """Fill in the lengths; convert all files when one of them is not 16 kHz mono."""
    paths = sorted({utterance.path for utterance in utterances})
    looked = map_files(
        partial(_format, root), paths, num_jobs=num_jobs, description="look at headers"
    )
    other = Counter(text for text in looked if text is not None)
    if not other:
        if audio_out is not None:
            logger.info("all files are 16 kHz mono already: nothing to write to %s", audio_out)
        target, work = root, partial(_measure_one, root)
    else:
        target = _conversion_folder(root, audio_out, other, len(paths))
        work = partial(_convert_one, root, target)
    description = "convert" if other else "measure"
    return target, list(map_files(work, utterances, num_jobs=num_jobs, description=description))


def _format(root: Path, relative: str) -> str | None:
    """Say in words how a file differs from 16 kHz mono; None when it does not, or cannot be read."""
    path = root / relative
    if path.suffix.lower() in CONTAINER_SUFFIXES:
        return path.suffix.lower()
    try:
        info = audio_info(path)
    except AudioError:
        return None  # reported with its reason when it is measured
    if (info.sample_rate_hz, info.num_channels) == (SAMPLE_RATE_HZ, 1):
        return None
    return f"{info.sample_rate_hz} Hz x {info.num_channels} channel{'s' * (info.num_channels > 1)}"


def _conversion_folder(
    root: Path, audio_out: Path | None, formats: Counter[str], num_files: int
) -> Path:
    text = ", ".join(f"{number} files of {name}" for name, number in formats.most_common(3))
    if audio_out is None:
        raise CorpusError(
            f"{sum(formats.values())} of {num_files} files below {str(root)!r} are not 16 kHz mono ({text}): "
            "give --audio-out DIR, a folder for 16 kHz mono FLAC copies (the release is not changed)"
        )
    target = audio_out.resolve()
    if target == root or target.is_relative_to(root):
        raise CorpusError(
            f"--audio-out {str(audio_out)!r} lies inside the root {str(root)!r}, where the copies would be "
            "taken for the release; choose a folder outside"
        )
    return target


def _measure_one(root: Path, utterance: Utterance) -> Utterance | AudioError:
    """Decode one utterance and note its length."""
    try:
        waveform_S = read_audio(
            root / utterance.path,
            start_sample=utterance.start_sample,
            end_sample=utterance.end_sample,
        )
    except AudioError as error:
        return error
    return replace(utterance, num_samples=waveform_S.numel())


def _convert_one(root: Path, target_root: Path, utterance: Utterance) -> Utterance | AudioError:
    """Write one utterance as 16 kHz mono FLAC, unless an earlier run did; a segment gets a file of its own."""
    source = root / utterance.path
    path = PurePosixPath(utterance.path).with_suffix(".flac")
    if utterance.start_sample is not None:
        path = path.with_suffix("") / f"{PurePosixPath(utterance.id).name}.flac"
    target = target_root / path
    try:
        num_samples = _finished_samples(source, target)
        if num_samples is None:
            waveform_S = read_audio(
                source, start_sample=utterance.start_sample, end_sample=utterance.end_sample
            )
            num_samples = waveform_S.numel()
            _write_flac(target, waveform_S.numpy())
    except AudioError as error:
        return error
    return replace(
        utterance,
        path=path.as_posix(),
        num_samples=num_samples,
        start_sample=None,
        end_sample=None,
    )


def _finished_samples(source: Path, target: Path) -> int | None:
    """Return the length of a converted file that is newer than its source; None when it must be made."""
    if not target.is_file() or not source.is_file():
        return None
    if target.stat().st_mtime_ns < source.stat().st_mtime_ns:
        return None
    try:
        info = audio_info(target)
    except AudioError:
        return None
    return info.num_samples if (info.sample_rate_hz, info.num_channels) == (SAMPLE_RATE_HZ, 1) else None


def _write_flac(target: Path, samples_S: Any) -> None:
    """Write through a temporary file, so that a file under its own name is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        soundfile.write(temporary, samples_S, SAMPLE_RATE_HZ, subtype="PCM_16", format="FLAC")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


# --- reporting


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


def _count(rows: Sequence[Utterance]) -> Found:
    labels = Counter(row.label for row in rows if row.label is not None)
    return Found(
        utterances=len(rows),
        speakers=len({row.speaker for row in rows if row.speaker is not None}),
        seconds=round(sum(row.num_samples for row in rows) / SAMPLE_RATE_HZ, 3),
        label_counts={label: labels[label] for label in sort_labels(labels)},
        unlabelled=sum(row.label is None for row in rows),
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
    known["labels"] = list(card.labels or found.label_counts)
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
