"""Registers the criterion `emotion2vec`: calls the model, counts, and flattens figures into fairseq's log.

fairseq divides the gradient of a whole effective batch by the sum of `sample_size` (masked frames), which
`Emotion2VecPretraining.combine` takes into account: the result is Eq. 9 on the effective batch.
"""

import math
from typing import Any

import torch
from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.logging import metrics
from torch import Tensor

from emotion2vec.errors import ManifestError
from emotion2vec.fairseq_plugin.config import CriterionConfig
from emotion2vec.model.emotion2vec import PretrainOutput
from emotion2vec.model.losses import LossCounts
from emotion2vec.structs import PretrainBatch

FIGURES = ("target_var", "pred_var", "utterance_target_var", "masked_share")


@register_criterion("emotion2vec", dataclass=CriterionConfig)
class Emotion2VecCriterion(FairseqCriterion):  # type: ignore[misc]
    """Frame loss + alpha * utterance loss (Eq. 9)."""

    def forward(
        self, model: Any, sample: dict[str, Any], reduce: bool = True
    ) -> tuple[Tensor, int, dict[str, float]]:  # noqa: ARG002
        """Return the loss to differentiate, the number of masked frames, and figures for the log."""
        if "error" in sample:
            raise ManifestError(sample["error"])
        batch = PretrainBatch(sample["waveform_BS"], sample["padding_BS"], sample["masked_BCT"])
        output: PretrainOutput = model(batch)
        planned = sample["planned"]
        effective = (
            LossCounts(planned.effective_masked, planned.effective_rows) if self.training else None
        )
        loss = model.combine(output, effective)
        return loss, output.counts.num_masked, _flatten(loss, output, sample["audio_seconds"])

    @staticmethod
    def reduce_metrics(logging_outputs: list[dict[str, Any]]) -> None:
        """Log the figures of an effective batch (all devices, all accumulation steps)."""
        total = {
            key: sum(float(output[key]) for output in logging_outputs) for key in logging_outputs[0]
        }
        masked, rows = total["sample_size"], total["num_rows"]
        metrics.log_scalar("loss", total["loss"] / max(masked, 1), masked, round=4)
        metrics.log_scalar("loss_frame", total["frame_sum"] / max(masked, 1), masked, round=4)
        metrics.log_scalar("loss_utterance", total["utterance_sum"] / max(rows, 1), rows, round=5)
        for name, value in spread(total).items():
            metrics.log_scalar(name, value, total[f"{name}_weight"], round=5)
        metrics.log_scalar("rows", rows, weight=0, round=1)

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        """Every figure is a sum or comes with its weight, so devices may add theirs up."""
        return True


def spread(total: dict[str, float]) -> dict[str, float]:
    """Return the figures of spread of summed logging outputs, as far as they are known."""
    return {
        name: total[name] / total[f"{name}_weight"]
        for name in FIGURES
        if total.get(f"{name}_weight", 0) > 0
    }


def _flatten(loss: Tensor, output: PretrainOutput, audio_seconds: float) -> dict[str, float]:
    """Return Python floats only: checkpoints hold the log, and safe readers refuse tensors' relatives in it."""
    rows = output.counts.num_rows
    scalars = [loss, output.frame_sum, output.utterance_sum]
    scalars += [getattr(output.diagnostics, name) for name in FIGURES]
    values = torch.stack(
        [scalar.detach().float() for scalar in scalars]
    ).tolist()  # one wait for the device
    flat = {
        **dict(zip(("loss", "frame_sum", "utterance_sum"), values, strict=False)),
        "sample_size": output.counts.num_masked,
        "num_rows": rows,
        "nsentences": rows,
        "ntokens": output.counts.num_masked,
        "audio_seconds": audio_seconds,
    }
    for name, value in zip(FIGURES, values[3:], strict=True):
        flat[name] = 0.0 if math.isnan(value) else value * rows
        flat[f"{name}_weight"] = 0 if math.isnan(value) else rows
    return flat
