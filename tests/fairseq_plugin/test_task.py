"""What the task refuses, and what it leaves alone when a checkpoint is only loaded."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from emotion2vec.errors import ConfigError, DivergenceError

pytestmark = pytest.mark.fairseq

TINY = {
    "_name": "emotion2vec", "conv_dim": 8, "embed_dim": 16, "num_heads": 2, "prenet_depth": 1, "depth": 1,
    "average_top_k_layers": 1, "conv_pos_groups": 4, "decoder_dim": 8, "decoder_groups": 4,
}  # fmt: skip


@pytest.fixture
def task() -> Any:
    from emotion2vec.fairseq_plugin.config import PretrainingTaskConfig
    from emotion2vec.fairseq_plugin.task import Emotion2VecPretrainingTask

    return Emotion2VecPretrainingTask(PretrainingTaskConfig(seed=1))


def test_model_of_a_checkpoint_does_not_need_the_file_that_its_run_started_from(task: Any) -> None:
    cfg = OmegaConf.create({**TINY, "init_from": "/gone/initial.pt"})
    model = task.build_model(cfg, from_checkpoint=True)
    assert model.student.context.layers[0].norm1.weight.shape == (16,)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_loss_that_is_no_number_stops_the_run_in_one_sentence(task: Any, loss: float) -> None:
    def criterion(model: Any, sample: Any) -> Any:
        return torch.tensor(loss, requires_grad=True), 1, {"loss": loss}

    model = SimpleNamespace(train=lambda: None, set_num_updates=lambda _: None)
    optimizer = SimpleNamespace(backward=lambda _: None)
    with pytest.raises(DivergenceError, match=r"diverged after 7 updates: the loss is (nan|inf)"):
        task.train_step({}, model, criterion, optimizer, 7)


@pytest.mark.parametrize(
    ("common", "bf16_autocast", "sentence"),
    [
        ({"fp16": True}, True, r"common\.fp16 .* model\.bf16_autocast=false"),
        ({"amp": True}, False, r"common\.amp .* model\.bf16_autocast=true"),
        ({"memory_efficient_fp16": True}, False, r"memory_efficient_fp16"),
    ],
)
def test_precisions_that_exclude_each_other_are_refused(
    common: dict[str, bool], bf16_autocast: bool, sentence: str
) -> None:
    from emotion2vec.fairseq_plugin.checks import validate_precision

    settings = {"fp16": False, "amp": False, "bf16": False, "memory_efficient_fp16": False,
                "memory_efficient_bf16": False, "fp16_no_flatten_grads": True}  # fmt: skip
    with pytest.raises(ConfigError, match=sentence):
        validate_precision(
            OmegaConf.create({**settings, **common}),
            OmegaConf.create({"bf16_autocast": bf16_autocast}),
        )


def test_compiled_layers_without_a_compiler_are_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from emotion2vec.fairseq_plugin.checks import validate_compiler

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    common = OmegaConf.create({"cpu": True})
    validate_compiler(common, OmegaConf.create({"compile_layers": False}))
    with pytest.raises(ConfigError, match=r"needs a C\+\+ compiler on a CPU: install g\+\+"):
        validate_compiler(common, OmegaConf.create({"compile_layers": True}))


@pytest.mark.parametrize("multiple", [0, 320001])
def test_a_length_multiple_that_leaves_nothing_is_refused(multiple: int) -> None:
    from emotion2vec.fairseq_plugin.checks import validate_task
    from emotion2vec.fairseq_plugin.config import PretrainingTaskConfig

    with pytest.raises(ConfigError, match=r"length_multiple must be from 1 to .*=320000, but is"):
        validate_task(PretrainingTaskConfig(length_multiple=multiple))
