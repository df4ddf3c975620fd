import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from emotion2vec.errors import ReportError
from emotion2vec.report.training_log import read_training_log
from tests.report.conftest import make_log_line


def test_every_quantity_becomes_a_series_over_updates(write_log: Callable[..., Path]) -> None:
    log = read_training_log(write_log())

    assert log.series["loss"][:2] == ((1, 3.0), (2, 1.5))
    assert log.series["ema_decay"][-1] == (5, 0.999)
    assert log.num_updates == 5
    assert log.name == "pretrain"


@pytest.mark.parametrize("prefix", ["", "2026-01-02 03:04:05 | INFO | train_inner | "])
def test_figures_are_found_alone_or_behind_a_prefix(
    write_log: Callable[..., Path], prefix: str
) -> None:
    line = prefix + make_log_line(7, prefix="")

    assert read_training_log(write_log(lines=[line])).series["gnorm"] == ((7, 1.5),)


def test_the_summary_of_an_epoch_is_not_an_update(write_log: Callable[..., Path]) -> None:
    summary = '{"epoch": 1, "train_loss": "2.9", "train_num_updates": "119"}'

    assert read_training_log(write_log(lines=[make_log_line(1), summary])).num_updates == 1


def test_of_a_resumed_run_the_later_line_of_an_update_counts(
    write_log: Callable[..., Path],
) -> None:
    lines = [make_log_line(1), make_log_line(2, loss="9.0"), make_log_line(2, loss="1.25")]

    assert read_training_log(write_log(lines=lines)).series["loss"] == ((1, 3.0), (2, 1.25))


def test_figures_that_are_not_finite_leave_a_gap(write_log: Callable[..., Path]) -> None:
    lines = [make_log_line(1), make_log_line(2, loss="nan"), make_log_line(3, loss="1.0")]

    assert read_training_log(write_log(lines=lines)).series["loss"] == ((1, 3.0), (3, 1.0))


def test_a_line_cut_short_is_counted_and_left_out(
    write_log: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = write_log(lines=[make_log_line(1), make_log_line(2)[:-30]])

    with caplog.at_level(logging.WARNING):
        log = read_training_log(path)

    assert log.num_updates == 1
    assert "1 lines of training figures are cut short; left out" in caplog.text


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ReportError, match=r"train\.log: no such file; expected the log of a pre-training"
    ):
        read_training_log(tmp_path / "train.log")


def test_a_log_without_training_figures_says_what_to_do(write_log: Callable[..., Path]) -> None:
    with pytest.raises(
        ReportError, match=r"none of its 2 lines holds training figures.*log_interval"
    ):
        read_training_log(write_log(lines=[]))
