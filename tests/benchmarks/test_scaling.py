"""The costs on paper: formulas against counted operations, and the paper's own time."""

from pathlib import Path

import pytest

from benchmarks import scaling
from benchmarks.step_worker import CountOperations, OurStep
from emotion2vec.model.config import ModelConfig


@pytest.mark.fairseq
@pytest.mark.parametrize(("tokens", "seconds"), [(10, 2.0), (3, 4.0)])
def test_the_formulas_equal_the_operations_that_are_counted(tokens: int, seconds: float) -> None:
    pytest.importorskip("fairseq", reason="masks are drawn with fairseq's function")
    job = {
        "kind": "ours",
        "device": "cpu",
        "size": "small",
        "tokens": tokens,
        "clones": 2,
        "utts": 1,
    }
    step = OurStep({**job, "seconds": seconds})
    step.choose({"frontend": "plain", "positions": "plain", "attention": "plain"})
    with CountOperations() as counter:
        step.loss().backward()
    masked = int(step.batch.masked_BCT[0, 0].sum())
    formula = scaling.step_operations(step.model.config, int(16000 * seconds), masked=masked)
    # the formula counts a gradient of the waveform, which nobody asks for
    waveform = scaling.first_convolution(step.model.config, int(16000 * seconds))
    assert counter.total == pytest.approx(formula.total - waveform, rel=1e-4)


def test_the_papers_time_and_its_own_speed_give_247_gpu_hours() -> None:
    config = ModelConfig()
    speed = scaling.achieved_by_paper(config, 5.0)
    hours = scaling.gpu_hours(config, scaling.PAPER_HOURS, speed, 5.0)
    assert hours == pytest.approx(37 * 100 * 4 / 60)


def test_one_gpu_sends_nothing_and_two_send_each_gradient_once() -> None:
    assert scaling.exchange_seconds(10**9, 1, 10.0) == 0
    assert scaling.exchange_seconds(10**9, 2, 10.0) == pytest.approx(0.4)


def test_the_page_holds_the_tables_that_the_program_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scaling.main([])
    page = Path(scaling.DOC).read_text("utf-8")
    assert capsys.readouterr().out.strip() in page
