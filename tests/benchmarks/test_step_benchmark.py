"""The benchmarks of the training step at miniature size: what they measure and write, not how fast it is."""

import json
import math
import re
from pathlib import Path

import pytest
import torch

from benchmarks import growth, measure, memory, output, processes, step

ROOT = Path(__file__).resolve().parents[2]
MINIATURE = [
    "--size",
    "small",
    "--utts",
    "1",
    "--seconds",
    "0.5",
    "--clones",
    "2",
    "--threads",
    "1",
]


def test_the_allocators_variables_are_those_that_pretraining_sets() -> None:
    script = (ROOT / "scripts" / "pretrain.sh").read_text("utf-8")
    set_there = dict(re.findall(r'export (MALLOC_\w+)="\$\{\w+:-(\d+)\}"', script))
    assert set_there == processes.ALLOCATOR


@pytest.mark.slow
@pytest.mark.fairseq
def test_a_step_is_measured_in_turn_with_fairseqs_and_written_with_ratios(tmp_path: Path) -> None:
    pytest.importorskip("fairseq", reason="fairseq is not installed: nothing to compare with")
    file = tmp_path / "step.json"
    step.main(
        [*MINIATURE, "--rounds", "2", "--variants", "fairseq", "plain", "all", "--json", str(file)]
    )
    content = json.loads(file.read_text("utf-8"))
    assert content["settings"]["variants"] == ["fairseq", "plain", "all"]
    assert {name: len(steps) for name, steps in content["steps"].items()} == {
        "fairseq": 3, "plain": 3, "all": 3,
    }  # fmt: skip
    plain, fast = content["steps"]["plain"][0], content["steps"]["all"][0]
    assert plain["loss"] == pytest.approx(fast["loss"], rel=1e-5), "same weights, masks and noise"
    assert plain["operations"] == pytest.approx(fast["operations"], rel=0.02)
    for name, row in content["summary"].items():
        assert row["seconds"] > 0
        assert row["peak_gib"] > 0.05
        assert 0 < row["share_of_peak"] < 1
        assert (row["ratio_cpu_seconds"] == 1.0) == (name == "fairseq")


def test_a_ratio_is_the_median_of_each_rounds_ratio() -> None:
    def made(seconds: float) -> dict[str, object]:
        parts = {"forward": seconds, "backward": 0.0, "optimizer": 0.0, "teacher": 0.0}
        rest = {"parts": parts, "peak_gib": seconds, "operations": 10**9}
        return {"seconds": seconds, "cpu_seconds": 2 * seconds, **rest}

    steps = {
        "fairseq": [made(s) for s in (100.0, 4.0, 40.0, 8.0)],
        "all": [made(s) for s in (0.1, 2.0, 10.0, 8.0)],
    }
    summary = step.summarise(steps, measure.Ceiling(wall=1.0, cpu=0.5), on_cpu=True)
    assert summary["all"]["ratio_seconds"] == 2.0, "of 2, 4 and 1; the warm-up is left out"
    assert summary["all"]["seconds"] == 8.0
    assert summary["all"]["share_of_peak"] == pytest.approx(1 / (16.0 * 0.5))
    assert summary["all"]["peak_gib"] == 10.0
    alone = step.summarise({"all": steps["all"]}, measure.Ceiling(1.0, 0.5), on_cpu=False)
    assert math.isnan(alone["all"]["ratio_seconds"])
    assert alone["all"]["share_of_peak"] == pytest.approx(1 / 8.0)


@pytest.mark.slow
@pytest.mark.fairseq
def test_growth_names_what_its_budget_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fairseq", reason="masks are drawn with fairseq's function")
    file = tmp_path / "growth.json"
    arguments = [*MINIATURE, "--quick", "--rounds", "1", "--grow", "clones", "--budget-s", "0.01"]
    growth.main([*arguments, "--json", str(file)])
    content = json.loads(file.read_text("utf-8"))
    (result,) = content["results"]
    assert (result["clones"], result["utts"], result["grows"]) == (1, 1, "clones")
    assert len(result["step_steps"]) == 2
    assert [sizes["clones"] for sizes in content["left_out"]] == [4, 8]
    assert "left out, --budget-s 0 was spent" in capsys.readouterr().out


def test_growth_that_is_stopped_leaves_what_it_has_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "growth.json"
    made = [{"seconds": 1.0, "cpu_seconds": 2.0, "peak_gib": 3.0, "steps": []}]

    def measure_point(*_: object) -> dict[str, object]:
        if not made:
            raise KeyboardInterrupt
        return made.pop()

    monkeypatch.setattr(growth, "measure_point", measure_point)
    with pytest.raises(KeyboardInterrupt):
        growth.main([*MINIATURE, "--quick", "--json", str(file)])
    content = json.loads(file.read_text("utf-8"))
    assert [(one["grows"], one["seconds"]) for one in content["results"]] == [("seconds", 2)]


def test_growth_varies_one_size_at_a_time() -> None:
    options = growth.parse(["--quick", "--utts", "3"])
    sizes = list(growth.points(options))
    assert options.rounds == 2
    assert sizes[0] == ("seconds", {"utts": 3, "seconds": 2, "clones": 8})
    assert [point["utts"] for name, point in sizes if name == "utts"] == [1, 2]


@pytest.mark.fairseq
def test_memory_falls_from_plain_to_blockwise_to_checkpointed(tmp_path: Path) -> None:
    pytest.importorskip("fairseq", reason="masks are drawn with fairseq's function")
    file = tmp_path / "memory.json"
    memory.main(
        [
            "--size",
            "small",
            "--seconds",
            "2",
            "--clones",
            "2",
            "--threads",
            "1",
            "--json",
            str(file),
        ]
    )
    rows = json.loads(file.read_text("utf-8"))["rows"]
    saved = {row["variant"]: row["saved_gib"] for row in rows}
    assert saved["plain"] > saved["blockwise"] > saved["checkpointed"]
    assert saved["checkpointed"] >= saved["blockwise, checkpointed"]
    for row in rows:
        assert row["paper_saved_gib"] == pytest.approx(row["saved_gib"] * 1e6 / 32000)
        filled = row["constant_gib"] + row["saved_gib"] * row["largest_batch"] / 32000
        assert filled == pytest.approx(20.0), "the largest batch fills what --gpu-gib says"


def test_nothing_fits_where_the_constant_part_alone_is_too_large() -> None:
    assert memory.largest_batch(saved_per_sample=1.0, constant=2.0, memory=1.0) == 0


def test_a_ceiling_is_near_what_one_product_reaches() -> None:
    ceiling = measure.measure_ceiling([(64, 64, 64)], threads=1, device="cpu", dtype=torch.float32)
    assert ceiling.wall > 0.01
    assert ceiling.cpu > 0.01


def test_tables_round_and_dash() -> None:
    text = output.markdown_table(("a", "b"), [["x", 1234.5], ["y", float("nan")], ["z", 0.12345]])
    assert text.splitlines()[2:] == ["| x | 1234 |", "| y | - |", "| z | 0.123 |"]
