"""A request to stop reaches the processes that train, whoever of a run's processes gets the signal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.fairseq, pytest.mark.slow]

REPOSITORY = Path(__file__).resolve().parents[2]

# a launcher with one training process, as fairseq starts one for each GPU
SPAWNING = """
import time
from types import SimpleNamespace
import torch.multiprocessing
from emotion2vec.fairseq_plugin.stopping import StopRequest, pass_on_signals

def train(rank):
    run_config = SimpleNamespace(optimization=SimpleNamespace(stop_time_hours=0))
    stop = StopRequest(run_config)
    stop.install()
    print("training", flush=True)
    while not run_config.optimization.stop_time_hours:
        time.sleep(0.05)
        stop.apply("cpu")
    print("saved", flush=True)

if __name__ == "__main__":
    pass_on_signals()
    torch.multiprocessing.spawn(train, nprocs=1)
    print("done", flush=True)
"""

# a training process with a data-loading worker
LOADING = """
import time
from types import SimpleNamespace
import torch
from emotion2vec.fairseq_plugin.dataset import PretrainingDataset
from emotion2vec.fairseq_plugin.stopping import StopRequest

class Dataset(PretrainingDataset):
    def __init__(self):
        pass
    def __len__(self):
        return 40
    speech = [0] * 40
    def __getitems__(self, indices):
        time.sleep(0.1)
        return super().__getitems__(SimpleNamespace(indices=indices))[1]

StopRequest(None).install()
loader = torch.utils.data.DataLoader(Dataset(), batch_size=1, num_workers=1, collate_fn=lambda item: item)
batches = iter(loader)
for number in range(20):
    next(batches)
    if number == 2:
        print("training", flush=True)
print("done", flush=True)  # and leaves in the middle of the epoch, as a run that stops does
"""


def _start(tmp_path: Path, program: str) -> subprocess.Popen[str]:
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    run = subprocess.Popen(
        [sys.executable, path],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    assert run.stdout is not None
    seen = ""
    while "training" not in seen.splitlines():  # warnings may hold the word too
        line = run.stdout.readline()
        assert line, seen
        seen += line
    return run


@pytest.mark.parametrize(("number", "to_all"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_launcher_passes_the_signal_on_and_waits(
    number: signal.Signals, to_all: bool, tmp_path: Path
) -> None:
    run = _start(tmp_path, SPAWNING)
    (os.killpg if to_all else os.kill)(run.pid, number)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    assert output.count("stopping after this update") == 1
    assert output.index("saved") < output.index("done")


def test_signal_to_the_whole_group_leaves_data_loading_workers_running(tmp_path: Path) -> None:
    run = _start(tmp_path, LOADING)
    os.killpg(run.pid, signal.SIGTERM)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    assert "done" in output


def test_launcher_without_processes_ends_on_the_signal(tmp_path: Path) -> None:
    spawn = "torch.multiprocessing.spawn(train, nprocs=1)"
    program = SPAWNING.replace(spawn, "print('training', flush=True); time.sleep(60)")
    run = _start(tmp_path, program)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert run.returncode == -signal.SIGTERM
