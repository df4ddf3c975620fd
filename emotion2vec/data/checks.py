"""The doctor: decode every file of a manifest folder and say what is wrong.

In: manifest folder. Out: `Report` of findings for `cli/check.py`, and a clean copy. An error makes the manifest unfit
for training or evaluation; a warning is something to know.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from emotion2vec.audio.parallel import default_jobs, map_files
from emotion2vec.data.counts import Found, count_utterances
from emotion2vec.data.examine import examine
from emotion2vec.data.findings import Finding, Report
from emotion2vec.data.manifest import (
    SPLITS,
    Manifest,
    read_card,
    read_manifest,
    read_splits,
    write_manifest_folder,
)
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import ManifestError
from emotion2vec.structs import SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)

# Table 1 prints hours with one decimal
_ROUNDED_H = 0.05
# a copy of a release may be cut or resampled a little otherwise
_RELEASE_HOURS_SHARE = 0.01


def check_folder(folder: Path, *, num_jobs: int | None = None) -> Report:
    """Decode every file that the folder's splits name, and compare the splits.

    Args:
        folder: Manifest folder.
        num_jobs: Processes; None takes all cores.

    Raises:
        ManifestError: The folder holds no manifest, or one of its files is malformed.
    """
    manifests = read_splits(folder)
    card = read_card(folder)
    places = _unique_utterances(manifests)
    examined = list(
        map_files(
            examine,
            list(places.values()),
            num_jobs=num_jobs or default_jobs(),
            description="check",
        )
    )
    utterances = [utterance for _, utterance in places.values()]
    findings = [finding for item in examined for finding in item.findings]
    findings += _duplicates(utterances, [item.digest for item in examined])
    findings += _leakage(manifests, card)
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
    manifests = read_splits(folder)
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


def _unique_utterances(manifests: Iterable[Manifest]) -> dict[str, tuple[Path, Utterance]]:
    """Collect each utterance once with its root, id -> (root, utterance)."""
    places: dict[str, tuple[Path, Utterance]] = {}
    for manifest in manifests:
        for utterance in manifest.utterances:
            places.setdefault(utterance.id, (manifest.root, utterance))
    return places


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


def _leakage(manifests: Iterable[Manifest], card: Mapping[str, Any]) -> Iterator[Finding]:
    """Report speakers that occur in two of train, valid and test."""
    members = {
        manifest.name: _ids_by_speaker(manifest)
        for manifest in manifests
        if manifest.name in SPLITS
    }
    for first, second in combinations(members, 2):
        shared = sorted(set(members[first]) & set(members[second]))
        if shared:
            text = f"{len(shared)} speakers occur in both {first} and {second}, e.g. {', '.join(shared[:5])}"
            if card.get("splits_share_speakers"):
                text += "; so it is in the corpus' own division"
            ids = tuple(name for speaker in shared for name in members[second][speaker])
            yield Finding("speaker leakage", text, ids)


def _ids_by_speaker(manifest: Manifest) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for utterance in manifest.utterances:
        if utterance.speaker is not None:
            ids[utterance.speaker].append(utterance.id)
    return ids


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
    """Report how `all` differs from the complete release and from Table 1 of the paper."""
    if manifests[0].name != "all":
        return
    found = count_utterances(manifests[0].utterances)
    known = {
        "the complete release has": (card.get("release"), _RELEASE_HOURS_SHARE),
        "Table 1 of the paper has": (card.get("expected"), 0.0),
    }
    for what in ("utterances", "speakers", "hours"):
        others = [
            f"{who} {counts[what]}"
            for who, (counts, hours_share) in known.items()
            if isinstance(counts, Mapping) and _differs(found, what, counts.get(what), hours_share)
        ]
        if others:
            number = f"{found.seconds / 3600:.2f}" if what == "hours" else getattr(found, what)
            yield Finding("counts", f"{number} {what}, but {' and '.join(others)}")


def _differs(found: Found, what: str, expected: float | None, hours_share: float) -> bool:
    if expected is None:
        return False
    if what == "hours":
        difference_h = abs(found.seconds / 3600 - expected)
        return difference_h > _ROUNDED_H + hours_share * expected
    return bool(getattr(found, what) != expected)
