"""A run starts from a checkpoint of any format, and says what was loaded, created, resized and ignored."""

from pathlib import Path

import pytest
import torch

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.model.initialise import initialise_from
from tests.helpers.checkpoints import write_checkpoint
from tests.model.builders import tiny_model


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "checkpoint_last.pt")


def test_new_run_starts_with_the_students_weights_in_student_and_teacher(checkpoint: Path) -> None:
    model = tiny_model(seed=2).float()
    report = initialise_from(model, checkpoint)
    source = tiny_model(seed=1).float()
    for key, tensor in model.student.state_dict().items():
        assert torch.equal(tensor, source.student.state_dict()[key]), key
    for key, tensor in model.teacher.context.state_dict().items():
        assert torch.equal(tensor, source.student.context.state_dict()[key]), key
    assert not report.created
    assert all(name.startswith("teacher.") for name in report.ignored)


def test_new_run_can_take_the_checkpoints_own_teacher(checkpoint: Path) -> None:
    model = tiny_model(seed=2).float()
    initialise_from(model, checkpoint, teacher_init="checkpoint")
    source = tiny_model(seed=1).float().state_dict()
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, source[key]), key


@pytest.mark.parametrize(
    "change", [{"num_utterance_tokens": 1}, {"decoder_dim": 12}, {"decoder_layers": 3}]
)
def test_tokens_and_decoder_of_another_size_are_created_anew(
    change: dict[str, int], checkpoint: Path
) -> None:
    model = tiny_model(seed=2, **change).float()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    report = initialise_from(model, checkpoint)
    fresh = report.created + report.resized
    assert fresh
    for key in fresh:
        assert key.startswith(("decoder.", "student.context.tokens."))
        assert torch.equal(model.state_dict()[key], before[key])
    assert "created" in str(report)


def test_checkpoint_without_tokens_starts_a_run_with_tokens(tmp_path: Path) -> None:
    path = write_checkpoint(
        tmp_path / "frame_only.pt", num_utterance_tokens=0, utterance_method="global"
    )
    report = initialise_from(tiny_model(seed=2).float(), path)
    assert report.created == ("student.context.tokens.embedding",)


def test_checkpoint_of_another_width_is_refused(checkpoint: Path) -> None:
    model = tiny_model(embed_dim=32).float()
    with pytest.raises(CheckpointError, match="tensors do not fit the model: .* has shape"):
        initialise_from(model, checkpoint)


def test_unknown_teacher_init_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match=r"teacher_init must be one of .*'student'.*'techer'"):
        initialise_from(tiny_model().float(), checkpoint, teacher_init="techer")
