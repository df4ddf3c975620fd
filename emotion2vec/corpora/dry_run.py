"""What preparing a corpus would do, from file names, label files and headers; nothing is decoded or written.

In: name, root, options. Out: `DryRun` for `prepare_corpus.py --dry-run`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emotion2vec.audio.parallel import default_jobs
from emotion2vec.corpora.card import CorpusCard
from emotion2vec.corpora.convert import Plan, length_s, plan_audio
from emotion2vec.corpora.copies import check_place, check_record, is_segment
from emotion2vec.corpora.parse import parse_release
from emotion2vec.corpora.prepare import make_recipe
from emotion2vec.corpora.space import SIZE_RATIOS, free_bytes
from emotion2vec.data.counts import Found, count_utterances
from emotion2vec.errors import AudioError
from emotion2vec.structs import SAMPLE_RATE_HZ

AS_IT_IS = "16 kHz mono"


@dataclass(frozen=True)
class CopiesToMake:
    """What conversion would write.

    Attributes:
        folder: Where; None when --audio-out is not given.
        audio_format: `flac` or `wav`.
        channel: Channel that would be taken.
        num_there: Copies that are there and newer than their source.
        num_to_write: Copies that are not.
        num_bytes: About the room that they need.
        size_ratio: Their size against 16-bit samples that this assumes.
        free_bytes: Room on that disk; None without a folder.
    """

    folder: Path | None
    audio_format: str
    channel: str | int
    num_there: int
    num_to_write: int
    num_bytes: int
    size_ratio: float
    free_bytes: int | None


@dataclass(frozen=True)
class DryRun:
    """What would be done.

    Attributes:
        name: Corpus.
        card: Facts about it.
        found: Counts of what would be written; lengths are those of the headers.
        num_segments: Utterances that are parts of longer files.
        formats: Format in words -> files.
        unreadable: Files whose header cannot be read.
        num_left_out: Files that the parser saw and would not take.
        num_other_audio: Audio files below the root that are not part of the corpus.
        copies: What conversion would write; None when the files are used where they are.
    """

    name: str
    card: CorpusCard
    found: Found
    num_segments: int
    formats: Mapping[str, int]
    unreadable: tuple[AudioError, ...]
    num_left_out: int
    num_other_audio: int
    copies: CopiesToMake | None


def dry_run(
    name: str,
    root: Path,
    *,
    audio_out: Path | None = None,
    channel: str | int | None = None,
    audio_format: str = "flac",
    num_jobs: int | None = None,
    **options: Any,
) -> DryRun:
    """Parse the release and look at the headers of its files.

    Args:
        name: Registered name.
        root: Folder of the unpacked release.
        audio_out: Folder for 16 kHz mono copies.
        channel: `mean` or a number; None is the card's.
        audio_format: Format of the copies.
        num_jobs: Processes; None takes all cores.
        **options: Options of the corpus' parser.

    Raises:
        CorpusError: As `prepare_corpus`, but for a missing audio_out and a full disk.
    """
    recipe = make_recipe(name, channel, audio_format)
    release = parse_release(name, root, options)
    jobs = num_jobs or default_jobs()
    plan = plan_audio(release.root, release.utterances, recipe, num_jobs=jobs, open_containers=True)
    headers = plan.headers.values()
    readable = [row for row in plan.utterances if plan.headers[row.path].error is None]
    lengths = [length_s(row, plan.headers[row.path].seconds or 0.0) for row in readable]
    rows = [
        replace(row, num_samples=round(seconds * SAMPLE_RATE_HZ))
        for row, seconds in zip(readable, lengths, strict=True)
    ]
    return DryRun(
        name=name,
        card=release.card,
        found=count_utterances(rows),
        num_segments=sum(map(is_segment, rows)),
        formats=Counter(header.what or AS_IT_IS for header in headers if header.error is None),
        unreadable=tuple(header.error for header in headers if header.error is not None),
        num_left_out=len(release.left_out),
        num_other_audio=len(release.other_audio),
        copies=_copies(plan, audio_out) if plan.needs_copies else None,
    )


def _copies(plan: Plan, audio_out: Path | None) -> CopiesToMake:
    folder = None
    is_done = [False] * len(plan.utterances)
    if audio_out is not None:
        folder = check_place(plan.root, audio_out)
        check_record(folder, plan.recipe, plan.copies)
        is_done = plan.finished(folder)
    return CopiesToMake(
        folder=folder,
        audio_format=plan.recipe.audio_format,
        channel=plan.recipe.channel,
        num_there=is_done.count(True),
        num_to_write=is_done.count(False),
        num_bytes=plan.bytes_to_write(is_done),
        size_ratio=SIZE_RATIOS[plan.recipe.audio_format],
        free_bytes=None if folder is None else free_bytes(folder),
    )
