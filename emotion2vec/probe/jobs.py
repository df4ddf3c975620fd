"""Trains every fold with every seed, several at the same time on CPU.

In: a function that trains one run. Out: its results in order, for `trainer.py` and `conversation_train.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from emotion2vec.audio.parallel import default_jobs

Result = TypeVar("Result")


def train_each(
    train: Callable[[int, int], Result],
    *,
    num_folds: int,
    seeds: Sequence[int],
    device: torch.device,
    jobs: int,
) -> Iterator[Result]:
    """Call `train(fold number from 0, seed)` for each, fold by fold and within one seed by seed.

    Args:
        train: Trains one run; a function of its arguments alone.
        num_folds: Number of folds.
        seeds: Seeds of each fold.
        device: Where it computes; runs share a core of the CPU each, a GPU has one at a time.
        jobs: Runs at the same time; 0 is one a core.
    """
    workers = (jobs or default_jobs()) if device.type == "cpu" else 1
    # one thread a run: sums are then taken in the same order on every number of cores
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(
        max_workers=workers, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        futures = [pool.submit(train, fold, seed) for fold in range(num_folds) for seed in seeds]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
            torch.set_num_threads(threads)
