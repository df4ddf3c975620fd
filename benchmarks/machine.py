"""What a measurement was made on.

In: nothing but this machine. Out: `MachineFacts` for the benchmarks' JSON.
"""

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import emotion2vec


@dataclass(frozen=True)
class MachineFacts:
    """The machine and the versions of what ran on it.

    Attributes:
        cpu: Model name of the processor.
        cores: Cores that this process may use.
        memory_gib: Memory of the machine.
        gpu: Name of the GPU; empty on a CPU.
        load_at_start: Processes that ran or waited for a core, mean of a minute, before the measurement.
        threads: Threads of torch in each measured process.
        versions: Name -> version.
    """

    cpu: str
    cores: int
    memory_gib: float
    gpu: str
    load_at_start: float
    threads: int
    versions: Mapping[str, str]


def machine_facts(*, threads: int, device: str) -> MachineFacts:
    """Describe this machine."""
    on_gpu = device != "cpu" and torch.cuda.is_available()
    return MachineFacts(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        gpu=torch.cuda.get_device_name() if on_gpu else "",
        load_at_start=round(os.getloadavg()[0], 2),
        threads=threads,
        versions={
            "emotion2vec": emotion2vec.__version__,
            "commit": _commit(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
