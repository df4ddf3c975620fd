"""Run a function on many files at once.

In: function and items. Out: results in the items' order, with a progress bar. Used by `data/checks.py` and
`corpora/convert.py`.

Processes, not threads: a short file is dozens of small calls, and threads wait for Python's lock between them. They
are forked, as those of PyTorch's DataLoader are, so none of them imports torch again; each uses one core.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import torch

from emotion2vec.errors import WorkerError
from emotion2vec.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")

# results travel in bundles: a message for each would cost as much as a short file
_MOST_IN_A_BUNDLE = 16
_BUNDLES_PER_JOB = 16
_PARENT_CHECK_S = 0.5


@dataclass
class _Work:
    """What a worker process does; it inherits both with the fork, so nothing has to be pickled but results."""

    function: Callable[[Any], Any] = lambda item: item
    items: Sequence[Any] = field(default_factory=tuple)


_WORK = _Work()


def default_jobs() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def map_files(
    function: Callable[[Item], Result], items: Sequence[Item], *, num_jobs: int, description: str
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in order.

    Args:
        function: Work on one file; it runs in another process, so only its result comes back. Its exceptions pass
            on to the caller.
        items: The files.
        num_jobs: Processes, >= 1; with 1 the function runs in this process.
        description: Text of the progress bar.

    Raises:
        WorkerError: A process was killed.
    """
    num_jobs = min(num_jobs, len(items))
    mapped = _in_this_process if num_jobs <= 1 else _in_processes
    results = mapped(function, items, num_jobs)
    yield from progress(results, description=description, total=len(items), unit="file")


def _in_this_process(
    function: Callable[[Item], Result], items: Sequence[Item], _: int
) -> Iterator[Result]:
    threads_before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from map(function, items)
    finally:
        torch.set_num_threads(threads_before)


def _in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], num_jobs: int
) -> Iterator[Result]:
    size = max(1, min(_MOST_IN_A_BUNDLE, len(items) // (num_jobs * _BUNDLES_PER_JOB)))
    pool = ProcessPoolExecutor(
        num_jobs,
        mp_context=multiprocessing.get_context("fork"),
        initializer=_start_worker,
        initargs=(function, items, os.getpid()),
    )
    try:
        bundles = [range(at, min(at + size, len(items))) for at in range(0, len(items), size)]
        yield from chain.from_iterable(pool.map(_do_bundle, bundles))
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process was killed, most often because memory ran out: "
            "give fewer --jobs and run the same command again"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(function: Callable[[Any], Any], items: Sequence[Any], parent: int) -> None:
    """Prepare a forked process."""
    _WORK.function, _WORK.items = function, items
    torch.set_num_threads(1)
    # Ctrl-C reaches every process of the terminal; the parent alone decides what it means
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    """End this process when its parent was killed: nothing else would tell it."""
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    os._exit(1)


def _do_bundle(bundle: range) -> list[Any]:
    return [_WORK.function(_WORK.items[index]) for index in bundle]
