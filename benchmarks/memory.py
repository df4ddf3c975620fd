"""What a training step keeps for its backward pass: plain, attention in blocks, checkpoints, both.

In: a batch that a CPU can compute. Out: bytes of every tensor that autograd saves in the forward pass (each storage
once, weights left out), and the same scaled to the paper's batch a GPU, 1e6 samples with 8 clones: utterances of the
same length are rows, and nothing saved couples rows, so it grows in proportion. Beside it stand the tensors that do not
grow: weights, gradients, Adam's two moments and the teacher; and the largest batch (`dataset.max_tokens`) with which
all of them fit into --gpu-gib. What a GPU needs besides (buffers of kernels, one layer's tensors while it is computed
again, fragments) is not in it, so ask for less than the GPU has.
"""

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from benchmarks.arguments import make_parser, settings_of  # noqa: E402
from benchmarks.machine import machine_facts  # noqa: E402
from benchmarks.output import markdown_table, write_json  # noqa: E402
from benchmarks.step_worker import OurStep  # noqa: E402
from emotion2vec.structs import SAMPLE_RATE_HZ  # noqa: E402

PAPER_SAMPLES = 1_000_000
_GIB = 2**30
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"attention": "plain"},
    "blockwise": {"attention": "blockwise"},
    "checkpointed": {"attention": "plain", "checkpoint_layers": True},
    "blockwise, checkpointed": {"attention": "blockwise", "checkpoint_layers": True},
}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--utts", type=int, default=1, help="utterances that are computed (default: 1)")
    add("--seconds", type=float, nargs="+", default=[5.0, 10.0, 20.0], help="their lengths")
    add("--clones", type=int, default=8, help="masked versions of each (default: 8)")
    add("--tokens", type=int, default=10, help="utterance tokens (default: 10)")
    add("--gpu-gib", type=float, default=20.0, help="memory to fill (default: 20)")
    add("--precision", choices=("fp32", "bf16"), default="fp32", help="bf16: the CPU's autocast")
    add("--threads", type=int, default=2, help="threads of torch (default: 2)")
    add("--size", choices=("base", "small"), default="base", help="`small` is for tests")
    return parser.parse_args(arguments)


def saved_bytes(step: OurStep, *, precision: str) -> int:
    """Run a forward pass and sum what autograd saved: each storage once, parameters left out."""
    weights = {p.untyped_storage().data_ptr() for p in step.model.parameters()}
    storages: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no address is given twice

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    precise: Any = contextlib.nullcontext()
    if precision == "bf16":
        precise = torch.autocast("cpu", dtype=torch.bfloat16)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), precise:
        loss = step.loss()
    del loss
    return sum(storages.values())


def constant_bytes(step: OurStep) -> int:
    """Weights, gradients and two moments of what is trained, and the teacher's weights."""
    sizes = [(4 if p.requires_grad else 1) * p.nbytes for p in step.model.parameters()]
    return sum(sizes)


def largest_batch(saved_per_sample: float, constant: float, memory: float) -> int:
    """Return the samples of the largest batch whose saved tensors fit beside the constant ones, all in bytes.

    >>> largest_batch(saved_per_sample=20_000, constant=2e9, memory=22e9)
    1000000
    """
    return max(0, int((memory - constant) / saved_per_sample))


def measure(options: argparse.Namespace, seconds: float) -> list[dict[str, Any]]:
    """Measure every variant at one clip length."""
    job = {name: getattr(options, name) for name in ("utts", "clones", "tokens", "size")}
    step = OurStep({**job, "kind": "ours", "seconds": seconds, "device": "cpu"})
    samples = options.utts * seconds * SAMPLE_RATE_HZ
    constant = constant_bytes(step)
    rows = []
    for name, paths in VARIANTS.items():
        step.choose({"frontend": "plain", "positions": "plain", **paths})
        saved = saved_bytes(step, precision=options.precision)
        paper_saved = saved / samples * PAPER_SAMPLES
        rows.append(
            {
                "seconds": seconds,
                "variant": name,
                "saved_gib": saved / _GIB,
                "paper_saved_gib": paper_saved / _GIB,
                "constant_gib": constant / _GIB,
                "paper_total_gib": (paper_saved + constant) / _GIB,
                "largest_batch": largest_batch(saved / samples, constant, options.gpu_gib * _GIB),
            }
        )
        print(f"{seconds} s, {name}: {saved / _GIB:.3f} GiB", file=sys.stderr, flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    rows = [row for seconds in options.seconds for row in measure(options, seconds)]
    facts = machine_facts(threads=options.threads, device="cpu")
    settings = settings_of(options)
    write_json(
        options.json,
        {
            "schema_version": 1,
            "machine": dataclasses.asdict(facts),
            "settings": settings,
            "rows": rows,
        },
    )
    titles = (
        "s each", "variant", "saved, measured GiB", "saved at 1e6 samples GiB",
        "weights, gradients, Adam, teacher GiB", "sum GiB",
        f"samples that fit {options.gpu_gib:g} GiB",
    )  # fmt: skip
    print(markdown_table(titles, [list(row.values()) for row in rows]))


if __name__ == "__main__":
    main()
