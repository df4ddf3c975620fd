"""Runs of the pre-training command in processes of their own, as a user starts them, and what they left behind."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from tests.helpers.forked import REPOSITORY, ForkedRun, run_forked


def _command(data: Path, save_dir: Path, overrides: tuple[str, ...], config: str) -> list[str]:
    return [
        "emotion2vec.fairseq_plugin.launch",
        "--config-dir", str(REPOSITORY / "config" / "pretraining"), "--config-name", config,
        f"common.user_dir={REPOSITORY / 'emotion2vec'}", f"task.data={data}",
        f"checkpoint.save_dir={save_dir}", f"hydra.run.dir={save_dir}/hydra", *overrides,
    ]  # fmt: skip


def start_training(
    data: Path, save_dir: Path, *overrides: str, config: str = "debug_cpu", fresh: bool = False
) -> ForkedRun | subprocess.Popen[str]:
    """Start a run in one process and return at once.

    A `fresh` one is a new interpreter, as a user starts it; others are forked from one that has imported fairseq, which
    saves most of their time. The runs that others are compared with are fresh: they have another order of sets.
    """
    command, env = (
        _command(data, save_dir, overrides, config),
        {**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if not fresh:
        return run_forked(command, env=env)
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=REPOSITORY,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train(
    data: Path, save_dir: Path, *overrides: str, config: str = "debug_cpu", fresh: bool = False
) -> str:
    """Run to the end and return what it printed; fails the test when the run fails."""
    run = start_training(data, save_dir, *overrides, config=config, fresh=fresh)
    output, _ = run.communicate(timeout=300)
    assert run.returncode == 0, output[-3000:]
    return output


def refused(data: Path, save_dir: Path, *overrides: str, fresh: bool = False) -> str:
    """Run what must be refused: status 1, no traceback; returns the one `error: ...` sentence."""
    run = start_training(data, save_dir, *overrides, fresh=fresh)
    output, _ = run.communicate(timeout=300)
    assert run.returncode == 1, output[-3000:]
    assert "Traceback" not in output, output[-3000:]
    sentences = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1, output[-3000:]
    return sentences[0]


def train_in_processes(
    data: Path, save_dir: Path, *overrides: str, processes: int, config: str = "debug_cpu"
) -> str:
    """Run to the end in several processes on the CPU."""
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone",
            "--nproc_per_node", str(processes), "-m",
            *_command(data, save_dir, overrides, config),
            f"distributed_training.distributed_world_size={processes}",
            "distributed_training.distributed_init_method=env://",
            "distributed_training.distributed_no_spawn=true",
            "distributed_training.distributed_backend=gloo",
            "distributed_training.distributed_rank=${oc.env:RANK}",
        ],
        cwd=REPOSITORY, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-3000:]
    return output


def logged(save_dir: Path) -> dict[int, dict[str, float]]:
    """Return the figures logged after each update; the last word of a resumed run counts."""
    figures: dict[int, dict[str, float]] = {}
    for line in (save_dir / "train.log").read_text(encoding="utf-8").splitlines():
        _, found, text = line.partition("[train_inner][INFO] - ")
        if found and text.endswith("}"):  # a line that is being written may be cut short
            row = json.loads(text)
            figures[int(row["num_updates"])] = {
                key: float(value) for key, value in row.items() if value is not None
            }
    return figures


def wait_for_update(run: ForkedRun | subprocess.Popen[str], save_dir: Path, update: int) -> None:
    """Wait until the run has logged `update` updates."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and run.poll() is None:
        if (save_dir / "train.log").exists() and max(logged(save_dir), default=0) >= update:
            return
        time.sleep(0.01)
    raise AssertionError(f"the run ended or hung before update {update}")


def final_state(save_dir: Path) -> dict:
    """Read the run's last checkpoint."""
    return torch.load(save_dir / "checkpoint_last.pt", weights_only=True)


def assert_same_state(first: dict, second: dict) -> None:
    """Student, decoder, teacher and optimizer are equal bit for bit."""
    assert first["model"].keys() == second["model"].keys()
    for key, tensor in first["model"].items():
        assert torch.equal(tensor, second["model"][key]), key
    one, two = first["last_optimizer_state"]["state"], second["last_optimizer_state"]["state"]
    assert one.keys() == two.keys()
    for index in one:
        for name, value in one[index].items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(two[index][name]))
