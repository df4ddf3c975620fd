"""Time and memory of the probe: all folds and seeds of IEMOCAP, and against the authors' loop.

  python benchmarks/probe.py --work DIR [--epochs 3] [--precision float32 bfloat16] [--update-readme]

Two measurements, on features drawn at random (values do not change the time):

1. whole: a store of IEMOCAP's size (5531 utterances, 1.26 million frames of 768, 3.9 GB; 7.8 GB while it is written)
   is trained for every fold and seed in fresh processes, once with 1 epoch and once with --epochs; their difference is
   the time of an epoch, from which 100 epochs are extrapolated unless --epochs is 100. Memory is the largest resident
   memory of these processes.
2. tenth: every tenth utterance of it, ours and the authors' loop (`tests/oracles/authors_probe.py`: one fold at a
   time, padded batches) in turn, each time in a fresh process that warms up first. Times are of an epoch of one fold
   with one seed: training and validation. Medians over --repeats, and of the ratio of neighbours.

Run it on a machine that does nothing else: the load before it began is written down.
"""

import argparse
import dataclasses
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.arguments import make_parser  # noqa: E402
from benchmarks.machine import MachineFacts, machine_facts  # noqa: E402
from benchmarks.output import markdown_table, write_json  # noqa: E402
from benchmarks.probe_store import MEAN_FRAMES, write_iemocap  # noqa: E402
from benchmarks.processes import run_measured  # noqa: E402

WORKER = Path(__file__).with_name("probe_worker.py")
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- probe: begin -->", "<!-- probe: end -->"
_NUM_FOLDS = 5
_TENTH = 10
_ALL_EPOCHS = 100
_READ_BYTES = 2**26


@dataclasses.dataclass(frozen=True)
class Whole:
    """All folds and seeds of the whole store.

    Attributes:
        precision: Of the products with the frames.
        num_runs: Folds times seeds.
        epochs: Epochs of the longer of the two processes.
        first_seconds: Reading, one epoch, testing and writing.
        epoch_seconds: One more epoch of all runs.
        hundred_seconds: All of 100 epochs; extrapolated unless `epochs` is 100.
        hundred_cpu_seconds: The same in processor time of all cores, which other jobs beside it change little.
        peak_gib: Largest resident memory, pages of the mapped store included.
        peak_anonymous_gib: The same without pages of files.
        gpu_gib: Largest memory that torch had on the GPU.
    """

    precision: str
    num_runs: int
    epochs: int
    first_seconds: float
    epoch_seconds: float
    hundred_seconds: float
    hundred_cpu_seconds: float
    peak_gib: float
    peak_anonymous_gib: float
    gpu_gib: float


@dataclasses.dataclass(frozen=True)
class Tenth:
    """One program on a tenth of the store.

    Attributes:
        program: `ours` or `authors`.
        precision: Of the products with the frames.
        num_runs: Runs that it trains: folds times seeds.
        run_epoch_seconds: An epoch of one of them, in each repeat.
        ratios: Of each repeat, the authors' time by this program's; empty where a difference was too short to tell.
        peak_gib: Largest resident memory of all repeats.
    """

    program: str
    precision: str
    num_runs: int
    run_epoch_seconds: tuple[float, ...]
    ratios: tuple[float, ...]
    peak_gib: float


def measure_whole(
    store: Path, options: argparse.Namespace, precision: str, *, overrides: Sequence[str]
) -> Whole:
    """Train all folds and seeds with 1 epoch and with several."""
    own = [*overrides, f"precision={precision}", f"seeds={options.seeds}".replace(" ", "")]
    job = {"kind": "ours", "store": str(store), "overrides": own}
    _read_once(store / "all.npy")
    costs = [
        run_measured(WORKER, {**job, "epochs": [epochs]}, threads=options.threads)
        for epochs in (1, options.epochs)
    ]
    first, last = (cost.output["seconds"][0] for cost in costs)
    epoch = (last - first) / (options.epochs - 1)
    first_cpu, last_cpu = (cost.cpu_seconds for cost in costs)
    epoch_cpu = (last_cpu - first_cpu) / (options.epochs - 1)
    return Whole(
        precision=precision,
        num_runs=_NUM_FOLDS * len(options.seeds),
        epochs=options.epochs,
        first_seconds=first,
        epoch_seconds=epoch,
        hundred_seconds=last + (_ALL_EPOCHS - options.epochs) * epoch,
        hundred_cpu_seconds=last_cpu + (_ALL_EPOCHS - options.epochs) * epoch_cpu,
        peak_gib=max(cost.peak_gib for cost in costs),
        peak_anonymous_gib=max(cost.peak_anonymous_gib for cost in costs),
        gpu_gib=max(cost.output["gpu_gib"] for cost in costs),
    )


