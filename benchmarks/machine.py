"""What a measurement was made on, and a child process measured from outside.

In: a worker's command line. Out: `MachineFacts` and `ProcessCost` for the benchmarks' JSON.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import emotion2vec

_POLL_S = 0.05


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


@dataclass(frozen=True)
class ProcessCost:
    """What a child process took.

    Attributes:
        output: JSON that it printed.
        seconds: Wall-clock time from its start to its end.
        cpu_seconds: Processor time, all of its threads.
        peak_gib: Largest resident memory, pages of mapped files included, up to 0.05 s before the end.
        peak_anonymous_gib: Largest resident memory without pages of files, which the system can take back; sampled.
    """

    output: Any
    seconds: float
    cpu_seconds: float
    peak_gib: float
    peak_anonymous_gib: float


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


def run_measured(script: Path, job: Mapping[str, Any], *, threads: int) -> ProcessCost:
    """Run `script JOB` in a fresh process and measure it.

    Args:
        script: Python file that takes a JSON object and prints one.
        job: The object.
        threads: Threads of torch.

    Raises:
        SystemExit: The process failed.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    command: Sequence[str] = [sys.executable, str(script), json.dumps(job)]
    started = time.monotonic()
    peaks = {"VmHWM": 0, "RssAnon": 0}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            # not ru_maxrss: that counts what this process holds at the moment of the fork
            memory = _memory(process.pid)
            peaks = {name: max(peak, memory.get(name, 0)) for name, peak in peaks.items()}
            time.sleep(_POLL_S)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.stdout is not None
        output = process.stdout.read()
    if process.returncode != 0:
        sys.exit(f"error: {script.name} ended with status {process.returncode}: {job}")
    return ProcessCost(
        output=json.loads(output.splitlines()[-1]),
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_gib=peaks["VmHWM"] / 2**30,
        peak_anonymous_gib=peaks["RssAnon"] / 2**30,
    )


def _memory(pid: int) -> dict[str, int]:
    """Return bytes of a process' memory by the kernel's names; {} when it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.startswith(("RssAnon:", "VmHWM:")))
    return {field[0].rstrip(":"): 1024 * int(field[1]) for field in fields}


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
