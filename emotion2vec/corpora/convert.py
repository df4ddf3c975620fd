"""Lengths of utterances, and 16 kHz mono copies where a release needs them.

In: parsed utterances of `prepare.py`. Out: the same with lengths; FLAC or WAV files that an interrupted run keeps.
All files of a release are used where they are, or all are copied: a manifest has one root.
"""

import io
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import soundfile
from torch import Tensor

from emotion2vec.audio.io import audio_info, read_audio
from emotion2vec.audio.parallel import map_files
from emotion2vec.audio.source import AudioFile
from emotion2vec.audio.video import CONTAINER_SUFFIXES
from emotion2vec.corpora.copies import (
    Recipe,
    check_place,
    check_record,
    claim_folder,
    copy_paths,
    finished_copies,
    is_segment,
)
from emotion2vec.corpora.headers import FileHeader, estimate_lengths, read_headers
from emotion2vec.corpora.space import disk_errors_as_sentence, estimate_bytes, require_space
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, CorpusError
from emotion2vec.files import replacing
from emotion2vec.structs import SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)

# annotations made on a video may end a little after its sound
MAX_OVERRUN_SAMPLES = SAMPLE_RATE_HZ // 2
_SEGMENTS_AT_A_TIME = 32
# formats of which a segment can be read without decoding what lies before it
_FORMATS_THAT_JUMP = frozenset({".wav", ".flac", ".aiff", ".aif"})

Result = Utterance | AudioError


@dataclass(frozen=True)
class Plan:
    """What is to be done for a release.

    Attributes:
        root: Folder of the release.
        utterances: Parsed rows without lengths.
        headers: Path -> header of every file.
        recipe: How copies are made.
        copies: Path of each utterance's copy; empty when the files are used where they are.
    """

    root: Path
    utterances: tuple[Utterance, ...]
    headers: dict[str, FileHeader]
    recipe: Recipe
    copies: tuple[str, ...]

    @property
    def reasons(self) -> Counter[str]:
        """How many files are of which format other than 16 kHz mono."""
        return Counter(header.what for header in self.headers.values() if header.what is not None)

    @property
    def needs_copies(self) -> bool:
        """Whether the manifest cannot point at the release."""
        return bool(self.copies)

    def finished(self, folder: Path) -> list[bool]:
        """Tell for each utterance whether an earlier run made its copy."""
        pairs = [(row.path, copy) for row, copy in zip(self.utterances, self.copies, strict=True)]
        return finished_copies(self.root, folder, pairs)

    def bytes_to_write(self, is_done: Sequence[bool]) -> int:
        """Estimate the room that the copies which are not there take."""
        rows = [row for row, done in zip(self.utterances, is_done, strict=True) if not done]
        headers = [self.headers[path] for path in {row.path: None for row in rows}]
        lengths = estimate_lengths(self.root, headers)
        seconds = sum(length_s(row, lengths[row.path]) for row in rows)
        return estimate_bytes(seconds, len(rows), self.recipe.audio_format)


def length_s(row: Utterance, file_s: float) -> float:
    """Return the seconds of an utterance in a file of this length."""
    end_s = file_s if row.end_sample is None else row.end_sample / SAMPLE_RATE_HZ
    return max(0.0, min(end_s, file_s) - (row.start_sample or 0) / SAMPLE_RATE_HZ)


def plan_audio(
    root: Path,
    utterances: Sequence[Utterance],
    recipe: Recipe,
    *,
    num_jobs: int,
    open_containers: bool = False,
) -> Plan:
    """Look at the headers of all files and decide whether the release needs copies.

    Args:
        root: Folder of the release.
        utterances: Parsed rows without lengths.
        recipe: How copies are made, if they are.
        num_jobs: Processes.
        open_containers: Whether to open video and m4a files too, for their lengths.
    """
    paths = sorted({utterance.path for utterance in utterances})
    headers = read_headers(root, paths, num_jobs=num_jobs, open_containers=open_containers)
    needs_copies = any(header.what is not None for header in headers.values()) or any(
        map(is_segment, utterances)
    )
    copies = copy_paths(utterances, recipe.audio_format) if needs_copies else []
    return Plan(root, tuple(utterances), headers, recipe, tuple(copies))


