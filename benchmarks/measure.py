"""How fast this device can be, and what many times have in common.

In: shapes of matrix products, times. Out: the device's ceiling; a clock that waits for a GPU; medians.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Ceiling:
    """Matrix products as fast as this device makes them, GFLOP/s, mean over the model's shapes.

    Attributes:
        wall: Operations per second.
        cpu: Operations per second of processor time, one core; 0 on a GPU.
    """

    wall: float
    cpu: float


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
