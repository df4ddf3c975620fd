"""Many files at once: order, errors, and the settings that are given back."""

import threading
import time

import pytest
import torch

from emotion2vec.audio.parallel import default_jobs, map_files


def _slow_for_small(number: int) -> int:
    time.sleep(0.02 if number < 3 else 0)
    return number * number


def test_results_come_in_the_order_of_the_items() -> None:
    results = list(map_files(_slow_for_small, range(20), num_jobs=4, description="x"))
    assert results == [number * number for number in range(20)]


@pytest.mark.parametrize("num_jobs", [1, 3])
def test_no_more_threads_run_than_asked_for(num_jobs: int) -> None:
    names = set()

    def work(_: int) -> None:
        names.add(threading.current_thread().name)
        time.sleep(0.002)

    list(map_files(work, range(30), num_jobs=num_jobs, description="x"))
    assert len(names) <= num_jobs


def test_an_error_reaches_the_caller_and_torchs_threads_are_given_back() -> None:
    before = torch.get_num_threads()

    def fail(_: int) -> None:
        raise ValueError("of file 0")

    with pytest.raises(ValueError, match="of file 0"):
        list(map_files(fail, range(5), num_jobs=2, description="x"))
    assert torch.get_num_threads() == before


def test_there_is_at_least_one_core() -> None:
    assert default_jobs() >= 1
