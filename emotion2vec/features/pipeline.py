"""Manifest -> feature store: read, encode in batches of similar length, write.

In: `Manifest` and an `Upstream`. Out: a complete feature store and the list of files that could not be used. A run
that was stopped goes on after its last whole batch. Several processes share the batches of one plan.
Contract: design sections 4 and 7.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from emotion2vec.audio.io import audio_info
from emotion2vec.audio.parallel import default_jobs
from emotion2vec.audio.source import AudioFile
from emotion2vec.data.manifest import Manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, FeatureStoreError
from emotion2vec.features.encode import (
    check_long_enough,
    check_not_silent,
    check_settings,
    encode_batch,
    encode_long,
    utterance_source,
)
from emotion2vec.features.long_audio import StoredAudio, examine
from emotion2vec.features.settings import ExtractionSettings
from emotion2vec.features.store import StoreSettings
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter, Skipped
from emotion2vec.features.team import Team
from emotion2vec.features.upstreams import Upstream
from emotion2vec.progress import progress

logger = logging.getLogger(__name__)

Speech = Tensor | StoredAudio


@dataclass(frozen=True)
class ExtractionReport:
    """What an extraction did.

    Attributes:
        directory: The store.
        num_utterances: Utterances asked for.
        skipped: (path, reason) of those left out.
        upstream: Name of the model.
    """

    directory: Path
    num_utterances: int
    skipped: tuple[tuple[str, str], ...]
    upstream: str

    def raise_if_skipped(self) -> None:
        """Turn left-out utterances into an error, so that the exit status tells of them.

        Raises:
            FeatureStoreError: Some were left out; the store itself is complete.
        """
        if self.skipped:
            path, reason = self.skipped[0]
            raise FeatureStoreError(
                f"{len(self.skipped)} of {self.num_utterances} utterances were skipped, e.g. {path}: {reason} "
                f"(the rest is in {self.directory}; all are listed above and in the store's .json)"
            )


def extract_manifest(
    upstream: Upstream,
    manifest: Manifest,
    directory: Path,
    *,
    settings: ExtractionSettings,
    card: dict[str, Any] | None = None,
    overwrite: bool = False,
    team: Team | None = None,
) -> ExtractionReport:
    """Extract the features of a manifest into a store.

    Args:
        upstream: The model.
        manifest: What to read.
        directory: Where the store goes.
        settings: What to make of it.
        card: The corpus' `corpus.json`.
        overwrite: Replace what is there.
        team: The processes that do this together, by default this one alone; process 0 finishes the store.

    Returns:
        What was done, of process 0 by all; of another one by itself.

    Raises:
        ConfigError: The model cannot give what is asked.
        FeatureStoreError: Another store is in the way, another process is writing it, or no file could be used.
        WorkerError: A process of the team has ended before its share was done.
    """
    team = team or Team()
    check_settings(upstream, settings)
    batches = _batches_of(upstream, manifest, settings, team)
    if team.share.rank > 0 and not batches:
        return ExtractionReport(Path(directory), len(manifest.utterances), (), upstream.name)
    writer = FeatureStoreWriter(
        directory,
        manifest=manifest,
        settings=_store_settings(upstream, settings),
        card=card,
        overwrite=overwrite,
        share=team.share,
    )
    try:
        _extract(upstream, manifest, writer, settings, team=team, batches=batches)
    finally:
        writer.close()
    skipped = tuple((manifest.utterances[i].path, why) for i, why in sorted(writer.skipped.items()))
    return ExtractionReport(Path(directory), len(manifest.utterances), skipped, upstream.name)


def _extract(
    upstream: Upstream,
    manifest: Manifest,
    writer: FeatureStoreWriter,
    settings: ExtractionSettings,
    *,
    team: Team,
    batches: Sequence[Sequence[int]],
) -> None:
    """Do this process' share; process 0 then finishes the store."""
    if writer.is_complete:
        logger.info("%s: already complete, nothing to do", writer.paths.json)
    if team.share.rank == 0:
        for index, reason in sorted(writer.skipped.items()):
            _warn(manifest.utterances[index], reason)
    remaining = [[index for index in batch if not writer.is_done(index)] for batch in batches]
    pending = [batch for batch in remaining if batch]
    for batch in _load(upstream, manifest, pending, settings):
        _extract_batch(upstream, manifest, writer, settings, batch)
        team.check()
    if team.share.rank > 0:
        writer.leave()
        return
    if team.share.size > 1 and not writer.is_complete:
        team.gather(writer)
    writer.finish()


