"""Compiled layers against plain ones, at several lengths.

`aot_eager` traces and differentiates as `inductor` does, but compiles nothing, which takes a minute.
"""

import shutil
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from emotion2vec.model.compiled import compile_layers
from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.structs import PretrainBatch
from tests.model.test_fast_paths import QUIET, SMALL, make_batch, make_model

NEEDS_COMPILER = pytest.mark.skipif(
    shutil.which("g++") is None, reason="inductor needs a C++ compiler"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attention", "backend"),
    [pytest.param("plain", "inductor", marks=NEEDS_COMPILER), ("blockwise", "aot_eager")],
)
def test_compiled_layers_equal_plain_ones_and_are_compiled_once_for_all_lengths(
    attention: str, backend: str
) -> None:
    config = replace(SMALL, **QUIET, mask_noise_std=0.0, attention=attention)
    plain, compiled = make_model(config), make_model(config)
    compile_layers(compiled, backend=backend)
    assert list(compiled.state_dict()) == list(plain.state_dict())
    batch = make_batch(padded=False)
    shorter = PretrainBatch(batch.waveform_BS[:, :5000], None, batch.masked_BCT[:, :, :15])
    shorter.masked_BCT[:] = torch.arange(15) < 6
    for number, one in enumerate((batch, shorter, batch)):
        with torch.compiler.set_stance("fail_on_recompile" if number else "default"):
            expected, got = (_step(model, one) for model in (plain, compiled))
        for name, value in expected.items():
            torch.testing.assert_close(got[name], value, rtol=1e-8, atol=1e-10)


def _step(model: Emotion2VecPretraining, batch: PretrainBatch) -> dict[str, Tensor]:
    model.zero_grad()
    output = model(batch)
    (model.combine(output) / output.counts.num_masked).backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return {"frame": output.frame_sum, "utterance": output.utterance_sum, **gradients}
