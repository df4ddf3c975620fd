"""The benchmark of the training loop at its smallest size."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.fairseq, pytest.mark.slow]


def _run(waits: list[float]) -> dict:
    update = {"forward": 0.5, "backward": 0.4, "optimizer": 0.1}
    rest = {"peak_gib": 1.0, "audio_s_per_s": 3.0}
    return {"workers": 1, "updates": [{"data": wait, **update, **rest} for wait in waits]}


def test_the_share_leaves_out_the_first_updates() -> None:
    from benchmarks import loop

    figures = loop.summarise([_run([9.0, 9.0, 0.0, 0.25])])
    assert figures["share_of_data"] == pytest.approx(0.25 / 2.25)
    assert figures["longest_wait_s"] == 0.25
    assert figures["first_waits_s"] == 18.0


def test_the_table_says_whether_the_target_is_reached() -> None:
    from benchmarks import loop

    summary = {"0": loop.summarise([_run([0, 0, 0.1])]), "1": loop.summarise([_run([0, 0, 0.01])])}
    rows = loop.table({"summary": summary}).splitlines()[2:]
    assert [row.split("|")[-2].strip() for row in rows] == ["no", "yes"]


def test_quick_runs_train_and_read_their_log(tmp_path: Path) -> None:
    from benchmarks import loop

    words = ["--work", str(tmp_path), "--quick", "--workers", "1", "--form", "shards"]
    result = loop.measure(loop.parse(words))
    (one,) = result["runs"]
    assert len(one["updates"]) == 4
    assert 0 < result["summary"]["1"]["share_of_data"] < 1
    assert result["ceiling_gflop_per_s"] > 0
