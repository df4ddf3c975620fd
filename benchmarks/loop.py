"""The training loop with its data: audio-seconds per second, and the share of time that it waits for data.

In: a config, numbers of data-loading workers. Out: a table and, with --json, the figures of every update. Each run is
`scripts/pretrain.sh CONFIG` in a fresh process on synthetic speech; runs with different workers take turns. The times
are those that a run logs itself: `time_data` is all between two updates, so waiting for data is at most that. The first
updates of a run, in which workers and memory start up, are left out of the share and shown beside it.
Run it from anywhere: `python benchmarks/loop.py --help`.
"""

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from benchmarks.arguments import make_parser  # noqa: E402
from benchmarks.machine import machine_facts  # noqa: E402
from benchmarks.measure import measure_ceiling, median  # noqa: E402
from benchmarks.output import SHARED_MACHINE, markdown_table, write_json  # noqa: E402
from benchmarks.speech_files import FORMATS, write_files  # noqa: E402
from emotion2vec.data.shards import write_shards  # noqa: E402
from tests.helpers.training import logged  # noqa: E402

PARTS = ("data", "forward", "backward", "optimizer")
TARGET_SHARE = 0.02
_WARM_UP = 2


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--work", type=Path, required=True, help="folder for speech and runs; speech is kept")
    add("--config", default="small_cpu", help="a file of config/pretraining (default: small_cpu)")
    add("--files", type=int, default=200, help="files of 2 to 12 s (default: 200)")
    add("--form", choices=(*FORMATS, "shards"), default="flac", help="shards hold FLAC")
    add("--workers", type=int, nargs="+", default=[0, 1, 2])
    add("--updates", type=int, default=12, help="updates of a run (default: 12)")
    add("--rounds", type=int, default=5, help="runs with each number of workers (default: 5)")
    add("--batch-samples", type=int, help="samples of a batch (default: the config's)")
    add("--precision", choices=("fp32", "bf16"), default="fp32")
    add("--threads", type=int, default=2, help="threads of torch (default: 2)")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--quick", action="store_true", help="debug_cpu, few files and updates: for tests")
    parsed = parser.parse_args(arguments)
    if parsed.quick:
        parsed.config, parsed.files, parsed.updates = "debug_cpu", 12, _WARM_UP + 2
        parsed.batch_samples, parsed.rounds, parsed.threads = 64000, 1, 1
    return parsed


def run(options: argparse.Namespace, data: Path, workers: int) -> dict[str, Any]:
    """Train in a fresh process and read what it logged."""
    save_dir = options.work / "run"
    shutil.rmtree(save_dir, ignore_errors=True)
    overrides = [
        f"task.data={data}", f"checkpoint.save_dir={save_dir}", "checkpoint.no_save=true",
        "common.log_interval=1", "common.tensorboard_logdir=null",
        f"dataset.num_workers={workers}", f"optimization.max_update={options.updates}",
        "optimization.max_epoch=0", "optimization.update_freq=[1]",
        "distributed_training.distributed_world_size=1",
        f"++model.bf16_autocast={str(options.precision == 'bf16').lower()}",
    ]  # fmt: skip
    if options.device == "cpu":
        overrides += ["common.cpu=true"]
    if options.batch_samples is not None:
        overrides += [f"dataset.max_tokens={options.batch_samples}"]
    started = time.perf_counter()
    done = subprocess.run(
        ["bash", str(ROOT / "scripts" / "pretrain.sh"), options.config, *overrides],
        env={**os.environ, "OMP_NUM_THREADS": str(options.threads), "NPROC": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"error: the run ended with status {done.returncode}: {done.stdout[-2000:]}")
    figures = logged(save_dir)
    updates = [_update(row) for _, row in sorted(figures.items())]
    return {"workers": workers, "seconds": time.perf_counter() - started, "updates": updates}


def _update(row: dict[str, float]) -> dict[str, float]:
    # a run has nothing before its first update to time
    times = {part: row.get(f"time_{part}", 0.0) for part in PARTS}
    return {**times, "peak_gib": row["memory_gb"], "audio_s_per_s": row["audio_s_per_s"]}


def summarise(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Medians over the runs with one number of workers."""
    rows = []
    for one in runs:
        totals = [sum(update[part] for part in PARTS) for update in one["updates"]]
        waits = [update["data"] for update in one["updates"]]
        rows.append(
            {
                "share_of_data": sum(waits[_WARM_UP:]) / sum(totals[_WARM_UP:]),
                "longest_wait_s": max(waits[_WARM_UP:]),
                "first_waits_s": sum(waits[:_WARM_UP]),
                "update_s": median(totals[_WARM_UP:]),
                "audio_s_per_s": one["updates"][-1]["audio_s_per_s"],
                "peak_gib": max(update["peak_gib"] for update in one["updates"]),
            }
        )
    return {name: median([row[name] for row in rows]) for name in rows[0]}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Write the speech, run everything in turn."""
    options.work.mkdir(parents=True, exist_ok=True)
    options.work = options.work.resolve()
    manifests = write_files(
        options.work / "clips", num_files=options.files, shortest_s=2.0, longest_s=12.0
    )
    data = manifests["flac" if options.form == "shards" else options.form]
    if options.form == "shards":
        shutil.rmtree(options.work / "shards", ignore_errors=True)
        write_shards(data, options.work / "shards", shard_bytes=10**9)
        data = options.work / "shards"
    runs = []
    for number in range(options.rounds):
        for workers in options.workers:
            runs.append(run(options, data, workers))
            done = summarise(runs[-1:])
            share = f"{100 * done['share_of_data']:.2f} % waiting"
            print(f"round {number} workers {workers}: {share}", file=sys.stderr, flush=True)
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    shapes = [(2048, 768, 3072), (2048, 3072, 768)]
    ceiling = measure_ceiling(shapes, threads=options.threads, device=options.device, dtype=dtype)
    by_workers = {w: [one for one in runs if one["workers"] == w] for w in options.workers}
    return {
        "machine": dataclasses.asdict(
            machine_facts(threads=options.threads, device=options.device)
        ),
        "note": SHARED_MACHINE,
        "settings": {k: str(v) for k, v in vars(options).items() if k not in ("work", "json")},
        "ceiling_gflop_per_s": ceiling.wall,
        "runs": runs,
        "summary": {str(w): summarise(some) for w, some in by_workers.items()},
    }


def table(result: dict[str, Any]) -> str:
    """Write the summary as Markdown."""
    titles = [
        "workers", "audio-s/s", "s an update", "share between updates", "longest wait, s",
        "start, s", "peak GiB", f"below {TARGET_SHARE:.0%}",
    ]  # fmt: skip
    rows = []
    for workers, row in result["summary"].items():
        share = row["share_of_data"]
        figures = [row[k] for k in ("longest_wait_s", "first_waits_s", "peak_gib")]
        verdict = "yes" if share < TARGET_SHARE else "no"
        start = [workers, row["audio_s_per_s"], row["update_s"], f"{100 * share:.2f} %"]
        rows.append([*start, *figures, verdict])
    return markdown_table(titles, rows)


def main() -> None:
    """Measure, print, write."""
    options = parse()
    result = measure(options)
    write_json(options.json, result)
    print(table(result))


if __name__ == "__main__":
    main()