def measure(plan: Plan, *, num_jobs: int) -> list[Result]:
    """Decode every file where it is, and note its length or why it cannot be read."""
    work = partial(_measure_one, plan.root)
    return list(map_files(work, plan.utterances, num_jobs=num_jobs, description="measure"))


def convert(plan: Plan, audio_out: Path | None, *, num_jobs: int) -> tuple[Path, list[Result]]:
    """Write a 16 kHz mono copy of every utterance, but for those that an earlier run wrote.

    Returns:
        Folder of the copies, and for each utterance its completed row or the reason why it cannot be read.

    Raises:
        CorpusError: There is no folder for the copies, it is the wrong one, or it cannot be written to.
    """
    if audio_out is None:
        raise CorpusError(_why_copies(plan))
    folder = check_place(plan.root, audio_out)
    check_record(folder, plan.recipe, plan.copies)
    is_done = plan.finished(folder)
    if not all(is_done):
        require_space(
            folder,
            plan.bytes_to_write(is_done),
            num_files=is_done.count(False),
            num_done=is_done.count(True),
        )
    claim_folder(folder, plan.recipe)
    results: dict[int, Result] = {}

    def how_far() -> str:
        """Say how many copies are there when the disk fails."""
        return f"{len(results)} of {len(plan.utterances)} copies are there"

    with disk_errors_as_sentence(folder, "--audio-out", how_far):
        for index, result in _convert_files(plan, folder, num_jobs):
            results[index] = result
    done = [results[index] for index in range(len(plan.utterances))]
    _warn_cut(plan, done)
    return folder, done


def _why_copies(plan: Plan) -> str:
    """Say why the release cannot be used where it is, and what to do."""
    causes = []
    if plan.reasons:
        text = ", ".join(f"{count} files of {what}" for what, count in plan.reasons.most_common(3))
        causes.append(
            f"{plan.reasons.total()} of {len(plan.headers)} files below {str(plan.root)!r} are not 16 kHz mono ({text})"
        )
    segments = sum(map(is_segment, plan.utterances))
    if segments:
        causes.append(
            f"{segments} utterances below {str(plan.root)!r} are segments of longer files"
        )
    return (
        f"{' and '.join(causes)}: give --audio-out DIR, a folder for 16 kHz mono copies "
        "(the release is not changed)"
    )


def _measure_one(root: Path, utterance: Utterance) -> Result:
    try:
        waveform_S = read_audio(root / utterance.path)
    except AudioError as error:
        return error
    return replace(utterance, num_samples=waveform_S.numel())


@dataclass(frozen=True)
class _Job:
    """Utterances of one file, by their place in the plan."""

    path: str
    indices: tuple[int, ...]


def _convert_files(plan: Plan, folder: Path, num_jobs: int) -> Iterator[tuple[int, Result]]:
    """Convert file by file, so that none is opened, or a video decoded, for each of its segments."""
    jobs = _jobs(plan.utterances)
    work = partial(_convert_file, plan, folder)
    for job, results in zip(
        jobs,
        map_files(work, jobs, num_jobs=num_jobs, description="convert"),
        strict=True,
    ):
        yield from zip(job.indices, results, strict=True)


def _jobs(utterances: Sequence[Utterance]) -> list[_Job]:
    """Group the utterances by file; many segments of a file that allows it are shared out."""
    by_path: dict[str, list[int]] = defaultdict(list)
    for index, utterance in enumerate(utterances):
        by_path[utterance.path].append(index)
    jobs = []
    for path, indices in by_path.items():
        can_jump = Path(path).suffix.lower() in _FORMATS_THAT_JUMP
        size = _SEGMENTS_AT_A_TIME if can_jump else len(indices)
        jobs += [_Job(path, tuple(indices[at : at + size])) for at in range(0, len(indices), size)]
    return jobs


