"""Child processes to be measured: one that is watched from outside until it ends, and one that answers in turn.

In: a worker's script and its job. Out: `ProcessCost` of a whole process, or the answers of a `Worker`.
A machine that others use too makes every time longer, but by the same share for pieces that run in turn: the ratio
within a round counts, and the processor time, which waiting for a core does not change.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_POLL_S = 0.05
# what scripts/pretrain.sh sets on a CPU; read by glibc when a process starts
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}


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


def run_measured(script: Path, job: Mapping[str, Any], *, threads: int) -> ProcessCost:
    """Run `script JOB` in a fresh process and measure it.

    Args:
        script: Python file that takes a JSON object and prints one.
        job: The object.
        threads: Threads of torch.

    Raises:
        SystemExit: The process failed.
    """
    command, environment = _command(script, job), _environment(threads)
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


class Worker:
    """A child process that reads one JSON object a line and answers each with one."""

    def __init__(
        self, script: Path, job: Mapping[str, Any], *, threads: int, allocator: bool = False
    ) -> None:
        environment = {k: v for k, v in _environment(threads).items() if k not in ALLOCATOR}
        if allocator:
            environment |= ALLOCATOR
        self._name = script.name
        self._process = subprocess.Popen(
            _command(script, job),
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


def _command(script: Path, job: Mapping[str, Any]) -> list[str]:
    return [sys.executable, str(script), json.dumps(job)]


def _environment(threads: int) -> dict[str, str]:
    """Return this process' variables, with so many threads of torch."""
    return {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))}
