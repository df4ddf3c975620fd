"""Where the time of an update goes: waiting for data, forward, backward, optimizer.

In: calls at the seams of `task.py`. Out: seconds of each part, logged each interval. The device is waited for at each
seam: without that, CUDA's queue would book the backward pass on whatever comes next.
"""

import resource
import time
from collections import defaultdict

import torch

_KIBIBYTES_PER_GIB = 2**20
_BYTES_PER_GIB = 2**30


class StepTimer:
    """A stopwatch with named laps, summed until they are taken."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._last: float | None = None

    def lap(self, name: str) -> None:
        """Book the time since the last lap on `name`."""
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self._last is not None:
            self._seconds[name] += now - self._last
        self._last = now

    def take(self) -> dict[str, float]:
        """Return the seconds booked since the last call, and start over."""
        seconds = dict(self._seconds)
        self._seconds.clear()
        return seconds


def peak_memory_gib() -> float:
    """Return the peak memory: on a GPU of this update (fairseq starts over at each), else of the process so far."""
    if torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / _BYTES_PER_GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIBIBYTES_PER_GIB