def _convert_file(plan: Plan, folder: Path, job: _Job) -> list[Result]:
    """Write the copies of one file's utterances."""
    source = plan.root / job.path
    rows = [plan.utterances[index] for index in job.indices]
    copies = [plan.copies[index] for index in job.indices]
    is_done = finished_copies(plan.root, folder, [(job.path, copy) for copy in copies])
    results: list[Result] = []
    with ExitStack() as stack:
        file: AudioFile | AudioError | None = None
        # a video is decoded when it is opened: only when a copy must be made
        is_container = source.suffix.lower() in CONTAINER_SUFFIXES
        if not is_container:
            file = _open(source, plan.recipe, stack)
        for row, copy, done in zip(rows, copies, is_done, strict=True):
            target = folder / copy
            num_samples = _copied_samples(target, row, file) if done else None
            if num_samples is None:
                file = file or _open(source, plan.recipe, stack)
                result = _write_copy(file, row, target, plan.recipe)
            else:
                result = replace(row, num_samples=num_samples)
            if isinstance(result, Utterance):
                result = replace(result, path=copy, start_sample=None, end_sample=None)
            results.append(result)
    return results


def _open(source: Path, recipe: Recipe, stack: ExitStack) -> AudioFile | AudioError:
    try:
        return stack.enter_context(AudioFile(source, channel=recipe.channel))
    except AudioError as error:
        return error


def _write_copy(
    file: AudioFile | AudioError, row: Utterance, target: Path, recipe: Recipe
) -> Result:
    if isinstance(file, AudioError):
        return file
    try:
        waveform_S = file.read(row.start_sample, row.end_sample, max_overrun=MAX_OVERRUN_SAMPLES)
    except AudioError as error:
        return error
    write_audio(target, waveform_S, recipe.audio_format)
    return replace(row, num_samples=waveform_S.numel())


def _copied_samples(
    target: Path, row: Utterance, source: AudioFile | AudioError | None
) -> int | None:
    """Return the length of an earlier run's copy; None when it must be made.

    It must be as long as the source says: audio of another release may have the same name.
    """
    if isinstance(source, AudioError):
        return None
    try:
        info = audio_info(target)
    except AudioError:
        return None
    length = info.num_samples
    is_right = info.is_16k_mono
    start, end = row.start_sample or 0, row.end_sample
    if source is not None:
        whole = source.info.num_samples_16k
        is_right &= length == (whole if end is None else min(end, whole)) - start
    elif end is not None:
        # only decoding would tell where a video ends
        is_right &= end - start - MAX_OVERRUN_SAMPLES <= length <= end - start
    return length if is_right else None


def write_audio(target: Path, waveform_S: Tensor, audio_format: str) -> None:
    """Write 16-bit audio at 16 kHz, whole or not at all.

    It is encoded in memory, because libsndfile does not tell why a disk refuses it.

    Args:
        target: File; its folder is made.
        waveform_S: Speech, (S,), float32.
        audio_format: `flac` or `wav`.

    Raises:
        OSError: The disk is full or may not be written to.
    """
    encoded = io.BytesIO()
    soundfile.write(
        encoded,
        waveform_S.numpy(),
        SAMPLE_RATE_HZ,
        subtype="PCM_16",
        format=audio_format.upper(),
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target, durable=False) as temporary:
        temporary.write_bytes(encoded.getbuffer())


def _warn_cut(plan: Plan, done: Sequence[Result]) -> None:
    """Say which segments end after their file."""
    overruns = {}
    for row, result in zip(plan.utterances, done, strict=True):
        if isinstance(result, Utterance) and row.end_sample is not None:
            overrun = row.end_sample - (row.start_sample or 0) - result.num_samples
            if overrun > 0:
                overruns[row.id] = overrun / SAMPLE_RATE_HZ
    if overruns:
        logger.warning(
            "%d segments end up to %.2f s after their file and were cut there, e.g. %s",
            len(overruns),
            max(overruns.values()),
            ", ".join(list(overruns)[:5]),
        )
