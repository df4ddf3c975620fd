"""Turn speech into features: a checkpoint or baseline, a manifest or audio files, a feature store.

Writes OUT/<split>.npy (float32, all utterances one after the other), .lengths (rows of each), .emo (id and label)
and .json (ids, checkpoint, settings). A run that stopped continues where it stopped. Files that cannot be used are
named, skipped and listed in the .json; the exit status is then 1.

Several processes work on one store with --workers N or, on several GPUs or machines:
  torchrun --nproc_per_node N scripts/extract_features.py ...
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion2vec.features.baselines.catalogue import BASELINES

if TYPE_CHECKING:
    from emotion2vec.data.manifest import Manifest
    from emotion2vec.features.partial import Share
    from emotion2vec.features.pipeline import ExtractionReport
    from emotion2vec.features.settings import ExtractionSettings
    from emotion2vec.features.team import Team

HELP = "checkpoint + manifest or audio files -> feature store"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--checkpoint",
        required=True,
        metavar="CKPT",
        help="checkpoint file or folder; untrained:PATH (PATH's architecture, fresh weights); or a baseline: NAME, or "
        f"NAME:PATH with the file of its weights. NAMEs: {', '.join(BASELINES)} (docs/features.md)",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--manifest", type=Path, metavar="FILE.tsv", help="one split of a manifest folder"
    )
    source.add_argument(
        "--audio", nargs="+", metavar="FILE", help="audio files; the store's split is named 'all'"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the feature store"
    )
    _add_settings(parser)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """What the features are, and how they are computed."""
    parser.add_argument("--granularity", choices=("frame", "utterance"), default="frame",
                        help="a vector every 20 ms (of some baselines 10), or one for the utterance "
                        "(default: %(default)s)")  # fmt: skip
    parser.add_argument("--layers", default="last", metavar="last|all|last4|N,N",
                        help="the last layer; all, stacked (0 is the first layer's input); the mean of the last "
                        "four; or these numbers (default: %(default)s)")  # fmt: skip
    parser.add_argument("--utterance-from", choices=("frames", "tokens", "both"), default="frames",
                        help="with --granularity utterance: mean of the frames, mean of the utterance tokens' "
                        "outputs, or both one after the other (default: %(default)s)")  # fmt: skip
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: %(default)s"
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32",
                        help="precision of the computation; the store is float32 (default: %(default)s)")  # fmt: skip
    parser.add_argument(
        "--batch-seconds",
        type=float,
        metavar="S",
        help="padded audio in a batch, at most; no result depends on it (default: 20 on a CPU, 60 on a GPU)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes that share the work and the cores (or GPUs), each with a model of its own "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a store of other settings"
    )


@dataclass(frozen=True)
class _Job:
    """What every process of an extraction needs to know."""

    checkpoint: str
    device: str
    dtype: str
    manifest: "Manifest"
    card: dict[str, Any]
    out: Path
    settings: "ExtractionSettings"
    overwrite: bool


def run(arguments: argparse.Namespace) -> int:
    """Extract; returns the exit status.

    Raises:
        Emotion2VecError: Wrong settings, checkpoint or manifest; or files were skipped (the store is complete then).
    """
    from emotion2vec.features.team import Team, check_workers, share_of_torchrun, use_device_of

    check_workers(arguments.workers)
    share = share_of_torchrun(alone=arguments.workers > 1)
    job = _job(arguments)
    if arguments.workers > 1:
        report = _extract_with_workers(job, arguments.workers)
    else:
        if share.size > 1:
            use_device_of(share.local_rank)
        report = _extract(job, Team(share))
    if share.rank > 0:
        return 0
    kept = report.num_utterances - len(report.skipped)
    print(f"{job.out}: {kept} of {report.num_utterances} utterances, features of {report.upstream}")
    report.raise_if_skipped()
    return 0


def _job(arguments: argparse.Namespace) -> _Job:
    """Read the settings and what is to be extracted."""
    from emotion2vec.data.manifest import read_card, read_manifest
    from emotion2vec.features.pipeline import manifest_of_files
    from emotion2vec.features.settings import ExtractionSettings, LayerSelection

    settings = ExtractionSettings(
        granularity=arguments.granularity,
        layers=LayerSelection(arguments.layers),
        utterance_from=arguments.utterance_from,
        batch_seconds=arguments.batch_seconds,
    )
    # the manifest first: a wrong path is found in a moment, a large checkpoint is not
    if arguments.manifest is not None:
        manifest, card = read_manifest(arguments.manifest), read_card(arguments.manifest.parent)
    else:
        manifest, card = manifest_of_files(arguments.audio), {}
    return _Job(
        checkpoint=arguments.checkpoint,
        device=arguments.device,
        dtype=arguments.dtype,
        manifest=manifest,
        card=card,
        out=arguments.out,
        settings=settings,
        overwrite=arguments.overwrite,
    )


def _extract(job: _Job, team: "Team") -> "ExtractionReport":
    """Do the share of one process."""
    from emotion2vec.features.pipeline import extract_manifest
    from emotion2vec.features.processor import keep_freed_memory
    from emotion2vec.features.upstreams import load_upstream

    keep_freed_memory()
    upstream = load_upstream(job.checkpoint, device=job.device, dtype=job.dtype)
    return extract_manifest(
        upstream,
        job.manifest,
        job.out,
        settings=job.settings,
        card=job.card,
        overwrite=job.overwrite,
        team=team,
    )


def _extract_with_workers(job: _Job, number: int) -> "ExtractionReport":
    """Start the other processes and do the first one's share."""
    from emotion2vec.features.team import started

    with started(_work, job, size=number) as team:
        return _extract(job, team)


def _work(job: _Job, share: "Share") -> None:
    """Be one of the other processes."""
    from emotion2vec.features.team import Team

    _extract(job, Team(share))
