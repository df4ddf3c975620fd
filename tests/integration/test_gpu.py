"""On a GPU: the same losses as on the CPU, and training in float32, bfloat16 and float16."""

from pathlib import Path

import pytest
import torch

from emotion2vec.structs import PretrainBatch
from tests.helpers.training import final_state, logged, train
from tests.helpers.wav import make_manifest_folder
from tests.model.builders import make_batch, tiny_model

pytestmark = [pytest.mark.gpu, pytest.mark.fairseq]

ON_GPU = ("common.cpu=false", "optimization.max_update=3")


def test_losses_and_gradients_on_the_gpu_equal_those_on_the_cpu() -> None:
    batch = make_batch((16000, 16000, 12000))
    on_cpu, on_gpu = tiny_model(), tiny_model().cuda()
    padding = None if batch.padding_BS is None else batch.padding_BS.cuda()
    moved = PretrainBatch(batch.waveform_BS.cuda(), padding, batch.masked_BCT.cuda())
    for model, used in ((on_cpu, batch), (on_gpu, moved)):
        model.combine(model(used)).backward()
    for (name, parameter), other in zip(
        on_cpu.named_parameters(), on_gpu.parameters(), strict=True
    ):
        if parameter.grad is not None:
            torch.testing.assert_close(
                parameter.grad, other.grad.cpu(), rtol=1e-8, atol=1e-10, msg=name
            )


@pytest.mark.slow
@pytest.mark.parametrize(
    "precision",
    [
        (),
        ("+model.bf16_autocast=true",),
        ("common.fp16=true", "common.fp16_no_flatten_grads=true"),
    ],
    ids=["float32", "bfloat16", "float16"],
)
def test_run_on_the_gpu_follows_the_run_on_the_cpu(
    precision: tuple[str, ...], tmp_path: Path
) -> None:
    data = make_manifest_folder(tmp_path / "data", num_utts=12, seconds=[1.0, 1.5])
    train(data, tmp_path / "cpu", "optimization.max_update=3")
    train(data, tmp_path / "gpu", *ON_GPU, *precision)
    cpu, gpu = logged(tmp_path / "cpu"), logged(tmp_path / "gpu")
    assert gpu[1]["loss_frame"] == pytest.approx(cpu[1]["loss_frame"], rel=0.05)
    teacher = {
        k: t for k, t in final_state(tmp_path / "gpu")["model"].items() if k.startswith("teacher.")
    }
    assert {tensor.dtype for tensor in teacher.values()} == {torch.float32}
