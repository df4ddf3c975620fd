"""The doctor: decode every file of a manifest folder and say what is wrong.

In: manifest folder. Out: `Report` of findings for `cli/check.py`, and a clean copy. An error makes the manifest unfit
for training or evaluation; a warning is something to know.
"""

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emotion2vec.audio.io import audio_info, is_silent, read_audio
from emotion2vec.audio.parallel import default_jobs, map_files
from emotion2vec.data.counts import count_utterances
from emotion2vec.data.manifest import (
    SPLITS,
    Manifest,
    read_card,
    read_manifest,
    write_manifest_folder,
)
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError, ManifestError
from emotion2vec.structs import SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)

# full scale of 16-bit audio; a longer stay there than this share of a clip is audible
_FULL_SCALE = 32766 / 32768
_CLIPPED_SHARE = 0.001
_WARNINGS = ("clipped", "duplicate audio", "speaker leakage", "counts")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: Short name: missing, unreadable, wrong rate, wrong length, silent, clipped, duplicate audio,
            speaker leakage, unknown label, counts.
        message: Sentence with the file and the numbers.
        ids: Utterances concerned.
    """

    kind: str
    message: str
    ids: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether the manifest is unfit with it; otherwise it is a warning."""
        return self.kind not in _WARNINGS


@dataclass(frozen=True)
class Report:
    """Findings of one manifest folder.

    Attributes:
        folder: The folder.
        num_utterances: Utterances looked at.
        seconds: Length of what could be decoded.
        findings: Errors first.
        lengths: Utterance id -> its real length at 16 kHz, where that could be measured.
    """

    folder: Path
    num_utterances: int
    seconds: float
    findings: tuple[Finding, ...]
    lengths: Mapping[str, int]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that make the manifest unfit."""
        return tuple(finding for finding in self.findings if finding.is_error)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings to know about."""
        return tuple(finding for finding in self.findings if not finding.is_error)


@dataclass(frozen=True)
class _Examined:
    """What decoding one utterance gave; `num_samples` and `digest` are None when it could not be decoded."""

    findings: tuple[Finding, ...]
    num_samples: int | None = None
    digest: str | None = None


def check_folder(folder: Path, *, num_jobs: int | None = None) -> Report:
    """Decode every file that the folder's splits name, and compare the splits.

    Args:
        folder: Manifest folder.
        num_jobs: Threads; None takes all cores.

    Raises:
        ManifestError: The folder holds no manifest, or one of its files is malformed.
    """
    manifests = _read_splits(folder)
    card = read_card(folder)
    places = _unique_utterances(manifests)
    examined = list(
        map_files(
            _examine,
            list(places.values()),
            num_jobs=num_jobs or default_jobs(),
            description="check",
        )
    )
    utterances = [utterance for _, utterance in places.values()]
    findings = [finding for item in examined for finding in item.findings]
    findings += _duplicates(utterances, [item.digest for item in examined])
    findings += _leakage(manifests)
    findings += _labels(utterances, card)
    findings += _counts(manifests, card)
    lengths = {
        utterance.id: item.num_samples
        for utterance, item in zip(utterances, examined, strict=True)
        if item.num_samples is not None
    }
    findings.sort(key=lambda finding: not finding.is_error)
    seconds = sum(lengths.values()) / SAMPLE_RATE_HZ
    return Report(Path(folder), len(utterances), seconds, tuple(findings), lengths)


def write_clean_copy(report: Report, out: Path) -> tuple[int, int]:
    """Write the manifest again without the utterances that cannot be used, and with the real lengths.

    The audio is not touched.

    Args:
        report: Findings of the folder to clean.
        out: Folder to write.

    Returns:
        Number of utterances kept and left out.

    Raises:
        ManifestError: `out` is the folder itself, it has no `all.tsv`, or nothing is left.
    """
    if Path(out).resolve() == report.folder.resolve():
        raise ManifestError(f"--fix must name another folder than {report.folder}")
    manifest = read_manifest(report.folder / "all.tsv")
    split = _split_of_each(report.folder)
    # a wrong length is mended, not left out
    bad = {name for error in report.errors if error.kind != "wrong length" for name in error.ids}
    kept = [
        replace(
            row,
            num_samples=report.lengths.get(row.id, row.num_samples),
            split=row.split or split.get(row.id),
        )
        for row in manifest.utterances
        if row.id not in bad
    ]
    if not kept:
        raise ManifestError(f"{report.folder}: no utterance is fit to keep")
    number = len(manifest.utterances) - len(kept)
    found = count_utterances(kept)
    card = {
        **read_card(report.folder),
        "found": asdict(found),
        "seconds": found.seconds,
        "cleaned": f"{number} of {len(manifest.utterances)} left out",
    }
    write_manifest_folder(out, root=manifest.root, utterances=kept, card=card)
    return len(kept), number


def _split_of_each(folder: Path) -> dict[str, str]:
    """Find the split of the utterances in a `train.tsv` that a user wrote, and name the lists that are not copied."""
    manifests = _read_splits(folder)
    others = sorted(
        manifest.name for manifest in manifests if manifest.name not in ("all", *SPLITS)
    )
    if others:
        logger.warning("%s: not in the clean copy: %s.tsv", folder, ".tsv, ".join(others))
    return {
        utterance.id: manifest.name
        for manifest in manifests
        if manifest.name in SPLITS
        for utterance in manifest.utterances
    }


