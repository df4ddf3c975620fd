"""Checkpoints are read without executing anything, and start runs with a report of what was done."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.model.checkpoint import file_sha256, load_encoder, read_state
from emotion2vec.model.initialise import initialise_from
from tests.helpers.checkpoints import write_checkpoint
from tests.model.builders import tiny_config, tiny_model


class _Evil:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "checkpoint_last.pt")


def test_load_encoder_returns_the_student_of_the_checkpoint(checkpoint: Path) -> None:
    loaded = load_encoder(checkpoint)
    expected = tiny_model(seed=1).float().student.state_dict()
    assert loaded.config == tiny_config()
    assert loaded.sha256 == file_sha256(checkpoint)
    assert not loaded.encoder.training
    for key, tensor in loaded.encoder.state_dict().items():
        assert torch.equal(tensor, expected[key]), key


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickle_that_runs_code_is_refused_by_name_and_not_executed(
    protocol: int, tmp_path: Path
) -> None:
    path, trace = tmp_path / "evil.pt", tmp_path / "executed"
    path.write_bytes(pickle.dumps(_Evil(f"touch {trace}"), protocol=protocol))
    named = "refused.*posix.system" if protocol < 4 else "not a checkpoint"
    with pytest.raises(CheckpointError, match=rf"evil\.pt: {named}.*nothing was executed"):
        read_state(path)
    assert not trace.exists()


def test_code_inside_a_whole_checkpoint_is_refused_too(tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pt", tmp_path / "executed"
    torch.save({"model": {"w": torch.zeros(2)}, "cfg": _Evil(f"touch {trace}")}, path)
    with pytest.raises(CheckpointError, match="refused"):
        read_state(path)
    assert not trace.exists()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def _text(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _list(path: Path) -> None:
    torch.save([1, 2], path)


def _other_model(path: Path) -> None:
    torch.save({"cfg": {"model": {"_name": "wav2vec2"}}, "model": {}}, path)


def _no_config(path: Path) -> None:
    torch.save({"model": {"w": torch.zeros(3)}}, path)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (Path.unlink, "no such checkpoint"),
        (_cut, "damaged or cut short"),
        (_text, "not a checkpoint|damaged"),
        (_nothing, "damaged or cut short"),
        (_folder, "is a folder"),
        (_list, "holds a list"),
        (_other_model, "holds a model named 'wav2vec2', expected 'emotion2vec'"),
        (_no_config, "holds a model named None"),
    ],
)
def test_what_cannot_be_loaded_is_refused_in_one_sentence(
    harm: Callable[[Path], None], words: str, checkpoint: Path
) -> None:
    harm(checkpoint)
    with pytest.raises(CheckpointError, match=rf"checkpoint_last\.pt: .*({words})"):
        load_encoder(checkpoint)


def test_tensors_of_another_shape_are_listed(checkpoint: Path) -> None:
    state = torch.load(checkpoint, weights_only=True)
    state["model"]["student.frontend.projection.weight"] = torch.zeros(3, 3)
    del state["model"]["student.context.input_norm.bias"]
    state["model"]["student.surprise"] = torch.zeros(1)
    torch.save(state, checkpoint)
    with pytest.raises(CheckpointError) as caught:
        load_encoder(checkpoint)
    message = str(caught.value)
    assert "frontend.projection.weight has shape (3, 3), expected (16, 8)" in message
    assert "context.input_norm.bias is missing" in message
    assert "surprise is unexpected" in message


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
    assert report.created
    for key in report.created:
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
