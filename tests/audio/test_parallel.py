"""Many files at once: order, errors, and processes that end."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from emotion2vec.audio.parallel import default_jobs, map_files
from emotion2vec.errors import AudioError, WorkerError


def _slow_for_small(number: int) -> int:
    time.sleep(0.02 if number < 3 else 0)
    return number * number


@pytest.mark.parametrize("num_jobs", [1, 4])
@pytest.mark.parametrize("number", [0, 1, 3, 100, 1000])
def test_results_come_in_the_order_of_the_items(number: int, num_jobs: int) -> None:
    results = list(map_files(_slow_for_small, range(number), num_jobs=num_jobs, description="x"))
    assert results == [number * number for number in range(number)]


def test_no_more_processes_run_than_asked_for() -> None:
    found = set(map_files(lambda _: os.getpid(), range(200), num_jobs=3, description="x"))
    assert 1 <= len(found) <= 3
    assert os.getpid() not in found


def test_one_job_runs_in_this_process() -> None:
    found = set(map_files(lambda _: os.getpid(), range(3), num_jobs=1, description="x"))
    assert found == {os.getpid()}


def test_each_process_uses_one_core() -> None:
    threads = map_files(lambda _: torch.get_num_threads(), range(8), num_jobs=2, description="x")
    assert set(threads) == {1}


@pytest.mark.parametrize("num_jobs", [1, 2])
def test_an_error_reaches_the_caller_and_torchs_threads_are_given_back(num_jobs: int) -> None:
    before = torch.get_num_threads()

    def fail(number: int) -> None:
        raise AudioError(f"file {number}", "is silent")

    with pytest.raises(AudioError, match="file 0: is silent"):
        list(map_files(fail, range(5), num_jobs=num_jobs, description="x"))
    assert torch.get_num_threads() == before


def test_a_process_that_is_killed_is_one_sentence() -> None:
    def die(_: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(WorkerError, match=r"a worker process was killed, .*give fewer --jobs"):
        list(map_files(die, range(5), num_jobs=2, description="x"))


_PROGRAM = """
import os, time
from emotion2vec.audio.parallel import map_files

def work(_):
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece: two processes write here
    time.sleep(60)

list(map_files(work, range(2), num_jobs=2, description="x"))
"""


def test_the_processes_end_when_their_parent_is_killed() -> None:
    program = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, text=True)
    children = [int(program.stdout.readline()) for _ in range(2)]
    program.kill()
    program.wait()
    deadline = time.monotonic() + 20
    while any(_is_running(pid) for pid in children):
        assert time.monotonic() < deadline, "the processes outlive their parent"
        time.sleep(0.1)


def _is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_there_is_at_least_one_core() -> None:
    assert default_jobs() >= 1
