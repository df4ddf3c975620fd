"""Figures of spread against loops; the sentences a collapsed or degenerate run gives."""

import logging
import math

import pytest
import torch

from emotion2vec.errors import CollapseError
from emotion2vec.model.config import ModelConfig
from emotion2vec.model.diagnostics import CollapseMonitor, channel_std
from tests.model.builders import make_batch, tiny_model
from tests.model.helpers import seeded
from tests.oracles import formulas

HEALTHY = {"target_var": 0.9, "pred_var": 0.5, "utterance_target_var": 0.1}


@pytest.mark.parametrize("shape", [(2, 1), (5, 3), (40, 8)])
def test_channel_std_equals_the_loops(shape: tuple[int, int]) -> None:
    values_ND = seeded(*shape) * 3 + 1
    assert float(channel_std(values_ND)) == pytest.approx(formulas.channel_std_loops(values_ND))


def test_channel_std_of_collapsed_values_is_the_root_of_its_epsilon() -> None:
    assert float(channel_std(torch.ones(7, 3))) == pytest.approx(1e-3)


def test_channel_std_of_a_single_row_is_unknown() -> None:
    assert math.isnan(float(channel_std(torch.zeros(1, 3))))


@pytest.mark.parametrize(("name", "limit"), [("target_var", "0.1"), ("pred_var", "0.01")])
def test_collapse_after_the_first_updates_stops_with_figure_and_limit(
    name: str, limit: str
) -> None:
    monitor = CollapseMonitor(ModelConfig())
    with pytest.raises(
        CollapseError, match=rf"update 5001: {name}=0\.001 is below its limit {limit}"
    ):
        monitor.check({**HEALTHY, name: 0.001}, update=5001)


def test_collapse_is_not_checked_during_the_first_updates() -> None:
    monitor = CollapseMonitor(ModelConfig())
    monitor.check({**HEALTHY, "pred_var": 0.0}, update=5000)
    with pytest.raises(CollapseError):
        monitor.check({**HEALTHY, "pred_var": 0.0}, update=5001)


def test_degenerate_utterance_target_warns_and_names_the_cure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    monitor = CollapseMonitor(ModelConfig(utterance_target_norm="instance"))
    with caplog.at_level(logging.WARNING):
        monitor.check({**HEALTHY, "utterance_target_var": 1e-12}, update=1)
        monitor.check({**HEALTHY, "utterance_target_var": 1e-12}, update=2)
    assert len(caplog.messages) == 1
    assert "utterance_target_var=1e-12 is below 0.0015" in caplog.messages[0]
    assert "use `layer`" in caplog.messages[0]


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_collapse_to_position_warns_with_and_without_utterance_loss(
    weight: float, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = CollapseMonitor(ModelConfig(utterance_loss_weight=weight))
    with caplog.at_level(logging.WARNING):
        monitor.check({**HEALTHY, "utterance_target_var": 0.00103}, update=1)
    assert "tells positions apart but not utterances: try a lower learning rate" in caplog.text


def test_released_norm_without_utterance_loss_does_not_warn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = ModelConfig(utterance_loss_weight=0.0, utterance_target_norm="instance")
    CollapseMonitor(config).check({**HEALTHY, "utterance_target_var": 0.001}, update=1)
    assert not caplog.messages


def test_healthy_figures_neither_stop_nor_warn(caplog: pytest.LogCaptureFixture) -> None:
    CollapseMonitor(ModelConfig()).check(HEALTHY, update=10_000)
    assert not caplog.messages


@pytest.mark.parametrize("method", ["chunk", "token", "global"])
def test_utterance_target_varies_with_layer_norm_and_not_with_instance_norm(method: str) -> None:
    batch = make_batch((6400, 6400, 6400))
    variances = {
        norm: float(
            tiny_model(utterance_method=method, utterance_target_norm=norm)(
                batch
            ).diagnostics.utterance_target_var
        )
        for norm in ("layer", "instance")
    }
    assert variances["layer"] > 1e-2
    assert variances["instance"] == pytest.approx(1e-3, rel=1e-3)  # the floor: no variation at all


def test_masked_share_is_the_share_of_masked_frames() -> None:
    batch = make_batch((6400, 6400))
    share = tiny_model()(batch).diagnostics.masked_share
    assert float(share) == pytest.approx(float(batch.masked_BCT.double().mean()))
