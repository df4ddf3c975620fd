"""Python modules run by the server of `fork_server.py`; a run is used as a `subprocess.Popen` is."""

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class ForkedRun:
    """A running module; its errors and its output are one stream.

    Attributes:
        pid: Its process.
        returncode: Its exit status, or minus the signal that ended it; None before its end is known.
    """

    def __init__(self, output: int, status: int) -> None:
        self.returncode: int | None = None
        self._output = os.fdopen(output, "rb", buffering=0)
        self._status = os.fdopen(status, "rb", buffering=0)
        self.pid = int(self._status.readline())

    def poll(self) -> int | None:
        """Return `returncode`, brought up to date."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self._end()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal the process, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float = 300) -> tuple[str, None]:
        """Return all that it printed, once it has ended.

        Raises:
            subprocess.TimeoutExpired: After `timeout` seconds; the process is killed.
        """
        deadline, read = time.monotonic() + timeout, b""
        while select.select([self._output], [], [], max(0.0, deadline - time.monotonic()))[0]:
            if not (piece := self._output.read(65536)):
                if self.returncode is None:
                    self._end()
                self._output.close()
                return read.decode("utf-8"), None
            read += piece
        self.send_signal(signal.SIGKILL)
        raise subprocess.TimeoutExpired("forked run", timeout, read)

    def _end(self) -> None:
        self.returncode = os.waitstatus_to_exitcode(int(self._status.readline()))
        self._status.close()


def run_forked(arguments: Sequence[str], *, env: Mapping[str, str]) -> ForkedRun:
    """Run `python -m ARGUMENTS` in the repository, from a process that has imported torch and fairseq."""
    output, programs_output = os.pipe()
    status, keepers_status = os.pipe()
    request = {"arguments": list(arguments), "cwd": str(REPOSITORY), "env": dict(env)}
    socket.send_fds(_server(), [json.dumps(request).encode()], [programs_output, keepers_status])
    os.close(programs_output)
    os.close(keepers_status)
    return ForkedRun(output, status)


@functools.cache
def _server() -> socket.socket:
    """Start this process' server; it ends with the socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.fork_server", str(theirs.fileno())],
        cwd=REPOSITORY, env={**os.environ, "OMP_NUM_THREADS": "1"}, pass_fds=[theirs.fileno()],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    theirs.close()

    def stop() -> None:
        """Close the socket and wait."""
        ours.close()
        server.wait(timeout=10)

    atexit.register(stop)
    return ours
