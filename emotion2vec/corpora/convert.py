"""Lengths of utterances, and 16 kHz mono copies where a release needs them.

In: parsed utterances of `prepare.py`. Out: the same with lengths; FLAC files that an interrupted run keeps.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import soundfile

from emotion2vec.audio.io import audio_info, read_audio
from emotion2vec.audio.parallel import map_files
from emotion2vec.audio.video import CONTAINER_SUFFIXES
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, CorpusError
from emotion2vec.files import replacing
from emotion2vec.structs import SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)


def measure_or_convert(
    root: Path, utterances: Sequence[Utterance], audio_out: Path | None, num_jobs: int
) -> tuple[Path, list[Utterance | AudioError]]:
    """Fill in the utterances' lengths; convert all files when one of them is not 16 kHz mono.

    Args:
        root: Folder of the release.
        utterances: Parsed rows without lengths.
        audio_out: Folder for 16 kHz mono FLAC files, or None.
        num_jobs: Threads.

    Returns:
        The folder that the returned paths are relative to, and for each utterance its completed row or the
        reason why it cannot be read.

    Raises:
        CorpusError: Conversion is needed, and audio_out is missing or lies inside the root.
    """
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
    if root.is_relative_to(target):
        raise CorpusError(
            f"--audio-out {str(audio_out)!r} holds the root {str(root)!r}, whose files the copies might replace; "
            "choose a folder of its own"
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
        num_samples = _finished_samples(source, target, utterance)
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


def _finished_samples(source: Path, target: Path, utterance: Utterance) -> int | None:
    """Return the length of an earlier run's copy; None when it must be made.

    A copy counts when it is newer than its source and as long: audio of another release may have the same name.
    """
    if not target.is_file() or not source.is_file():
        return None
    if target.stat().st_mtime_ns < source.stat().st_mtime_ns:
        return None
    try:
        info = audio_info(target)
        expected = _expected_samples(source, utterance)
    except AudioError:
        return None
    is_16k_mono = (info.sample_rate_hz, info.num_channels) == (SAMPLE_RATE_HZ, 1)
    return info.num_samples if is_16k_mono and expected in (None, info.num_samples) else None


def _expected_samples(source: Path, utterance: Utterance) -> int | None:
    """Return the length at 16 kHz that the headers promise; None where only decoding would tell it."""
    end = utterance.end_sample
    if end is None:
        if source.suffix.lower() in CONTAINER_SUFFIXES:
            return None
        end = audio_info(source).num_samples_16k
    return end - (utterance.start_sample or 0)


def _write_flac(target: Path, samples_S: Any) -> None:
    """Write through a temporary file, so that a file under its own name is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target, durable=False) as temporary:
        soundfile.write(temporary, samples_S, SAMPLE_RATE_HZ, subtype="PCM_16", format="FLAC")
