"""The data2vec backbone under fairseq: every utterance method on either backbone, and a run that is killed."""

import signal
from pathlib import Path

import pytest
import torch

from emotion2vec.model.config import BACKBONES, UTTERANCE_METHODS
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

ON_DATA2VEC = ("+ablation=data2vec", "+model.mask_rule=spans")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_manifest_folder(tmp_path_factory.mktemp("data"), num_utts=12, seconds=[1.0, 1.5])


@pytest.mark.parametrize("method", UTTERANCE_METHODS)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_method_trains_on_either_backbone(
    backbone: str, method: str, data: Path, tmp_path: Path
) -> None:
    tokens = {"chunk": 10, "token": 1, "global": 0}[method]
    train(
        data,
        tmp_path,
        f"+model.backbone={backbone}",
        f"+model.utterance_method={method}",
        f"+model.num_utterance_tokens={tokens}",
        "optimization.max_update=3",
    )
    for figures in logged(tmp_path).values():
        assert figures["loss_frame"] > 0
        assert figures["loss_utterance"] > 0
        assert figures["loss"] == pytest.approx(
            figures["loss_frame"] + figures["loss_utterance"], abs=2e-4
        )
    weights = final_state(tmp_path)["model"]
    assert ("decoder.mask_embedding" in weights) == (backbone == "data2vec")
    assert ("student.context.alibi.scale" in weights) == (backbone == "data2vec2")


@pytest.mark.parametrize("config", ["data2vec", "data2vec2", "emotion2vec_base_data2vec"])
def test_a_base_config_trains_at_a_small_width(config: str, data: Path, tmp_path: Path) -> None:
    train(
        data,
        tmp_path,
        *("+run_config=local_cpu", "common.log_interval=1", "dataset.num_workers=0"),
        *("++task.min_sample_size=8000", "dataset.max_tokens=64000", "optimization.max_epoch=1"),
        *("++model.conv_dim=32", "++model.embed_dim=32", "++model.num_heads=4", "++model.depth=2"),
        *("++model.average_top_k_layers=2", "++model.decoder_dim=32", "++model.prenet_depth=1"),
        config=config,
    )
    assert min(figures["loss_frame"] for figures in logged(tmp_path).values()) > 0


def test_decoders_parts_are_trained_and_teacher_has_the_students_positions(
    data: Path, tmp_path: Path
) -> None:
    train(data, tmp_path, *ON_DATA2VEC, "optimization.max_update=1")
    first = final_state(tmp_path)["model"]
    train(data, tmp_path, *ON_DATA2VEC, "optimization.max_update=3")
    last = final_state(tmp_path)["model"]
    for name in ("mask_embedding", "proj.weight", "proj.bias"):
        assert not torch.equal(last[f"decoder.{name}"], first[f"decoder.{name}"])
    for name, average in last.items():
        if name.startswith("teacher."):
            student = last[name.replace("teacher.", "student.", 1)]
            assert torch.equal(average, student) == (".positions." in name), name


def test_run_killed_on_data2vec_repeats_the_whole_run(data: Path, tmp_path: Path) -> None:
    settings = (
        *ON_DATA2VEC, "optimization.max_epoch=4", "optimization.update_freq=[2]", "dataset.num_workers=1",
        "dataset.max_tokens=48000", "checkpoint.save_interval_updates=2",
    )  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(data, whole, *settings, fresh=True)
    run = start_training(data, killed, *settings)
    wait_for_update(run, killed, 5)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert max(logged(killed)) < max(logged(whole))
    train(data, killed, *settings)
    one, two = logged(whole), logged(killed)
    assert one.keys() == two.keys()
    for update in one:
        for name in ("loss", "loss_frame", "loss_utterance", "target_var", "lr", "gnorm"):
            assert one[update][name] == two[update][name], (update, name)
    assert_same_state(final_state(whole), final_state(killed))