def measure_tenth(
    store: Path, options: argparse.Namespace, *, overrides: Sequence[str]
) -> list[Tenth]:
    """Run each program in turn, again and again."""
    seeds = f"seeds={options.seeds}".replace(" ", "")
    epochs = [1, 1, 1 + options.tenth_epochs]  # the first one warms up
    base = {"store": str(store), "epochs": epochs}
    jobs: dict[tuple[str, str], dict[str, Any]] = {
        ("ours", precision): {
            **base,
            "kind": "ours",
            "overrides": [*overrides, "fold_file=null", f"precision={precision}", seeds],
        }
        for precision in options.precision
    }
    jobs["authors", "float32"] = {**base, "kind": "authors"}
    seconds: dict[tuple[str, str], list[float]] = {name: [] for name in jobs}
    peaks = dict.fromkeys(jobs, 0.0)
    for repeat in range(options.repeats):
        for name, job in jobs.items():
            cost = run_measured(WORKER, job, threads=options.threads)
            short, long = cost.output["seconds"][1:]
            runs = _num_runs(name[0], options)
            seconds[name].append((long - short) / options.tenth_epochs / runs)
            peaks[name] = max(peaks[name], cost.peak_gib)
            print(
                f"tenth {repeat + 1}/{options.repeats} {' '.join(name)}: {seconds[name][-1]:.4f} s"
            )
    return [
        Tenth(
            program=name[0],
            precision=name[1],
            num_runs=_num_runs(name[0], options),
            run_epoch_seconds=tuple(seconds[name]),
            ratios=_ratios(seconds["authors", "float32"], seconds[name]),
            peak_gib=peaks[name],
        )
        for name in jobs
    ]


def _num_runs(program: str, options: argparse.Namespace) -> int:
    """The authors' loop trains one run after the other, so one seed tells all."""
    return _NUM_FOLDS * (len(options.seeds) if program == "ours" else 1)


