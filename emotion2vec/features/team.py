"""Several processes extract into one store: `--workers`, or torchrun.

In: the share of this process. Out: processes started and watched, and process 0's wait for the others. They talk
through the files of `partial.py` alone, so that any launcher will do, on any machines that share the folder.
"""

import logging
import math
import multiprocessing
import multiprocessing.process
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any

import torch

from emotion2vec.audio.parallel import default_jobs
from emotion2vec.errors import ConfigError, Emotion2VecError, WorkerError
from emotion2vec.features.partial import START_PATIENCE_S, Share, is_at_work
from emotion2vec.features.store_writer import FeatureStoreWriter

logger = logging.getLogger(__name__)

_POLL_S = 0.5
_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@dataclass(frozen=True)
class Team:
    """The processes of one extraction, as one of them sees it.

    Attributes:
        share: Which one this is.
        workers: Those that this process has started.
        patience_s: How long process 0 waits for a process that is not at work and has not done its share.
    """

    share: Share = field(default_factory=Share)
    workers: Sequence[multiprocessing.process.BaseProcess] = ()
    patience_s: float = START_PATIENCE_S

    def check(self) -> None:
        """Check that nobody has failed.

        Raises:
            WorkerError: One of the workers was killed or ended with an error.
        """
        for number, worker in enumerate(self.workers, start=1):
            if worker.exitcode:
                raise WorkerError(
                    f"worker {number} of {self.share.size} {_ending(worker.exitcode)}; what was computed is kept: run "
                    "the same command again to go on"
                )

    def gather(self, writer: FeatureStoreWriter) -> None:
        """Wait until the shares of all processes are on disk.

        A share that grows is waited for even where no lock tells that somebody works: not every file system has them.

        Raises:
            WorkerError: A process has ended, or never began, before its share was done.
        """
        deadline, fewest = time.monotonic() + self.patience_s, math.inf
        while True:
            self.check()
            if self._anybody_works(writer):
                deadline = time.monotonic() + self.patience_s
            elif not (missing := writer.collect()):
                break
            elif missing < fewest and not self.workers:
                deadline, fewest = time.monotonic() + self.patience_s, missing
            elif self.workers or time.monotonic() >= deadline:
                raise WorkerError(
                    f"{missing} utterances are missing, but none of the {self.share.size} processes is at work any "
                    "more; what was computed is kept: run the same command again to go on"
                )
            time.sleep(_POLL_S)

    def _anybody_works(self, writer: FeatureStoreWriter) -> bool:
        if self.workers:
            return any(worker.exitcode is None for worker in self.workers)
        return any(is_at_work(writer.paths, rank) for rank in range(1, self.share.size))


def share_of_torchrun(
    environment: Mapping[str, str] | None = None, *, alone: bool = False
) -> Share:
    """Read which process this is from what torchrun sets; the only one where it sets nothing.

    Args:
        environment: By default this process'.
        alone: There must be no torchrun: this process starts the others itself.

    Raises:
        ConfigError: The variables cannot be, or are there though they must not.
    """
    found = os.environ if environment is None else environment
    given = [found.get(name, "") for name in _TORCHRUN]
    if not all(given):
        return Share()
    if not all(text.isascii() and text.isdigit() for text in given):
        raise ConfigError(
            f"RANK, WORLD_SIZE and LOCAL_RANK must be numbers, but are {given}; start with torchrun, or unset them"
        )
    rank, size, local_rank = map(int, given)
    if rank >= size:
        raise ConfigError(
            f"RANK={rank} must be below WORLD_SIZE={size}; start with torchrun, or unset both"
        )
    if alone and size > 1:
        raise ConfigError(
            f"--workers and torchrun (WORLD_SIZE={size}) both start processes; give one of them"
        )
    return Share(rank, size, local_rank)


def use_device_of(local_rank: int) -> None:
    """Give this process one of the machine's GPUs, where there are any."""
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank % torch.cuda.device_count())


def check_workers(number: int) -> None:
    """Check the number of workers.

    Raises:
        ConfigError: It is not at least 1.
    """
    if number < 1:
        raise ConfigError(f"--workers must be at least 1, but is {number}")


@contextmanager
def started(function: Callable[..., None], job: Any, *, size: int) -> Iterator[Team]:
    """Start processes 1 to size - 1 on `function(job, share)`; this process is number 0.

    Each gets an equal share of the cores. When this process leaves early they are ended, and when it is killed they
    end themselves.

    Args:
        function: A module's function, which the other processes import.
        job: What it needs, to be pickled.
        size: Processes in all.
    """
    threads_before = torch.get_num_threads()
    threads = max(1, default_jobs() // size)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(
            target=_work, args=(function, job, Share(rank, size, rank), threads), daemon=True
        )
        for rank in range(1, size)
    ]
    torch.set_num_threads(threads)
    use_device_of(0)
    try:
        for worker in workers:
            worker.start()
        yield Team(Share(0, size), workers)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
        torch.set_num_threads(threads_before)


def _work(function: Callable[..., None], job: Any, share: Share, threads: int) -> None:
    """Be a worker."""
    # Ctrl-C reaches every process of the terminal; the parent alone decides what it means
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    logging.basicConfig(
        level=logging.INFO, format=f"%(levelname)s: worker {share.rank}: %(message)s"
    )
    torch.set_num_threads(threads)
    use_device_of(share.local_rank)
    try:
        function(job, share)
    except Emotion2VecError as error:
        logger.error("%s", error)
        sys.exit(1)


def _leave_with_parent() -> None:
    """End this process when its parent was killed: nothing else would tell it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _ending(exitcode: int) -> str:
    if exitcode < 0:
        return f"was killed by signal {-exitcode}, most often because memory ran out"
    return f"ended with exit status {exitcode} (its message stands above)"