def _read_splits(folder: Path) -> list[Manifest]:
    """Read every `.tsv` of the folder that is a split, `all` first."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ManifestError(
            f"no manifest folder {str(folder)!r}; make one with scripts/prepare_corpus.py"
        )
    names = {path.stem: path for path in sorted(folder.glob("*.tsv")) if path.stem != "utterances"}
    if not names:
        raise ManifestError(f"{folder}: holds no .tsv of a split; expected at least all.tsv")
    order = sorted(names, key=lambda name: (name != "all", name))
    return [read_manifest(names[name]) for name in order]


def _unique_utterances(manifests: Iterable[Manifest]) -> dict[str, tuple[Path, Utterance]]:
    """Collect each utterance once with its root, id -> (root, utterance)."""
    places: dict[str, tuple[Path, Utterance]] = {}
    for manifest in manifests:
        for utterance in manifest.utterances:
            places.setdefault(utterance.id, (manifest.root, utterance))
    return places


def _examine(place: tuple[Path, Utterance]) -> _Examined:
    """Decode one utterance and look at its samples."""
    root, utterance = place
    path = root / utterance.path
    finding = partial(Finding, ids=(utterance.id,))
    if not path.is_file():
        return _Examined((finding("missing", f"{path}: does not exist"),))
    try:
        info = audio_info(path)
        waveform_S = read_audio(
            path, start_sample=utterance.start_sample, end_sample=utterance.end_sample
        )
    except AudioError as error:
        return _Examined((finding("unreadable", str(error)),))
    found = []
    if (info.sample_rate_hz, info.num_channels) != (SAMPLE_RATE_HZ, 1):
        text = (
            f"{path}: has {info.sample_rate_hz} Hz and {info.num_channels} channels, but a manifest's audio is "
            f"{SAMPLE_RATE_HZ} Hz mono; prepare the corpus again with --audio-out"
        )
        found.append(finding("wrong rate", text))
    if waveform_S.numel() != utterance.num_samples:
        text = f"{path}: holds {waveform_S.numel()} samples at 16 kHz, but the manifest says {utterance.num_samples}"
        found.append(finding("wrong length", text))
    found += _listen(path, waveform_S, finding)
    digest = hashlib.blake2b(waveform_S.numpy().tobytes(), digest_size=16).hexdigest()
    return _Examined(tuple(found), waveform_S.numel(), digest)


def _listen(path: Path, waveform_S: Tensor, finding: Any) -> Iterator[Finding]:
    """Report silence and clipping."""
    if is_silent(waveform_S):
        yield finding("silent", f"{path}: is silent")
        return
    clipped = float((waveform_S.abs() >= _FULL_SCALE).to(torch.float32).mean())
    if clipped > _CLIPPED_SHARE:
        yield finding("clipped", f"{path}: {100 * clipped:.1f} % of the samples are clipped")


def _duplicates(
    utterances: Sequence[Utterance], digests: Sequence[str | None]
) -> Iterator[Finding]:
    """Report utterances with the same samples."""
    groups: dict[str, list[Utterance]] = defaultdict(list)
    for utterance, digest in zip(utterances, digests, strict=True):
        if digest is not None:
            groups[digest].append(utterance)
    for group in groups.values():
        if len(group) < 2:
            continue
        names = tuple(utterance.id for utterance in group)
        text = (
            f"the same audio {len(group)} times: {', '.join(utterance.path for utterance in group)}"
        )
        for what in ("label", "speaker", "split"):
            values = {getattr(utterance, what) for utterance in group} - {None}
            if len(values) > 1:
                text += f"; with different {what}s {sorted(values)}"
        yield Finding("duplicate audio", text, names)


def _leakage(manifests: Iterable[Manifest]) -> Iterator[Finding]:
    """Report speakers that occur in two of train, valid and test."""
    members: dict[str, dict[str, list[str]]] = {}
    for manifest in manifests:
        if manifest.name in SPLITS:
            speakers = members.setdefault(manifest.name, defaultdict(list))
            for utterance in manifest.utterances:
                if utterance.speaker is not None:
                    speakers[utterance.speaker].append(utterance.id)
    names = list(members)
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            shared = sorted(set(members[first]) & set(members[second]))
            if shared:
                text = f"{len(shared)} speakers occur in both {first} and {second}, e.g. {', '.join(shared[:5])}"
                ids = tuple(name for speaker in shared for name in members[second][speaker])
                yield Finding("speaker leakage", text, ids)


def _labels(utterances: Iterable[Utterance], card: Mapping[str, Any]) -> Iterator[Finding]:
    """Report labels that the corpus' card does not know."""
    known = card.get("labels")
    if not known:
        return
    unknown: dict[str, list[str]] = defaultdict(list)
    for utterance in utterances:
        if utterance.label is not None and utterance.label not in known:
            unknown[utterance.label].append(utterance.id)
    for label, ids in unknown.items():
        text = f"label {label!r} of {len(ids)} utterances is not in the corpus' set {sorted(known)}"
        yield Finding("unknown label", text, tuple(ids))


def _counts(manifests: Sequence[Manifest], card: Mapping[str, Any]) -> Iterator[Finding]:
    """Report how `all` differs from the counts that the paper prints."""
    expected = card.get("expected")
    if manifests[0].name != "all" or not isinstance(expected, Mapping):
        return
    utterances = manifests[0].utterances
    speakers = Counter(
        utterance.speaker for utterance in utterances if utterance.speaker is not None
    )
    found = {"utterances": len(utterances), "speakers": len(speakers)}
    for what, number in found.items():
        if expected.get(what) is not None and number != expected[what]:
            text = f"{number} {what}, but Table 1 of the paper has {expected[what]}"
            yield Finding("counts", text)