def _ratios(authors: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    pairs = list(zip(authors, others, strict=True))
    return tuple(a / b for a, b in pairs) if min(min(pair) for pair in pairs) > 0 else ()


def _read_once(path: Path) -> None:
    """Bring a file into the system's memory, so that the first process does not wait for the disk alone."""
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(_READ_BYTES)
        while file.readinto(buffer):
            pass


def table(
    machine: MachineFacts, frames: int, whole: Sequence[Whole], tenth: Sequence[Tenth]
) -> str:
    """Return the figures as Markdown."""
    where = (
        f"{machine.cpu}, {machine.cores} cores, {machine.threads} threads, {machine.memory_gib} GiB"
    )
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    lines = [
        f"{where}{f', {machine.gpu}' if machine.gpu else ''}; load {machine.load_at_start} before; {versions}.",
        f"Whole store: {frames} frames.",
    ]
    if whole:
        titles = ["whole store, all folds and seeds", "an epoch", "100 epochs", "processor time",
                  "peak memory", "of it not pages of files"]  # fmt: skip
        lines += ["", markdown_table(titles, [_whole_cells(row) for row in whole])]
    if tenth:
        titles = ["a tenth", "an epoch of one fold and seed, median (range)",
                  "authors' time by this", "peak memory"]  # fmt: skip
        lines += ["", markdown_table(titles, [_tenth_cells(row) for row in tenth])]
    return "\n".join(lines)


def _whole_cells(row: Whole) -> list[str]:
    how = "measured" if row.epochs == _ALL_EPOCHS else f"extrapolated from {row.epochs}"
    gpu = f", GPU {row.gpu_gib:.1f} GiB" if row.gpu_gib else ""
    return [
        f"ours, {row.precision}, {row.num_runs} runs",
        f"{row.epoch_seconds:.2f} s",
        f"{row.hundred_seconds / 60:.1f} min ({how})",
        f"{row.hundred_cpu_seconds / 60:.0f} min",
        f"{row.peak_gib:.2f} GiB{gpu}",
        f"{row.peak_anonymous_gib:.2f} GiB",
    ]


def _tenth_cells(row: Tenth) -> list[str]:
    times = row.run_epoch_seconds
    spread = f"{min(times):.4f} to {max(times):.4f}, {len(times)} repeats"
    return [
        f"{row.program}, {row.precision}, {row.num_runs} runs",
        f"{statistics.median(times):.4f} s ({spread})",
        f"{statistics.median(row.ratios):.2f}" if row.ratios else "too short to tell",
        f"{row.peak_gib:.2f} GiB",
    ]


def update_readme(text: str, readme: Path = README) -> None:
    """Put the figures between the markers of a page."""
    page = readme.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; returns the exit status."""
    options = _parse(arguments)
    machine = machine_facts(threads=options.threads, device=options.device)
    if machine.load_at_start > machine.cores / 2:
        print(
            f"warning: the machine is busy (load {machine.load_at_start}); the times will be too long"
        )
    keep_every = round(1 / options.scale)
    sizes = {"dim": options.dim, "mean_frames": options.mean_frames}
    store, small = options.work / "iemocap", options.work / "iemocap_tenth"
    print(f"writing {store} and {small}")
    frames = write_iemocap(store, keep_every=keep_every, **sizes)
    write_iemocap(small, keep_every=_TENTH * keep_every, **sizes)
    overrides = [f"device={options.device}"]
    whole: list[Whole] = []
    for precision in options.precision if "whole" in options.parts else []:
        folds = [] if keep_every == 1 else ["fold_file=null"]
        whole.append(measure_whole(store, options, precision, overrides=[*overrides, *folds]))
        print(" | ".join(_whole_cells(whole[-1])))
    tenth = measure_tenth(small, options, overrides=overrides) if "tenth" in options.parts else []
    text = table(machine, frames, whole, tenth)
    result = {
        "schema_version": 1,
        "machine": dataclasses.asdict(machine),
        "settings": {
            key: value for key, value in vars(options).items() if not isinstance(value, Path)
        },
        "num_frames": frames,
        "whole": [dataclasses.asdict(row) for row in whole],
        "tenth": [dataclasses.asdict(row) for row in tenth],
    }
    out = options.json or options.work / "probe.json"
    write_json(out, result)
    if options.update_readme:
        update_readme(text)
    print(f"{text}\nresult: {out}")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser(__doc__, json_help="default: WORK/probe.json")
    _add_arguments(parser.add_argument, cores=len(os.sched_getaffinity(0)))
    options = parser.parse_args(arguments)
    if (
        options.epochs < 2
        or not 0 < options.scale <= 1
        or min(options.repeats, options.tenth_epochs) < 1
    ):
        parser.error(
            "--epochs must be at least 2, --scale in (0, 1], --repeats and --tenth-epochs at least 1"
        )
    return options


def _add_arguments(add: Callable[..., object], *, cores: int) -> None:
    parts = ["whole", "tenth"]
    precisions = ["float32", "bfloat16"]
    # fmt: off
    add("--work", type=Path, required=True, metavar="DIR", help="where the stores go; kept and used again")
    add("--epochs", type=int, default=3,
        help="of the longer process, whole store (default: 3; 100 extrapolates nothing)")
    add("--seeds", type=int, nargs="+", default=[1, 2, 3], help="seeds of ours (default: 1 2 3)")
    add("--precision", nargs="+", default=["float32"], choices=precisions, help="of ours (default: float32)")
    add("--device", default="cpu", choices=["cpu", "cuda"], help="of ours (default: cpu)")
    add("--threads", type=int, default=cores, help="of torch in each process (default: one a core)")
    add("--parts", nargs="+", default=parts, choices=parts, help="default: both")
    add("--repeats", type=int, default=5, help="times that each program runs on the tenth (default: 5)")
    add("--tenth-epochs", type=int, default=2, help="timed epochs of each of them (default: 2)")
    add("--scale", type=float, default=1.0, help="share of the utterances, to try it out (default: 1)")
    add("--dim", type=int, default=768, help="width of a frame (default: 768)")
    add("--mean-frames", type=float, default=MEAN_FRAMES, help="of an utterance (default: %(default).1f)")
    add("--update-readme", action="store_true", help="put the figures into benchmarks/README.md")
    # fmt: on


if __name__ == "__main__":
    sys.exit(main())
