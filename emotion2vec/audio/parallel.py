"""Run a function on many files at once.

In: function and items. Out: results in the items' order, with a progress bar. Used by `data/checks.py` and
`corpora/prepare.py`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from emotion2vec.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")


def default_jobs() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def map_files(
    function: Callable[[Item], Result], items: Sequence[Item], *, num_jobs: int, description: str
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in order.

    Decoding, resampling and hashing leave Python's lock, so threads scale and start at once, where each process
    would first import torch for seconds.

    Args:
        function: Work on one file; its exceptions pass on to the caller.
        items: The files.
        num_jobs: Threads, >= 1.
        description: Text of the progress bar.
    """
    threads_before = torch.get_num_threads()
    pool = ThreadPoolExecutor(max(1, num_jobs), initializer=torch.set_num_threads, initargs=(1,))
    try:
        results = pool.map(function, items)
        yield from progress(results, description=description, total=len(items), unit="file")
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads_before)
