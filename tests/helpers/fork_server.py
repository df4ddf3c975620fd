"""A process that has imported torch and fairseq, and forks for each program of a test: importing takes most of its
time.

    python -m tests.helpers.fork_server SOCKET_NUMBER

It imports nothing of emotion2vec, so a program imports that anew. `forked.py` starts it and talks to it: a request is a
JSON object (`arguments`, `cwd`, `env`) with two open files: for the program's output, and for its process number and,
at its end, the status as `os.waitpid` gives it.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys
from pathlib import Path
from typing import Any

# what a training imports besides emotion2vec
import fairseq_cli.hydra_train
import soundfile
import torch._dynamo
import torch.utils.tensorboard

PRELOADED = (fairseq_cli.hydra_train, soundfile, torch._dynamo, torch.utils.tensorboard)
_REQUEST_BYTES = 2**20
_ALLOCATOR = "jemalloc_bg_thd"  # pyarrow's, where it is installed: it looks after its thread when forked itself


def serve(control: socket.socket) -> list[str] | None:
    """Fork for each request until the socket is closed.

    Returns:
        In a forked process, the arguments of the program to run; in the server, None at the end.
    """
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    if len([name for name in threads if name != _ALLOCATOR]) > 1:
        raise RuntimeError(f"threads {threads}: a process that has several cannot be forked")
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while True:
        request, files, _, _ = socket.recv_fds(control, _REQUEST_BYTES, 2)
        if not request:
            return None
        if os.fork() == 0:
            control.close()
            return _fork_program(json.loads(request), *files)
        for file in files:
            os.close(file)


def _fork_program(request: dict[str, Any], output: int, status: int) -> list[str]:
    """Fork the program and wait for it; returns in the program only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    program = os.fork()
    if program:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the program's affair
        os.close(output)
        os.write(status, f"{program}\n".encode())
        os.write(status, f"{os.waitpid(program, 0)[1]}\n".encode())
        os._exit(0)
    os.close(status)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    return request["arguments"]


if __name__ == "__main__":
    arguments = serve(socket.socket(fileno=int(sys.argv[1])))
    if arguments:
        sys.argv = arguments[:]
        # last statement: signals, exit status and what runs at exit are the program's own
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
