"""What the registered model makes of its config: how a run starts, and which parameters decay."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from emotion2vec.model.config import BACKBONES
from tests.helpers.checkpoints import write_checkpoint
from tests.model.builders import tiny_config

pytestmark = pytest.mark.fairseq


def build(**settings: Any) -> Any:
    from emotion2vec.fairseq_plugin.model import Emotion2VecModel

    run = {"init_from": None, "teacher_init": "student", "bf16_autocast": False}
    return Emotion2VecModel.build_model(
        OmegaConf.create({"_name": "emotion2vec", **asdict(tiny_config()), **run, **settings})
    )


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(
    ("teacher_init", "owner"), [("student", "student"), ("checkpoint", "teacher")]
)
def test_teacher_of_a_run_starts_from_the_student_or_from_the_checkpoints_teacher(
    teacher_init: str, owner: str, backbone: str, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "initial.pt", backbone=backbone)
    weights = torch.load(path, weights_only=True)["model"]
    model = build(backbone=backbone, init_from=str(path), teacher_init=teacher_init)
    for name, value in model.teacher.context.state_dict().items():
        assert torch.equal(value, weights[f"{owner}.context.{name}"]), name
    for name, value in model.student.state_dict().items():
        assert torch.equal(value, weights[f"student.{name}"]), name


@pytest.mark.parametrize("backbone", BACKBONES)
def test_weight_decay_leaves_vectors_and_alibi_scales_alone(backbone: str) -> None:
    exempt = {
        name
        for name, parameter in build(backbone=backbone).named_parameters()
        if hasattr(parameter, "optim_overrides")
    }
    assert "student.context.input_norm.weight" in exempt
    assert "student.context.layers.0.attn.qkv.weight" not in exempt
    assert ("student.context.alibi.scale" in exempt) == (backbone == "data2vec2")
    assert ("decoder.mask_embedding" in exempt) == (backbone == "data2vec")
