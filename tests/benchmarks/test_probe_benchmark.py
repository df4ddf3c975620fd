"""The benchmark of the probe in miniature: one command, a table, JSON with the machine."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import probe
from benchmarks.probe_store import MEAN_FRAMES, draw_lengths, write_iemocap
from benchmarks.processes import ProcessCost, run_measured
from emotion2vec.features.store import FeatureStore

TINY = ["--scale", "0.1", "--dim", "4", "--mean-frames", "4", "--threads", "1"]


@pytest.mark.slow
def test_one_command_measures_ours_and_the_authors_loop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = ["--epochs", "8", "--repeats", "1", "--tenth-epochs", "30", "--seeds", "1", "2"]
    assert probe.main(["--work", str(tmp_path), *TINY, *counts]) == 0
    out = capsys.readouterr().out
    assert "| ours, float32, 10 runs |" in out
    assert "extrapolated from 8" in out
    result = json.loads((tmp_path / "probe.json").read_text("utf-8"))
    (whole,) = result["whole"]
    assert (whole["num_runs"], whole["epochs"]) == (10, 8)
    # so little work that a busy machine decides whether an epoch takes time at all
    assert whole["first_seconds"] > 0
    expected = whole["first_seconds"] + 99 * whole["epoch_seconds"]
    assert whole["hundred_seconds"] == pytest.approx(expected)
    assert 0.1 < whole["peak_anonymous_gib"] < whole["peak_gib"] < 8
    assert {(row["program"], row["num_runs"]) for row in result["tenth"]} == {
        ("ours", 10),
        ("authors", 5),
    }
    assert [len(row["run_epoch_seconds"]) for row in result["tenth"]] == [1, 1]
    machine = result["machine"]
    assert machine["cores"] >= 1
    assert machine["cpu"]
    assert set(machine["versions"]) >= {"torch", "python", "numpy", "emotion2vec"}


def test_an_epoch_is_the_difference_of_two_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(_: Path, job: dict, **__: int) -> ProcessCost:
        (epochs,) = job["epochs"]
        output = {"seconds": [10.0 + 2.0 * epochs], "gpu_gib": 0.0}
        return ProcessCost(output, 99.0, 20.0 + 4.0 * epochs, float(epochs), 0.5)

    monkeypatch.setattr(probe, "run_measured", made)
    (tmp_path / "all.npy").touch()
    options = argparse.Namespace(seeds=[1], epochs=5, threads=1)
    whole = probe.measure_whole(tmp_path, options, "float32", overrides=[])
    assert (whole.first_seconds, whole.epoch_seconds, whole.hundred_seconds) == (12.0, 2.0, 210.0)
    assert whole.hundred_cpu_seconds == 420.0
    assert whole.peak_gib == 5.0


def test_lengths_add_up_to_iemocaps_frames() -> None:
    lengths = draw_lengths(5531, mean_frames=MEAN_FRAMES)
    assert lengths.sum() == 1_260_000
    assert 28 <= lengths.min() < np.median(lengths) < lengths.mean() < lengths.max() <= 1700


def test_a_tenth_holds_the_same_frames_as_the_whole(tmp_path: Path) -> None:
    for keep_every in (40, 400):
        write_iemocap(tmp_path / str(keep_every), keep_every=keep_every, dim=3, mean_frames=4.0)
    whole, tenth = (FeatureStore.open(tmp_path / name) for name in ("40", "400"))
    assert tenth.ids == whole.ids[::10]
    assert len(set(tenth.sessions)) == 5
    first = int(tenth.lengths_N[0])
    assert np.array_equal(whole.rows()[:first], tenth.rows()[:first])


def test_the_whole_store_is_not_written_twice(tmp_path: Path) -> None:
    sizes = {"keep_every": 400, "dim": 3, "mean_frames": 4.0}
    frames = write_iemocap(tmp_path, **sizes)
    written = (tmp_path / "all.npy").stat().st_mtime_ns
    assert write_iemocap(tmp_path, **sizes) == frames
    assert (tmp_path / "all.npy").stat().st_mtime_ns == written


def test_a_process_is_measured_with_its_own_memory_not_with_ours(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, sys, time\n"
        "block = bytearray(b'x') * (200 * 2**20)\n"
        "time.sleep(0.5)\n"
        "print(json.dumps({'got': json.loads(sys.argv[1])['value']}))\n"
    )
    held_here = bytearray(b"x") * (600 * 2**20)
    cost = run_measured(script, {"value": 3}, threads=1)
    assert len(held_here) > 0
    assert cost.output == {"got": 3}
    assert cost.seconds > 0.5
    assert 0.19 < cost.peak_anonymous_gib < cost.peak_gib < 0.4


def test_a_worker_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text("raise SystemExit(3)\n")
    with pytest.raises(SystemExit, match=r"error: worker.py ended with status 3: \{'value': 1\}"):
        run_measured(script, {"value": 1}, threads=1)


def test_the_figures_go_between_the_pages_markers(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{probe.BEGIN}\nold\n{probe.END}\nafter\n")
    probe.update_readme("| new |", page)
    assert page.read_text() == f"before\n{probe.BEGIN}\n| new |\n{probe.END}\nafter\n"
    real = probe.README.read_text("utf-8")
    assert real.count(probe.BEGIN) == real.count(probe.END) == 1


def test_one_epoch_is_too_little_to_tell_an_epochs_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        probe.main(["--work", "nowhere", "--epochs", "1"])
    assert "--epochs must be at least 2" in capsys.readouterr().err
