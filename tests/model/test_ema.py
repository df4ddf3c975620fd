"""Eq. 10 against loops, the annealing of tau, and a teacher that stays in float32."""

import pytest
import torch

from emotion2vec.model.ema import annealed_decay
from emotion2vec.model.factory import build_pretraining_model
from tests.model.builders import make_batch, tiny_config, tiny_model
from tests.oracles import formulas


@pytest.mark.parametrize("update", [0, 1, 2, 999, 10_000, 19_999, 20_000, 20_001, 10**6])
def test_annealed_decay_equals_the_steps(update: int) -> None:
    arguments = {"start": 0.999, "end": 0.99999, "anneal_updates": 20_000}
    expected = formulas.annealed_decay_by_steps(update, **arguments)
    assert annealed_decay(update, **arguments) == pytest.approx(expected, rel=0, abs=1e-14)


def test_annealed_decay_is_at_its_end_at_once_when_there_is_nothing_to_anneal() -> None:
    assert annealed_decay(1, start=0.9, end=0.99, anneal_updates=0) == 0.99


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999, 0.99999, 1.0])
def test_teacher_update_equals_the_loops(decay: float) -> None:
    model = tiny_model()
    student = dict(model.student.context.named_parameters())
    expected = {
        name: formulas.ema_step_loops(value.detach(), student[name].detach(), decay)
        for name, value in model.teacher.context.named_parameters()
    }
    model.teacher.update(model.student.context, decay)
    assert expected.keys() == student.keys()
    for name, value in model.teacher.context.named_parameters():
        torch.testing.assert_close(value.detach(), expected[name], rtol=1e-12, atol=1e-14)


def test_data2vecs_teacher_copies_positions_and_averages_the_rest() -> None:
    model = tiny_model(backbone="data2vec")
    student = dict(model.student.context.named_parameters())
    before = {name: value.clone() for name, value in model.teacher.context.named_parameters()}
    model.teacher.update(model.student.context, 0.9)
    for name, value in model.teacher.context.named_parameters():
        decay = 0.0 if name.startswith("positions.") else 0.9
        expected = formulas.ema_step_loops(before[name], student[name].detach(), decay)
        torch.testing.assert_close(value.detach(), expected, rtol=1e-12, atol=1e-14)
    assert any(name.startswith("positions.") for name in before)


def test_teacher_update_uses_the_decay_of_the_update_and_returns_it() -> None:
    model = tiny_model(ema_decay=0.5, ema_end_decay=0.9, ema_anneal_end_step=4)
    before = model.teacher.context.input_norm.weight.clone()
    decay = model.update_teacher(3)
    assert decay == pytest.approx(0.8)
    expected = 0.8 * before + 0.2 * model.student.context.input_norm.weight
    torch.testing.assert_close(model.teacher.context.input_norm.weight, expected)


def test_teacher_update_leaves_the_student_alone() -> None:
    model = tiny_model()
    before = [parameter.clone() for parameter in model.student.parameters()]
    model.update_teacher(1)
    for parameter, copy in zip(model.student.parameters(), before, strict=True):
        assert torch.equal(parameter, copy)


def test_teacher_moves_under_a_decay_that_half_precision_would_round_away() -> None:
    model = tiny_model().float().half()
    weight = model.teacher.context.input_norm.weight
    assert weight.dtype == torch.float32
    before = weight.clone()
    with torch.no_grad():
        model.student.context.input_norm.weight.add_(1.0)
    model.teacher.update(model.student.context, 0.99999)
    moved = (weight - before).abs().min()
    assert 0.5e-5 < float(moved) < 2e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_teacher_keeps_its_float32_values_when_the_model_is_lowered(dtype: torch.dtype) -> None:
    model = tiny_model().float()
    before = {name: value.clone() for name, value in model.teacher.state_dict().items()}
    model.to(dtype)
    for name, value in model.teacher.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name])
    assert all(parameter.dtype == dtype for parameter in model.student.parameters())


def test_bfloat16_model_gives_a_loss_near_that_of_float32() -> None:
    model = tiny_model().float()
    batch = make_batch((6400, 6400))
    batch = type(batch)(batch.waveform_BS.float(), None, batch.masked_BCT)
    expected = model(batch)
    output = model.bfloat16()(batch)
    torch.testing.assert_close(output.frame_sum, expected.frame_sum, rtol=0.05, atol=0)
    torch.testing.assert_close(output.utterance_sum, expected.utterance_sum, rtol=0.2, atol=0)


def test_fresh_teacher_equals_the_student() -> None:
    model = build_pretraining_model(tiny_config())
    student = model.student.context.state_dict()
    for name, value in model.teacher.context.state_dict().items():
        assert torch.equal(value, student[name])
