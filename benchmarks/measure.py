"""Interleaved timing: processes that stay alive and do one piece of work at a time, in turn.

In: a worker's script and its job. Out: seconds and memory of each piece; the device's matrix-product ceiling; tables.
A machine that others use too makes every time longer, but by the same share for pieces that run in turn: the ratio
within a round counts, and the processor time, which waiting for a core does not change.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

# what scripts/pretrain.sh sets on a CPU; read by glibc when a process starts
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}
SHARED_MACHINE = (
    "shared machine: times are longer than on an idle one, ratios within a round are not"
)


@dataclass(frozen=True)
class Ceiling:
    """Matrix products as fast as this device makes them, GFLOP/s, mean over the model's shapes.

    Attributes:
        wall: Operations per second.
        cpu: Operations per second of processor time, one core; 0 on a GPU.
    """

    wall: float
    cpu: float


class Worker:
    """A child process that reads one JSON object a line and answers each with one."""

    def __init__(
        self, script: Path, job: Mapping[str, Any], *, threads: int, allocator: bool = False
    ) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in ALLOCATOR}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        if allocator:
            environment |= ALLOCATOR
        self._name = script.name
        self._process = subprocess.Popen(
            [sys.executable, str(script), json.dumps(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def ask(self, command: Mapping[str, Any]) -> Any:
        """Send a command and wait for its answer.

        Raises:
            SystemExit: The process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):  # what libraries print is not an answer
                return json.loads(line)
        sys.exit(f"error: {self._name} ended with status {self._process.wait()}: {command}")


def serve(answer: Any) -> None:
    """Be a worker: call `answer(command)` for each line of standard input and print what it returns."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def measure_ceiling(
    shapes: Sequence[tuple[int, int, int]], *, threads: int, device: str, dtype: torch.dtype
) -> Ceiling:
    """Time torch.mm at the given (rows, inner, columns); the best of 7 each.

    The best, as a ceiling should be; operations are summed over shapes, so a shape weighs what it costs.
    """
    torch.set_num_threads(threads)
    operations, wall, processor = 0, 0.0, 0.0
    for rows, inner, columns in shapes:
        left = torch.randn(rows, inner, device=device).to(dtype)
        right = torch.randn(inner, columns, device=device).to(dtype)
        torch.mm(left, right)
        times = [_time_product(left, right) for _ in range(7)]
        operations += 2 * rows * inner * columns
        wall += min(seconds for seconds, _ in times)
        processor += min(seconds for _, seconds in times)
    cpu = operations / processor / 1e9 if device == "cpu" else 0.0
    return Ceiling(round(operations / wall / 1e9, 1), round(cpu, 1))


def _time_product(left: torch.Tensor, right: torch.Tensor) -> tuple[float, float]:
    started, processor = clock(left.device), time.process_time()
    torch.mm(left, right)
    return clock(left.device) - started, time.process_time() - processor


def clock(device: torch.device) -> float:
    """Return seconds, after a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def median(values: Sequence[float]) -> float:
    """Return the median; NaN of nothing."""
    return statistics.median(values) if values else float("nan")


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a Markdown table; floats get three significant digits, NaN a dash."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_json(path: Path | None, content: Mapping[str, Any]) -> None:
    """Write a result where asked."""
    if path is not None:
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
