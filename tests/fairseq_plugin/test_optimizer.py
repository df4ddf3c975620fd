"""Weight decay spares biases, norms and ALiBi scales; a skipped layer's step is that of a zero gradient."""

from types import SimpleNamespace

import pytest
import torch

from tests.model.builders import tiny_config

pytestmark = pytest.mark.fairseq


def _model_and_optimizer() -> tuple[torch.nn.Module, object]:
    from emotion2vec.fairseq_plugin.model import Emotion2VecModel
    from emotion2vec.fairseq_plugin.optimizer import Emotion2VecAdamW
    from emotion2vec.model.factory import build_pretraining_model

    model = Emotion2VecModel(build_pretraining_model(tiny_config()), bf16_autocast=False)
    cfg = SimpleNamespace(lr=[0.1], betas=[0.9, 0.98], eps=1e-6, weight_decay=0.01)
    parameters = [p for p in model.parameters() if p.requires_grad]
    return model, Emotion2VecAdamW(cfg, parameters)


def test_only_matrices_and_kernels_decay() -> None:
    model, optimizer = _model_and_optimizer()
    decaying = {
        id(p) for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]
    }
    for name, parameter in model.named_parameters():
        spared = name.endswith((".bias", "alibi.scale")) or "norm" in name
        assert (id(parameter) in decaying) == (parameter.requires_grad and not spared), name


def test_teacher_is_not_optimised() -> None:
    model, optimizer = _model_and_optimizer()
    optimised = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert optimised.isdisjoint(id(p) for p in model.teacher.parameters())
    assert optimised.issuperset(id(p) for p in model.student.parameters())


def test_parameter_without_gradient_steps_as_with_a_zero_one() -> None:
    (model, optimizer), (other, reference) = _model_and_optimizer(), _model_and_optimizer()
    other.load_state_dict(model.state_dict())
    for network, is_reference in ((model, False), (other, True)):
        for number, parameter in enumerate(p for p in network.parameters() if p.requires_grad):
            if number % 3:
                parameter.grad = torch.full_like(parameter, 0.1 * number)
            elif is_reference:
                parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    reference.step()
    for (name, parameter), expected in zip(
        model.named_parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(parameter, expected), name