def manifest_of_files(paths: Sequence[Path | str], *, name: str = "all") -> Manifest:
    """Make a manifest of audio files given one by one.

    Args:
        paths: Files; ids are the paths as given. A file whose header cannot be read keeps its place and is
            reported when it is read.
        name: Split name of the store.

    Raises:
        FeatureStoreError: A file is given twice.
    """
    names = [Path(path).as_posix() for path in paths]
    repeated = sorted(path for path, number in Counter(names).items() if number > 1)
    if repeated:
        raise FeatureStoreError(
            f"{len(repeated)} files are given more than once, e.g. {repeated[:3]}"
        )
    return Manifest(
        name, Path(), tuple(Utterance(path, path, _header_samples(path)) for path in names)
    )


def _header_samples(path: str) -> int:
    try:
        return audio_info(path).num_samples_16k
    except AudioError:
        return 0  # reading it again will say why


def _store_settings(upstream: Upstream, settings: ExtractionSettings) -> StoreSettings:
    return StoreSettings(
        name=upstream.name,
        checkpoint=upstream.identity,
        layers=settings.layers.name,
        granularity=settings.granularity,
        utterance_from=utterance_source(upstream, settings),
        dtype=upstream.dtype,
        frame_rate_hz=upstream.grid.rate_hz,
    )


def _batches_of(
    upstream: Upstream, manifest: Manifest, settings: ExtractionSettings, team: Team
) -> list[list[int]]:
    """Plan the batches and return this process' own.

    Planned over the whole manifest: a resumed run, and several processes, form the batches that one run forms.
    """
    lengths = [utterance.num_samples for utterance in manifest.utterances]
    plan = settings.plan(lengths, upstream.device.type)
    return [batch for number, batch in enumerate(plan) if team.share.holds(number)]


def _load(
    upstream: Upstream,
    manifest: Manifest,
    pending: Sequence[Sequence[int]],
    settings: ExtractionSettings,
) -> Iterator[list[tuple[int, Speech | AudioError]]]:
    """Read the batches of which something is left to do, with a progress bar."""
    return progress(
        _read_ahead(upstream, manifest, pending, settings),
        description="extract",
        total=len(pending),
        unit="batch",
    )


def _extract_batch(
    upstream: Upstream,
    manifest: Manifest,
    writer: FeatureStoreWriter,
    settings: ExtractionSettings,
    batch: Sequence[tuple[int, Speech | AudioError]],
) -> None:
    """Put one batch on disk."""
    skipped = [
        Skipped(index, speech.reason) for index, speech in batch if isinstance(speech, AudioError)
    ]
    for entry in skipped:
        _warn(manifest.utterances[entry.index], entry.reason)
    usable = [(index, speech) for index, speech in batch if not isinstance(speech, AudioError)]
    writer.append([*_compute(upstream, usable, settings), *skipped])


def _compute(
    upstream: Upstream, batch: Sequence[tuple[int, Speech]], settings: ExtractionSettings
) -> Iterator[Computed]:
    """Encode one batch; audio that is long, whatever the manifest says, goes through windows."""
    short = [(index, speech) for index, speech in batch if isinstance(speech, Tensor)]
    if short:
        arrays = encode_batch(upstream, [speech for _, speech in short], settings)
        for (index, _), array in zip(short, arrays, strict=True):
            yield Computed(index, [array])
    for index, speech in batch:
        if not isinstance(speech, Tensor):
            yield Computed(index, encode_long(upstream, speech, settings))


def _read_ahead(
    upstream: Upstream,
    manifest: Manifest,
    batches: Sequence[Sequence[int]],
    settings: ExtractionSettings,
) -> Iterator[list[tuple[int, Speech | AudioError]]]:
    """Yield the speech of each batch; the next one is read while this one is encoded."""
    with ThreadPoolExecutor(max_workers=min(4, default_jobs())) as pool:
        waiting: list[tuple[Sequence[int], list[Future[Speech | AudioError]]]] = []
        for batch in [*batches, None]:
            if batch is not None:
                reads = [pool.submit(_read, upstream, manifest, i, settings) for i in batch]
                waiting.append((batch, reads))
            if len(waiting) > 1 or (batch is None and waiting):
                indices, futures = waiting.pop(0)
                yield [
                    (index, future.result()) for index, future in zip(indices, futures, strict=True)
                ]


def _read(
    upstream: Upstream, manifest: Manifest, index: int, settings: ExtractionSettings
) -> Speech | AudioError:
    """Read one utterance, or return what is wrong with it; a long one stays on the disk."""
    utterance = manifest.utterances[index]
    path = manifest.root / utterance.path
    try:
        with AudioFile(path) as file:
            start, end = utterance.start_sample or 0, utterance.end_sample
            end = file.info.num_samples_16k if end is None else end
            if settings.window.is_long(end - start):
                return examine(file, start, end)
            speech = file.read(start, end)
        check_long_enough(upstream, speech, str(path))
        return check_not_silent(speech, str(path))
    except AudioError as error:
        return error


def _warn(utterance: Utterance, reason: str) -> None:
    logger.warning("skipped %s: %s", utterance.path, reason)
