r"""Extraction of features, from files to files: ours, FunASR's AutoModel and the authors' loop, in turn.

  python benchmarks/extraction.py [--quick] [--json FILE]

Each way is a process of its own that stays alive; a round lets each extract the same clips, one way after the other,
so that whatever else the machine does meets all of them. Clips are noise of given lengths, weights are random: neither
changes the time. Ratios are those of one round; the table gives their median.
Needs `pip install 'emotion2vec[funasr]'`.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.arguments import make_parser, settings_of  # noqa: E402
from benchmarks.extraction_worker import read_features  # noqa: E402
from benchmarks.machine import machine_facts  # noqa: E402
from benchmarks.measure import measure_ceiling, median  # noqa: E402
from benchmarks.output import SHARED_MACHINE, markdown_table, write_json  # noqa: E402
from benchmarks.processes import Worker  # noqa: E402
from emotion2vec.audio.parallel import default_jobs  # noqa: E402
from emotion2vec.export.funasr import export_funasr  # noqa: E402
from emotion2vec.model.checkpoint import read_checkpoint  # noqa: E402
from emotion2vec.model.config import ModelConfig  # noqa: E402
from emotion2vec.model.factory import build_pretraining_model  # noqa: E402
from emotion2vec.seeding import derive_rng  # noqa: E402
from emotion2vec.structs import SAMPLE_RATE_HZ  # noqa: E402

WORKER = Path(__file__).with_name("extraction_worker.py")
PEERS = ("funasr", "loop")
TITLES = {"ours": "emotion2vec extract", "funasr": "FunASR AutoModel", "loop": "authors' loop"}
_QUICK_CLIPS = 24
# multiply-adds of the frontend's convolutions for each frame and squared channel: 3 taps at 1600, 800, 400, 200 Hz
# and 2 at 100 and 50 Hz, against 50 frames a second
_CONV_TAPS = 3 * (32 + 16 + 8 + 4) + 2 * (2 + 1)


@dataclass(frozen=True)
class Measured:
    """One way in one round.

    Attributes:
        seconds: Wall-clock time.
        cpu_seconds: Processor time of all threads.
        peak_gib: Largest resident memory of the process so far.
    """

    seconds: float
    cpu_seconds: float
    peak_gib: float


def make_clips(folder: Path, number: int, shortest_s: float, longest_s: float) -> list[str]:
    """Write 16-bit clips of noise at 16 kHz; the same ones for the same arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = derive_rng(0, "extraction benchmark")
    files = []
    for index, seconds in enumerate(rng.uniform(shortest_s, longest_s, number)):
        samples = 0.1 * rng.standard_normal(int(seconds * SAMPLE_RATE_HZ)).clip(-4, 4)
        path = folder / f"clip{index:04d}.wav"
        soundfile.write(path, samples.astype(np.float32), SAMPLE_RATE_HZ, subtype="PCM_16")
        files.append(str(path))
    return files


def make_model(folder: Path, config: ModelConfig) -> Path:
    """Write random weights in FunASR's form, which we read too."""
    torch.manual_seed(0)
    model = build_pretraining_model(config)
    source = folder / "random.pt"
    settings = {"_name": "emotion2vec", **asdict(config)}
    torch.save({"cfg": {"model": settings}, "model": model.state_dict()}, source)
    export_funasr(read_checkpoint(source), folder / "funasr", weights="student")
    source.unlink()
    return folder / "funasr"


def run_rounds(
    jobs: Mapping[str, Mapping[str, Any]],
    groups: Sequence[Sequence[str]],
    out: Path,
    *,
    threads: int,
) -> tuple[dict[str, list[Measured]], dict[str, list[float]]]:
    """Let each way extract each group of clips; the first group once more, before, to warm up.

    Returns:
        What each way took, a round an entry; and how far the peers' features lie from ours.
    """
    found: dict[str, list[Measured]] = {way: [] for way in jobs}
    with ExitStack() as stack:
        workers = {
            way: stack.enter_context(Worker(WORKER, job, threads=threads))
            for way, job in jobs.items()
        }
        for number, files in enumerate([groups[0][:3], *groups]):
            # the order turns round with every round: no way is always the first
            for way in list(jobs)[:: 1 if number % 2 else -1]:
                command = {"files": list(files), "out": str(out / way), "granularity": "frame"}
                answer = workers[way].ask(command)
                if number:
                    found[way].append(Measured(**answer))
        distances = {
            way: compare(
                read_features("ours", out / "ours", groups[-1]),
                read_features(way, out / way, groups[-1]),
            )
            for way in jobs
            if way != "ours"
        }
        distances |= _compare_utterances(workers, groups[-1][:4], out)
    return found, distances


def _compare_utterances(
    workers: Mapping[str, Worker], files: Sequence[str], out: Path
) -> dict[str, list[float]]:
    """Compare the utterance vectors of a few clips, too."""
    features = {}
    for way, worker in workers.items():
        folder = out / f"{way} utterance"
        worker.ask({"files": list(files), "out": str(folder), "granularity": "utterance"})
        features[way] = read_features(way, folder, files)
    return {
        f"{way}, utterance": compare(features["ours"], rows)
        for way, rows in features.items()
        if way != "ours"
    }


