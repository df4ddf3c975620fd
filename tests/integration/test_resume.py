"""A run that is killed or asked to stop goes on as if nothing had happened: bit for bit on the CPU."""

import random
import signal
import time
from pathlib import Path

import pytest

from emotion2vec.data.shards import write_shards
from tests.helpers.training import (
    assert_same_state,
    final_state,
    logged,
    start_training,
    train,
    wait_for_update,
)
from tests.helpers.wav import make_manifest_folder

pytestmark = [pytest.mark.fairseq, pytest.mark.slow]

# several epochs, accumulation, a data-loading worker
SETTINGS = (
    "optimization.max_epoch=4", "optimization.update_freq=[2]", "dataset.num_workers=1",
    "dataset.max_tokens=64000", "checkpoint.save_interval_updates=3",
)  # fmt: skip
NUM_UPDATES = 28


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return make_manifest_folder(folder, num_utts=33, seconds=[1.0, 1.3, 1.7])


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    save_dir = tmp_path_factory.mktemp("whole")
    train(data, save_dir, *SETTINGS, fresh=True)
    assert max(logged(save_dir)) == NUM_UPDATES
    return save_dir


def assert_same_run(first: Path, second: Path) -> None:
    one, two = logged(first), logged(second)
    assert one.keys() == two.keys()
    for update in one:
        for name in ("loss", "loss_frame", "loss_utterance", "target_var", "lr", "gnorm"):
            assert one[update][name] == two[update][name], (update, name)
    assert_same_state(final_state(first), final_state(second))


@pytest.mark.parametrize("moment", range(5))
def test_run_killed_at_a_random_moment_repeats_the_whole_run(
    moment: int, data: Path, whole: Path, tmp_path: Path
) -> None:
    chance = random.Random(moment)
    run = start_training(data, tmp_path, *SETTINGS)
    wait_for_update(run, tmp_path, chance.randint(1, NUM_UPDATES - 2))
    time.sleep(chance.uniform(0.0, 0.1))
    run.send_signal(signal.SIGKILL)
    run.communicate()
    train(data, tmp_path, *SETTINGS)
    assert_same_run(whole, tmp_path)


def test_run_on_shards_that_is_killed_repeats_the_whole_run_on_loose_files(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    shards, save_dir = tmp_path / "shards", tmp_path / "run"
    write_shards(data, shards, shard_bytes=200_000)
    run = start_training(shards, save_dir, *SETTINGS)
    wait_for_update(run, save_dir, 11)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    train(shards, save_dir, *SETTINGS)
    assert_same_run(whole, save_dir)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_writes_a_checkpoint_and_exits_cleanly(
    number: signal.Signals, data: Path, whole: Path, tmp_path: Path
) -> None:
    settings = (*SETTINGS, "checkpoint.save_interval_updates=1000")
    run = start_training(data, tmp_path, *settings, fresh=number == signal.SIGTERM)
    wait_for_update(run, tmp_path, 7)
    run.send_signal(number)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output[-2000:]
    assert "stopping after this update with a checkpoint" in output
    stopped_at = final_state(tmp_path)["optimizer_history"][-1]["num_updates"]
    assert 7 <= stopped_at < NUM_UPDATES
    train(data, tmp_path, *SETTINGS)
    assert_same_run(whole, tmp_path)


def test_run_goes_on_from_the_newest_whole_checkpoint(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    run = start_training(data, tmp_path, *SETTINGS)
    wait_for_update(run, tmp_path, 10)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    last = tmp_path / "checkpoint_last.pt"
    last.write_bytes(last.read_bytes()[:1000])
    output = train(data, tmp_path, *SETTINGS)
    assert "checkpoint_last.pt is damaged; resuming from checkpoint_" in output
    assert_same_run(whole, tmp_path)
