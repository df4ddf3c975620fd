"""Time and memory of a training step: fairseq's data2vec 2.0 as it is shipped against ours, path by path.

In: sizes of the batch. Out: a table and, with --json, every measurement. Both models see the same speech and masks and
have the same sizes; ours has utterance tokens and the utterance loss on top. Each variant makes a step in turn, round
after round; the first round is warm-up. Run it from anywhere: `python benchmarks/step.py --help`.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from benchmarks.arguments import add_step_arguments, make_parser, settings_of  # noqa: E402
from benchmarks.machine import machine_facts  # noqa: E402
from benchmarks.measure import Ceiling, measure_ceiling, median  # noqa: E402
from benchmarks.output import SHARED_MACHINE, markdown_table, write_json  # noqa: E402
from benchmarks.processes import Worker  # noqa: E402

WORKER = Path(__file__).with_name("step_worker.py")
REFERENCE = "fairseq"
_FAST, _PLAIN = "channels_last", "plain"


@dataclass(frozen=True)
class Variant:
    """One way to make the step.

    Attributes:
        kind: `fairseq`, `ours`, or `compiled`: ours with model.compile_layers.
        allocator: Whether glibc keeps what is freed, as scripts/pretrain.sh asks of it.
        paths: Fast paths, see `step_worker.OurStep.choose`.
    """

    kind: str
    allocator: bool
    paths: dict[str, Any] = field(default_factory=dict)


def _ours(
    frontend: str, positions: str, *, allocator: bool = True, kind: str = "ours", **more: Any
) -> Variant:
    return Variant(kind, allocator, {"frontend": frontend, "positions": positions, **more})


VARIANTS = {
    REFERENCE: Variant("fairseq", allocator=False),
    "fairseq-allocator": Variant("fairseq", allocator=True),
    "plain": _ours(_PLAIN, _PLAIN, allocator=False),
    "plain-allocator": _ours(_PLAIN, _PLAIN),
    "frontend": _ours(_FAST, _PLAIN),
    "positions": _ours(_PLAIN, _FAST),
    "all": _ours(_FAST, _FAST),
    "all-no-allocator": _ours(_FAST, _FAST, allocator=False),
    "blockwise": _ours(_FAST, _FAST, attention="blockwise"),
    "checkpointed": _ours(_FAST, _FAST, checkpoint_layers=True),
    "compiled": _ours(_FAST, _FAST, kind="compiled"),
}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add_step_arguments(parser)
    add = parser.add_argument
    add("--utts", type=int, default=4, help="utterances in the batch (default: 4)")
    add("--seconds", type=float, default=4.0, help="their length (default: 4)")
    add("--clones", type=int, default=8, help="masked versions of each (default: 8)")
    add("--tokens", type=int, default=10, help="utterance tokens of ours (default: 10)")
    add("--reference-tokens", type=int, default=0, help="the same of fairseq's (default: 0)")
    add("--rounds", type=int, default=5, help="measured steps of each variant (default: 5)")
    add("--variants", nargs="+", choices=VARIANTS, default=[REFERENCE, "plain", "all"])
    return parser.parse_args(arguments)


def model_shapes(options: argparse.Namespace) -> list[tuple[int, int, int]]:
    """Matrix products of the student's layers: (rows, inner, columns)."""
    rows = options.utts * options.clones * (int(options.seconds * 25) + options.tokens)
    width = 48 if options.size == "small" else 768
    return [(rows, width, 3 * width), (rows, width, 4 * width), (rows, 4 * width, width)]


def measure(options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Make the steps, in turn; the first of each variant is warm-up and counts the operations."""
    variants = {name: VARIANTS[name] for name in options.variants}
    names = ("utts", "seconds", "clones", "tokens", "reference_tokens", "precision")
    job = {name: getattr(options, name) for name in (*names, "device", "threads", "size")}
    steps: dict[str, list[dict[str, Any]]] = {name: [] for name in variants}
    with ExitStack() as stack:
        workers = {
            key: stack.enter_context(
                Worker(WORKER, {**job, "kind": key[0]}, threads=options.threads, allocator=key[1])
            )
            for key in dict.fromkeys((v.kind, v.allocator) for v in variants.values())
        }
        for round_number in range(options.rounds + 1):
            for name, variant in variants.items():
                command = {"paths": variant.paths, "count_operations": round_number == 0}
                answer = workers[variant.kind, variant.allocator].ask(command)
                steps[name].append(answer)
                taken = f"{answer['seconds']:.2f} s, {answer['cpu_seconds']:.2f} s processor"
                print(f"round {round_number} {name}: {taken}", file=sys.stderr, flush=True)
    return steps


def summarise(
    steps: dict[str, list[dict[str, Any]]], ceiling: Ceiling, *, on_cpu: bool
) -> dict[str, dict[str, float]]:
    """Medians of each variant, and its ratios to fairseq's step of the same round."""
    reference = steps.get(REFERENCE)
    summary = {}
    for name, (warm_up, *measured) in steps.items():
        row = {key: median([step[key] for step in measured]) for key in ("seconds", "cpu_seconds")}
        row |= {
            part: median([step["parts"][part] for step in measured]) for part in warm_up["parts"]
        }
        for key in ("seconds", "cpu_seconds"):
            pairs = zip(reference[1:], measured, strict=True) if reference else ()
            row[f"ratio_{key}"] = median([theirs[key] / ours[key] for theirs, ours in pairs])
        row["peak_gib"] = max(step["peak_gib"] for step in (warm_up, *measured))
        row["operations"] = warm_up["operations"]
        used, peak = ("cpu_seconds", ceiling.cpu) if on_cpu else ("seconds", ceiling.wall)
        row["share_of_peak"] = warm_up["operations"] / row[used] / peak / 1e9
        summary[name] = row
    return summary


def table(summary: dict[str, dict[str, float]]) -> str:
    """Write the summary as Markdown."""
    titles = (
        "variant", "s", "forward", "backward", "AdamW", "teacher", "fairseq / it", "processor s",
        "fairseq / it", "share of ceiling", "peak GiB",
    )  # fmt: skip
    keys = (
        "seconds", "forward", "backward", "optimizer", "teacher", "ratio_seconds", "cpu_seconds",
        "ratio_cpu_seconds", "share_of_peak", "peak_gib",
    )  # fmt: skip
    return markdown_table(
        titles, [[name, *(row[key] for key in keys)] for name, row in summary.items()]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    options = parse(arguments)
    facts = machine_facts(threads=options.threads, device=options.device)
    steps = measure(options)
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    ceiling = measure_ceiling(
        model_shapes(options), threads=options.threads, device=options.device, dtype=dtype
    )
    summary = summarise(steps, ceiling, on_cpu=options.device == "cpu")
    settings = settings_of(options)
    write_json(
        options.json,
        {
            "schema_version": 1,
            "machine": dataclasses.asdict(facts),
            "note": SHARED_MACHINE,
            "settings": settings,
            "ceiling_gflops": dataclasses.asdict(ceiling),
            "summary": summary,
            "steps": steps,
        },
    )
    print(table(summary))
    print(f"\nceiling: {ceiling.wall} GFLOP/s, {ceiling.cpu} GFLOP/s for a second of a core")


if __name__ == "__main__":
    main()
