"""How time and memory of a training step grow with clip length, clones and utterances.

In: sizes to try. Out: a table and, with --json, every measurement. Each size gets a fresh process, so that its peak
memory is its own: one warm-up step, then --rounds. Sizes are tried from small to large until --budget-s is spent; what
was left out is named. The JSON is written after each size. `python benchmarks/growth.py --quick` takes minutes.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.arguments import add_step_arguments, make_parser, settings_of  # noqa: E402
from benchmarks.machine import machine_facts  # noqa: E402
from benchmarks.measure import median  # noqa: E402
from benchmarks.output import SHARED_MACHINE, markdown_table, write_json  # noqa: E402
from benchmarks.processes import Worker  # noqa: E402

WORKER = Path(__file__).with_name("step_worker.py")
_FULL: dict[str, list[float]] = {
    "seconds": [2, 4, 8, 16, 30],
    "clones": [1, 2, 4, 8, 16],
    "utts": [1, 2, 4, 8],
}
_QUICK: dict[str, list[float]] = {"seconds": [2, 4, 8], "clones": [1, 4, 8], "utts": [1, 2]}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add_step_arguments(parser)
    add = parser.add_argument
    add("--quick", action="store_true", help="few and small sizes, 2 rounds")
    add("--grow", nargs="+", choices=_FULL, default=list(_FULL), help="what grows (default: all)")
    add("--utts", type=int, default=1, help="utterances where they do not grow (default: 1)")
    add("--seconds", type=float, default=4.0, help="length where it does not grow (default: 4)")
    add("--clones", type=int, default=8, help="clones where they do not grow (default: 8)")
    add("--kind", choices=("ours", "fairseq"), default="ours")
    add("--attention", choices=("auto", "plain", "blockwise"), default="auto")
    add("--checkpoint-layers", action="store_true")
    add("--rounds", type=int, help="measured steps of each size (default: 5, quick: 2)")
    add("--budget-s", type=float, default=1800.0, help="start no size after so many seconds")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


def points(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name what grows and the sizes of each batch, small ones first."""
    rest = {name: getattr(options, name) for name in _FULL}
    for name in options.grow:
        for value in (_QUICK if options.quick else _FULL)[name]:
            yield name, {**rest, name: value if name == "seconds" else int(value)}


def measure_point(options: argparse.Namespace, sizes: dict[str, Any]) -> dict[str, Any]:
    """Make the steps of one size in a fresh process."""
    job = {name: getattr(options, name) for name in ("precision", "device", "threads", "size")}
    job |= {**sizes, "kind": options.kind, "tokens": 10, "reference_tokens": 0}
    paths: dict[str, Any] = {}
    if options.kind == "ours":
        paths = {"attention": options.attention, "checkpoint_layers": options.checkpoint_layers}
    allocator = options.kind == "ours" and options.device == "cpu"
    with Worker(WORKER, job, threads=options.threads, allocator=allocator) as worker:
        steps = [worker.ask({"paths": paths}) for _ in range(options.rounds + 1)]
    return {
        "seconds": median([step["seconds"] for step in steps[1:]]),
        "cpu_seconds": median([step["cpu_seconds"] for step in steps[1:]]),
        "peak_gib": max(step["peak_gib"] for step in steps),
        "steps": steps,
    }


def row(name: str, sizes: dict[str, Any], result: dict[str, Any]) -> list[object]:
    """Write one size as cells: what grows, sizes, times, memory, and time for a second of cloned speech."""
    cloned = sizes["utts"] * sizes["seconds"] * sizes["clones"]
    times = [result["seconds"], result["cpu_seconds"]]
    per_second = 1000 * result["cpu_seconds"] / cloned
    sized = [sizes["utts"], float(sizes["seconds"]), sizes["clones"]]
    return [name, *sized, *times, per_second, result["peak_gib"]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    options = parse(arguments)
    facts = machine_facts(threads=options.threads, device=options.device)
    content = {
        "schema_version": 1,
        "machine": dataclasses.asdict(facts),
        "note": SHARED_MACHINE,
        "settings": settings_of(options),
    }
    started, rows, results, left_out = time.monotonic(), [], [], []
    for name, sizes in points(options):
        if time.monotonic() - started > options.budget_s:
            left_out.append(sizes)
        else:
            result = measure_point(options, sizes)
            rows.append(row(name, sizes, result))
            results.append({"grows": name, **sizes, **{f"step_{k}": v for k, v in result.items()}})
            print(f"{name} {sizes}: {result['seconds']:.2f} s", file=sys.stderr, flush=True)
        write_json(options.json, {**content, "results": results, "left_out": left_out})
    titles = ("grows", "utterances", "s each", "clones", "s a step", "processor s")
    print(markdown_table([*titles, "processor ms / cloned s", "peak GiB"], rows))
    if left_out:
        print(f"\nleft out, --budget-s {options.budget_s:.0f} was spent: {left_out}")


if __name__ == "__main__":
    main()
