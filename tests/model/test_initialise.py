"""A run starts from a checkpoint of any format, and says what was loaded, created, resized and ignored."""

from pathlib import Path
from typing import Any

import pytest
import torch

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.model.initialise import InitReport, initialise_from
from tests.helpers.checkpoints import (
    assert_same,
    bare_state,
    write_checkpoint,
    write_funasr,
    write_hub,
)
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


def start(path: Path, *, teacher_init: str = "student", **settings: Any) -> InitReport:
    """Start a tiny run with other weights from a file."""
    model = tiny_model(seed=2, **settings).float()
    return initialise_from(model, path, teacher_init=teacher_init)


@pytest.mark.parametrize("form", ["ours", "fairseq", "funasr", "hub"])
def test_a_run_starts_from_every_format(form: str, tmp_path: Path) -> None:
    source, model = tiny_model(seed=1).float(), tiny_model(seed=2).float()
    path = tmp_path / "source"
    if form == "funasr":
        write_funasr(path, source)
    elif form == "hub":
        write_hub(path, source)
    else:
        torch.save(bare_state(source, form), path)
    report = initialise_from(model, path)
    assert (report.created, report.resized) == ((), ())
    assert_same(model.student.state_dict(), source.student.state_dict())
    assert_same(model.decoder.state_dict(), source.decoder.state_dict())
    assert_same(model.teacher.context.state_dict(), source.student.context.state_dict())


def test_a_checkpoint_in_half_precision_starts_a_run_in_single(tmp_path: Path) -> None:
    source, model = tiny_model(seed=1).half(), tiny_model(seed=2).float()
    torch.save(bare_state(source, "fairseq"), tmp_path / "f.pt")
    initialise_from(model, tmp_path / "f.pt")
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32}
    assert_same(model.student.state_dict(), source.student.float().state_dict())


def test_a_decoder_that_fits_in_part_is_created_as_a_whole(checkpoint: Path) -> None:
    model = tiny_model(seed=2, decoder_kernel=5).float()
    before = {key: value.clone() for key, value in model.decoder.state_dict().items()}
    report = initialise_from(model, checkpoint)
    assert_same(model.decoder.state_dict(), before)
    assert {f"decoder.{key}" for key in before} == set(report.resized)


@pytest.mark.parametrize("tokens", [0, 2])
def test_a_teacher_from_the_checkpoint_gets_the_students_fresh_tokens(
    tokens: int, tmp_path: Path
) -> None:
    method = {} if tokens else {"utterance_method": "global"}
    path = write_checkpoint(tmp_path / "f.pt", num_utterance_tokens=tokens, **method)
    model = tiny_model(seed=2).float()
    fresh = model.student.context.tokens.embedding.detach().clone()
    initialise_from(model, path, teacher_init="checkpoint")
    assert torch.equal(model.student.context.tokens.embedding, fresh)
    assert torch.equal(model.teacher.context.tokens.embedding, fresh)


def test_a_run_without_tokens_ignores_those_of_the_checkpoint(checkpoint: Path) -> None:
    report = start(checkpoint, num_utterance_tokens=0, utterance_method="global")
    assert "student.context.tokens.embedding" in report.ignored
    assert not report.created


def test_the_report_counts_tensors_by_part(checkpoint: Path) -> None:
    report = start(checkpoint, num_utterance_tokens=5)
    assert str(report).splitlines() == [
        "  emotion2vec fairseq checkpoint",
        "  part                loaded  created  resized  ignored",
        "  feature extractor       25        0        0        0",
        "  positions                4        0        0        0",
        "  utterance tokens         0        0        1        0",
        "  transformer             39        0        0        0",
        "  decoder                  6        0        0        0",
        "  teacher                  0        0        0       44  (a copy of the student)",
    ]


def test_a_missing_teacher_is_said_when_it_is_asked_for(tmp_path: Path) -> None:
    torch.save(bare_state(tiny_model().float(), "fairseq"), tmp_path / "f.pt")
    words = r"f\.pt: has no teacher, but teacher_init is 'checkpoint'; set teacher_init=student"
    with pytest.raises(CheckpointError, match=words):
        start(tmp_path / "f.pt", teacher_init="checkpoint")


def test_the_other_backbone_is_refused(checkpoint: Path) -> None:
    words = (
        r"has backbone=data2vec2 \(emotion2vec fairseq checkpoint\), but the run has model\.backbone=data2vec; set "
        r"model\.backbone=data2vec2 or start from another checkpoint"
    )
    with pytest.raises(CheckpointError, match=words):
        start(checkpoint, backbone="data2vec", prenet_depth=0, depth=3)


def test_another_number_of_heads_is_refused_where_no_shape_tells(tmp_path: Path) -> None:
    layers = {"backbone": "data2vec", "prenet_depth": 0, "depth": 3}
    path = write_checkpoint(tmp_path / "f.pt", num_heads=4, **layers)
    with pytest.raises(CheckpointError, match=r"has num_heads=4 .*model\.num_heads=2"):
        start(path, num_heads=2, **layers)
