"""One model of `step.py` and `growth.py`, which makes one training step whenever it is asked to.

In: a JSON object as the only argument, then one a line. Out: a line of JSON for each: seconds, memory.
A step is forward, backward, AdamW and the teacher's update; weights, masks and noise come from fixed seeds.
"""

import contextlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils.flop_counter import flop_registry  # noqa: E402

from benchmarks.measure import clock  # noqa: E402
from benchmarks.processes import serve  # noqa: E402
from emotion2vec.model.compiled import compile_layers  # noqa: E402
from emotion2vec.model.config import ModelConfig  # noqa: E402
from emotion2vec.model.context import MemoryUse  # noqa: E402
from emotion2vec.model.factory import build_pretraining_model  # noqa: E402
from emotion2vec.structs import PretrainBatch  # noqa: E402
from tests.helpers import fairseq_data2vec2  # noqa: E402

_ATEN = torch.ops.aten
_SETTINGS = {"lr": 1e-5, "betas": (0.9, 0.98), "eps": 1e-6, "weight_decay": 0.01}
_SMALL: dict[str, Any] = {
    "conv_dim": 32, "embed_dim": 48, "num_heads": 6, "prenet_depth": 2, "depth": 3, "decoder_dim": 32,
    "average_top_k_layers": 2,
}  # fmt: skip


class OurStep:
    """Emotion2vec with utterance tokens and utterance loss; layer drop off, as fairseq's audio models have it."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.device = torch.device(job["device"])
        torch.manual_seed(0)
        sizes = _SMALL if job["size"] == "small" else {}
        tokens = {"num_utterance_tokens": job["tokens"], "clone_batch": job["clones"]}
        method = {} if job["tokens"] else {"utterance_method": "global"}
        config = ModelConfig(**sizes, **tokens, **method, layerdrop=0.0, prenet_layerdrop=0.0)
        self.model = build_pretraining_model(config).train().to(self.device)
        if job["kind"] == "compiled":
            compile_layers(self.model)
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(parameters, fused=True, **_SETTINGS)
        waveform_BS, masked_RT = _batch(job)
        masked_BCT = masked_RT.bool().view(waveform_BS.size(0), job["clones"], -1)
        self.batch = PretrainBatch(waveform_BS, None, masked_BCT)

    def choose(self, paths: dict[str, Any]) -> None:
        """Switch the fast paths of the model."""
        model, context = self.model, self.model.student.context
        checkpoints = paths.get("checkpoint_layers", False)
        model.student.frontend.convolutions = paths.get("frontend", "auto")
        model.student.frontend.checkpoint_layers = checkpoints
        for part in (context, model.teacher.context):
            part.positions.convolutions = paths.get("positions", "auto")
        model.decoder.convolutions = paths.get("positions", "auto")
        context.memory = MemoryUse(paths.get("attention", "auto"), checkpoints)

    def loss(self) -> Tensor:
        """Forward pass."""
        output = self.model(self.batch)
        return self.model.combine(output) / output.counts.num_masked

    def update_teacher(self, update: int) -> None:
        """Eq. 10."""
        self.model.update_teacher(update)


class FairseqStep:
    """fairseq's own data2vec 2.0, unmodified; torch's AdamW as it is by default."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.device = torch.device(job["device"])
        sizes = {"clone_batch": job["clones"]}
        if job["size"] == "small":
            sizes = {**fairseq_data2vec2.SMALL_SIZES, **sizes}
        model = fairseq_data2vec2.reference_model(num_extra_tokens=job["reference_tokens"], **sizes)
        self.model = model.train().to(self.device)
        self.model.set_num_updates(0)
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(parameters, **_SETTINGS)
        self.waveform_BS, self.masked_RT = _batch(job)

    def choose(self, paths: dict[str, Any]) -> None:
        """Nothing to choose: as shipped."""
        assert not paths, f"fairseq's model has no fast paths, got {paths}"

    def loss(self) -> Tensor:
        """Forward pass."""
        output = self.model(self.waveform_BS, precomputed_mask=self.masked_RT)
        return output["losses"]["AUDIO_regression"].sum() / output["sample_size"]

    def update_teacher(self, update: int) -> None:
        """As fairseq averages."""
        self.model.set_num_updates(update)


class CountOperations(TorchDispatchMode):
    """Counts the operations of matrix products and convolutions, two for each multiplication and sum."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and count it."""
        output = func(*args, **(kwargs or {}))
        kind = func._overloadpacket
        if kind is _ATEN.convolution_backward:
            # torch's formula counts the weight's gradient once for each group
            gradient, _, weight = args[:3]
            product = 2 * gradient.numel() * weight[0].numel()
            self.total += product * sum(args[10][:2])
        elif kind is _ATEN._scaled_dot_product_flash_attention_for_cpu:  # torch has no formula
            query, key = args[:2]
            self.total += 4 * query.numel() * key.size(-2)
        else:
            kind = _ATEN.addmm if kind is _ATEN.addmm_ else kind
            if kind in flop_registry:
                self.total += flop_registry[kind](*args, **(kwargs or {}), out_val=output)
        return output


def _batch(job: dict[str, Any]) -> tuple[Tensor, Tensor]:
    waveform_BS, masked_RT = fairseq_data2vec2.reference_batch(
        num_utterances=job["utts"],
        num_samples=int(job["seconds"] * 16000),
        num_clones=job["clones"],
    )
    return waveform_BS.to(job["device"]), masked_RT.to(job["device"])


def make_step(step: Any, update: int, *, precision: str) -> dict[str, Any]:
    """Make one training step and return what it took."""
    on_gpu = step.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    precise: Any = contextlib.nullcontext()
    if precision == "bf16":
        precise = torch.autocast(step.device.type, dtype=torch.bfloat16)
    processor, times = time.process_time(), [clock(step.device)]
    step.optimizer.zero_grad()
    with precise:
        loss = step.loss()
    times.append(clock(step.device))
    loss.backward()
    times.append(clock(step.device))
    step.optimizer.step()
    times.append(clock(step.device))
    step.update_teacher(update)
    times.append(clock(step.device))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    names = ("forward", "backward", "optimizer", "teacher")
    return {
        "seconds": times[-1] - times[0],
        "cpu_seconds": time.process_time() - processor,
        "parts": {n: b - a for n, a, b in zip(names, times, times[1:], strict=False)},
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if on_gpu else kilobytes / 2**20,
        "loss": loss.item(),
    }


def main() -> None:
    """Build the model, then make steps."""
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    step: Any = FairseqStep(job) if job["kind"] == "fairseq" else OurStep(job)
    updates = iter(range(1, 10**9))

    def answer(command: dict[str, Any]) -> dict[str, Any]:
        step.choose(command.get("paths", {}))
        if not command.get("count_operations"):
            return make_step(step, next(updates), precision=job["precision"])
        with CountOperations() as counter, torch.compiler.set_stance("force_eager"):
            result = make_step(step, next(updates), precision=job["precision"])
        if job["kind"] == "compiled":  # which happens now
            make_step(step, next(updates), precision=job["precision"])
        return {**result, "operations": counter.total}

    serve(answer)


if __name__ == "__main__":
    main()