def compare(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> list[float]:
    """Return the largest difference and the smallest cosine similarity of two rows."""
    largest, cosine = 0.0, 1.0
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape:
            sys.exit(f"error: our features have the shape {a.shape}, theirs {b.shape}")
        largest = max(largest, float(np.abs(a - b).max()))
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosine = min(cosine, float(((a * b).sum(axis=1) / norms).min()))
    return [largest, cosine]


def operations(config: ModelConfig, seconds: float) -> float:
    """Count the operations of matrix products and convolutions for so much audio."""
    frames, dim = 50 * seconds, config.embed_dim
    transformer = config.num_layers * dim * dim * (4 + 2 * config.mlp_ratio)
    frontend = _CONV_TAPS * config.conv_dim**2 + config.conv_dim * dim
    kernel = max(3, config.conv_pos_width // config.conv_pos_depth)
    positions = config.conv_pos_depth * kernel * dim * dim / config.conv_pos_groups
    return 2 * frames * (transformer + frontend + positions)


def report(
    found: Mapping[str, Sequence[Measured]], audio_s: float, config: ModelConfig, ceiling: float
) -> tuple[str, dict[str, Any]]:
    """Build the table and the figures behind it."""
    rows, figures = [], {}
    for way, rounds in found.items():
        ratio = median([p.seconds / o.seconds for p, o in zip(rounds, found["ours"], strict=True)])
        cpu_ratio = median(
            [p.cpu_seconds / o.cpu_seconds for p, o in zip(rounds, found["ours"], strict=True)]
        )
        seconds = sum(one.seconds for one in rounds)
        cpu_seconds = sum(one.cpu_seconds for one in rounds)
        achieved = operations(config, audio_s) / cpu_seconds / 1e9
        figures[way] = {
            "rounds": [asdict(one) for one in rounds],
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "audio_s_per_s": audio_s / seconds,
            "audio_s_per_cpu_s": audio_s / cpu_seconds,
            "ratio": ratio,
            "cpu_ratio": cpu_ratio,
            "share_of_ceiling": achieved / ceiling,
            "peak_gib": max(one.peak_gib for one in rounds),
        }
        one = figures[way]
        share = f"{100 * achieved / ceiling:.0f} %"
        rows.append([TITLES[way], seconds, one["audio_s_per_s"], one["audio_s_per_cpu_s"], ratio,
                     cpu_ratio, share, one["peak_gib"]])  # fmt: skip
    titles = ["", "s in all", "audio-s a second", "audio-s a core-second", "time / ours",
              "core time / ours", "share of ceiling", "peak GiB"]  # fmt: skip
    return markdown_table(titles, rows), figures


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--clips", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--seconds-range", type=float, nargs=2, default=[1.0, 8.0], metavar="S")
    parser.add_argument(
        "--rounds", type=int, default=5, help="groups that the clips are dealt into (%(default)s)"
    )
    parser.add_argument("--repeat", type=int, default=1, help="times that each group is extracted")
    parser.add_argument("--threads", type=int, default=default_jobs())
    parser.add_argument("--batch-seconds", type=float)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="ours")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument(
        "--default-allocator", action="store_true", help="ours, without memory kept"
    )
    parser.add_argument("--small", action="store_true", help="a tiny model, to try the program")
    parser.add_argument(
        "--quick", action="store_true", help=f"{_QUICK_CLIPS} clips instead of --clips"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    given = parse_arguments(arguments)
    config = ModelConfig()
    if given.small:
        config = ModelConfig(conv_dim=16, embed_dim=32, num_heads=2, prenet_depth=1, depth=1,
                             average_top_k_layers=1)  # fmt: skip
    number = _QUICK_CLIPS if given.quick else given.clips
    with tempfile.TemporaryDirectory(prefix="extraction") as name:
        folder = Path(name)
        files = make_clips(folder / "clips", number, *given.seconds_range)
        model = make_model(folder, config)
        groups = [files[start :: given.rounds] for start in range(given.rounds)] * given.repeat
        job = {
            "model": str(model),
            "threads": given.threads,
            "dtype": given.dtype,
            "batch_seconds": given.batch_seconds,
            "keep_memory": not given.default_allocator,
        }
        facts = machine_facts(threads=given.threads, device="cpu")
        jobs = {way: {**job, "way": way} for way in ("ours", *given.peers)}
        found, distances = run_rounds(jobs, groups, folder / "out", threads=given.threads)
        audio_s = given.repeat * sum(soundfile.info(file).duration for file in files)
    dim = config.embed_dim
    shapes = [(200, dim, 4 * dim), (200, 4 * dim, dim), (200, dim, 3 * dim), (1600, 3 * 512, 512)]
    ceiling = measure_ceiling(shapes, threads=1, device="cpu", dtype=torch.float32)
    table, figures = report(found, audio_s, config, ceiling.cpu)
    print(f"{number} clips, {audio_s:.0f} s of audio, {given.threads} threads, {given.dtype}")
    print(f"{ceiling.cpu} GFLOP/s a core in matrix products; {SHARED_MACHINE}\n")
    print(table + "\n")
    for way, (largest, cosine) in distances.items():
        print(f"{way}: largest difference {largest:.1e}, smallest cosine similarity {cosine:.7f}")
    write_json(
        given.json,
        {
            "benchmark": "extraction",
            "machine": asdict(facts),
            "note": SHARED_MACHINE,
            "settings": settings_of(given),
            "clips": number,
            "audio_s": audio_s,
            "ceiling": asdict(ceiling),
            "ways": figures,
            "differences": distances,
        },
    )


if __name__ == "__main__":
    main()
