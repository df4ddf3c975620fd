"""What a run logs: figures of a micro-batch as sums, added up over an effective batch, then averaged.

In: `PretrainOutput`s. Out: fairseq's log. docs/pretraining.md says what each figure means.
"""

import math
from typing import Any

import torch
from fairseq.logging import metrics
from torch import Tensor

from emotion2vec.model.emotion2vec import PretrainOutput

_SPREAD = ("target_var", "pred_var", "utterance_target_var", "masked_share")


def flatten(loss: Tensor, output: PretrainOutput, audio_seconds: float) -> dict[str, float]:
    """Turn a micro-batch into sums and weights that may be added up over devices and accumulation steps.

    Python numbers only: checkpoints hold the log, and safe readers refuse tensors' relatives in it.
    """
    rows, masked = output.counts.num_rows, output.counts.num_masked
    scalars = [loss, output.frame_sum, output.utterance_sum]
    scalars += [getattr(output.diagnostics, name) for name in _SPREAD]
    # one wait for the device
    values = torch.stack([scalar.detach().float() for scalar in scalars]).tolist()
    flat = {
        "loss": values[0],
        "frame_sum": values[1],
        "utterance_sum": values[2],
        "sample_size": masked,
        "num_rows": rows,
        "nsentences": rows,  # fairseq's names for the next two
        "ntokens": masked,
        "audio_seconds": audio_seconds,
    }
    for name, value in zip(_SPREAD, values[3:], strict=True):
        known = not math.isnan(value)
        flat[name] = value * rows if known else 0.0
        flat[f"{name}_weight"] = rows if known else 0
    return flat


def add_up(logging_outputs: list[dict[str, Any]]) -> dict[str, float]:
    """Add the micro-batches of an effective batch up."""
    return {
        key: sum(float(output[key]) for output in logging_outputs) for key in logging_outputs[0]
    }


def spread(total: dict[str, float]) -> dict[str, float]:
    """Return the figures of spread of an effective batch, as far as they are known."""
    return {
        name: total[name] / total[f"{name}_weight"]
        for name in _SPREAD
        if total[f"{name}_weight"] > 0
    }


def log_effective_batch(total: dict[str, float], *, num_devices: int) -> None:
    """Hand the figures of an effective batch to fairseq's log.

    Args:
        total: What `add_up` returned.
        num_devices: Devices that worked on it.
    """
    masked, rows = total["sample_size"], total["num_rows"]
    metrics.log_scalar("loss", total["loss"] / max(masked, 1), masked, round=6)
    metrics.log_scalar("loss_frame", total["frame_sum"] / max(masked, 1), masked, round=6)
    metrics.log_scalar("loss_utterance", total["utterance_sum"] / max(rows, 1), rows, round=6)
    for name, value in spread(total).items():
        metrics.log_scalar(name, value, total[f"{name}_weight"], round=6)
    metrics.log_scalar("rows", rows, weight=0, round=1)
    metrics.log_speed("audio_s_per_s", total["audio_seconds"] / num_devices, round=1)
