"""A protocol that was interrupted goes on with the runs that it lacks, and ends as if nothing had happened."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import emotion2vec
from emotion2vec.probe import trainer
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.run import evaluate
from emotion2vec.probe.run_result import RunResult
from emotion2vec.probe.saved_runs import FOLDER, SavedRuns, remove_saved_runs
from tests.probe.fakes import config, make_store

RUN = RunResult(
    fold=2, seed=7, confusion_KK=np.eye(2, dtype=np.int64), best_epoch=3, valid_wa=100 / 3,
    valid_ua=0.1, curve=((1, 0.7, 50.0), (2, 0.1 + 0.2, 60.0)), embeddings_NH=np.ones((2, 3), np.float32),
    predicted_N=np.array([0, 1]), lr=5e-4,
)  # fmt: skip


class StoppedError(Exception):
    """Stands for a kill."""


def settings(store: Path, **changes: object) -> ProbeConfig:
    return config(features=str(store), num_folds=5, jobs=1, **changes)


def run(store: Path, out: Path, **changes: object) -> dict:
    evaluate(settings(store, **changes), out, config_dir=store, on_fold=lambda *_: None)
    return json.loads((out / "result.json").read_text())


def stop_after(monkeypatch: pytest.MonkeyPatch, number: int) -> list[int]:
    """Make the training stop after some runs; the list grows by one for each run that is trained."""
    trained: list[int] = []
    train_group = trainer.train_group

    def stopping(*arguments: object) -> list[RunResult]:
        if len(trained) >= number:
            raise StoppedError
        trained.append(1)
        return train_group(*arguments)

    monkeypatch.setattr(trainer, "train_group", stopping)
    return trained


@pytest.mark.parametrize("weights", [None, np.array([0.25, 0.75], np.float32)])
def test_a_run_comes_back_bit_for_bit(tmp_path: Path, weights: np.ndarray | None) -> None:
    saved, run_ = SavedRuns(tmp_path, identity="a"), replace(RUN, layer_weights_L=weights)
    saved.save(run_)
    found = saved.load(2, 7)
    for name, value in vars(run_).items():
        if isinstance(value, np.ndarray):
            assert getattr(found, name).dtype == value.dtype
            assert np.array_equal(getattr(found, name), value), name
        else:
            assert getattr(found, name) == value, name


def test_runs_of_other_settings_are_not_taken(tmp_path: Path) -> None:
    SavedRuns(tmp_path, identity="a").save(RUN)
    assert SavedRuns(tmp_path, identity="b").load(2, 7) is None
    assert SavedRuns(tmp_path, identity="a").load(2, 8) is None


def test_runs_of_another_version_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SavedRuns(tmp_path, identity="a").save(RUN)
    monkeypatch.setattr(emotion2vec, "__version__", "0.0.0")
    assert SavedRuns(tmp_path, identity="a").load(2, 7) is None


def test_a_damaged_file_counts_as_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved = SavedRuns(tmp_path, identity="a")
    saved.save(RUN)
    path = next((tmp_path / FOLDER).iterdir())
    path.write_bytes(path.read_bytes()[:100])
    assert saved.load(2, 7) is None
    assert "damaged" in caplog.text


def test_a_file_of_another_form_counts_as_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved = SavedRuns(tmp_path, identity="a")
    saved.save(RUN)
    np.savez(next((tmp_path / FOLDER).iterdir()), facts=np.array('{"curve": []}'))
    assert saved.load(2, 7) is None
    assert "this run is trained again" in caplog.text


def test_only_runs_are_removed(tmp_path: Path) -> None:
    SavedRuns(tmp_path, identity="a").save(RUN)
    others = [tmp_path / FOLDER / "notes.npz", tmp_path / "runs" / "base" / "checkpoint_last.pt"]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    remove_saved_runs(tmp_path)
    assert [path for path in sorted(tmp_path.rglob("*")) if path.is_file()] == sorted(others)
    others[0].unlink()
    SavedRuns(tmp_path, identity="a").save(RUN)
    remove_saved_runs(tmp_path)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("together", [0, 3])
def test_an_interrupted_protocol_ends_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    store = make_store(tmp_path / "store")
    whole = run(store, tmp_path / "whole", runs_together=together)
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(StoppedError):
            run(store, tmp_path / "cut", runs_together=together)
    assert not (tmp_path / "cut" / "result.json").exists()
    with monkeypatch.context() as patch:
        trained = stop_after(patch, 100)
        resumed = run(store, tmp_path / "cut", runs_together=together)
    # 10 runs, of which 2 groups of 1 or of 3 were done
    assert len(trained) == (8 if not together else 2)
    assert not (tmp_path / "cut" / FOLDER).exists()
    assert {**resumed, "seconds": 0} == {**whole, "seconds": 0}
    for name in ("predictions.tsv", "confusion.csv", "folds.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize("change", [{"epochs": 5}, {"hidden_dim": 9}, {"fold_seed": 2}])
def test_changed_settings_start_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict
) -> None:
    store = make_store(tmp_path / "store")
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        with pytest.raises(StoppedError):
            run(store, tmp_path / "out")
    with monkeypatch.context() as patch:
        trained = stop_after(patch, 100)
        run(store, tmp_path / "out", **change)
    assert len(trained) == 10
