"""`checkpoint_last.pt` becomes the newest whole checkpoint before fairseq opens it."""

from pathlib import Path

import pytest
import torch

from emotion2vec.errors import CheckpointError

pytestmark = pytest.mark.fairseq


def _write(path: Path, update: int) -> bytes:
    history = [{"num_updates": update}]
    torch.save({"optimizer_history": history, "model": {"w": torch.full((99,), update)}}, path)
    return path.read_bytes()


def _recover(folder: Path) -> None:
    from emotion2vec.fairseq_plugin.recovery import recover_last_checkpoint

    recover_last_checkpoint(folder)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    _write(tmp_path / "checkpoint_1_3.pt", 3)
    _write(tmp_path / "checkpoint_1_6.pt", 6)
    return tmp_path


def test_missing_last_checkpoint_is_replaced_by_the_newest(
    run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _recover(run)
    assert (run / "checkpoint_last.pt").read_bytes() == (run / "checkpoint_1_6.pt").read_bytes()
    assert (
        "checkpoint_last.pt is missing; resuming from checkpoint_1_6.pt (update 6)" in caplog.text
    )


@pytest.mark.parametrize("length", [0, 1, 500, -1])
def test_last_checkpoint_cut_short_is_replaced_by_the_newest(
    length: int, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = _write(run / "checkpoint_last.pt", 7)
    (run / "checkpoint_last.pt").write_bytes(whole[:length])
    _recover(run)
    assert (run / "checkpoint_last.pt").read_bytes() == (run / "checkpoint_1_6.pt").read_bytes()
    assert "checkpoint_last.pt is damaged; resuming from checkpoint_1_6.pt" in caplog.text


def test_older_last_checkpoint_is_replaced_by_the_newest(
    run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _write(run / "checkpoint_last.pt", 5)
    _recover(run)
    assert (run / "checkpoint_last.pt").read_bytes() == (run / "checkpoint_1_6.pt").read_bytes()
    assert "checkpoint_last.pt is of update 5; resuming from checkpoint_1_6.pt" in caplog.text


def test_newest_checkpoint_cut_short_is_passed_over(run: Path) -> None:
    whole = _write(run / "checkpoint_1_9.pt", 9)
    (run / "checkpoint_1_9.pt").write_bytes(whole[:700])
    _recover(run)
    assert (run / "checkpoint_last.pt").read_bytes() == (run / "checkpoint_1_6.pt").read_bytes()


def test_whole_and_newest_last_checkpoint_is_left_alone(run: Path) -> None:
    whole = _write(run / "checkpoint_last.pt", 6)
    before = (run / "checkpoint_last.pt").stat().st_mtime_ns
    _recover(run)
    assert (run / "checkpoint_last.pt").read_bytes() == whole
    assert (run / "checkpoint_last.pt").stat().st_mtime_ns == before


def test_folder_without_checkpoints_is_a_new_run(tmp_path: Path) -> None:
    _recover(tmp_path)
    _recover(tmp_path / "not made yet")
    assert not list(tmp_path.iterdir())


def test_folder_of_damaged_checkpoints_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint_last.pt").write_bytes(b"half")
    with pytest.raises(
        CheckpointError, match=r"none of its 1 checkpoints is whole; move them away"
    ):
        _recover(tmp_path)
