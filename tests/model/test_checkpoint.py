"""Checkpoints are read without executing anything, and start runs with a report of what was done."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from emotion2vec.errors import CheckpointError
from emotion2vec.model.checkpoint import file_sha256, load_encoder, read_state
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
    words = r"evil\.pt: refused.*object of 'posix\.system'.*nothing was executed"
    with pytest.raises(CheckpointError, match=words):
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
    path.write_text("epoch 1 loss 0.3\n", encoding="utf-8")


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _list(path: Path) -> None:
    torch.save([1, 2], path)


def _other_model(path: Path) -> None:
    tensors = {"quantizer.vars": torch.zeros(1, 2), "mask_emb": torch.zeros(3)}
    torch.save({"cfg": {"model": {"_name": "wav2vec2"}}, "model": tensors}, path)


def _no_tensors(path: Path) -> None:
    torch.save({"cfg": {"model": {"_name": "wav2vec2"}}, "model": {}}, path)


def _no_config(path: Path) -> None:
    torch.save({"model": {"w": torch.zeros(3)}}, path)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (Path.unlink, "no such checkpoint"),
        (_cut, "damaged or cut short"),
        (_text, "is a text file, expected a checkpoint"),
        (_nothing, "is empty .0 bytes., expected a checkpoint"),
        (_folder, "is a folder without a model, expected model.safetensors and config.json"),
        (_list, "holds a list, expected a checkpoint's dictionary"),
        (_other_model, "holds wav2vec 2.0 .named 'wav2vec2'., expected emotion2vec, data2vec 2.0"),
        (_no_tensors, "holds no tensors .named 'wav2vec2'., expected emotion2vec"),
        (_no_config, "holds an unknown model with tensors w, ...; expected emotion2vec"),
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
