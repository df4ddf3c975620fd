"""The authors' form: a fairseq checkpoint that `load_model_ensemble_and_task` opens with their `upstream` code.

In: `LoadedCheckpoint`. Out: one file: model `data2vec_multi`, task `emotion2vec_pretraining`; on data2vec fairseq's
`data2vec_audio` and `audio_pretraining`. Plain types and tensors only, so it loads under `weights_only` too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from emotion2vec.errors import ConfigError, ExportError
from emotion2vec.export.fairseq_settings import data2vec2_settings, data2vec_settings
from emotion2vec.export.place import new_file
from emotion2vec.export.provenance import STATE_KEY, Provenance, as_entry
from emotion2vec.export.weights import detach_weights, save_state, select_weights
from emotion2vec.model.checkpoint import LoadedCheckpoint
from emotion2vec.model.config import ModelConfig
from emotion2vec.model.key_map import to_fairseq

# `extraction`: the authors' script loads it; `training`: fairseq's data2vec 2.0 goes on from it
PURPOSES = ("extraction", "training")

Sections = Mapping[str, Mapping[str, Tensor]]


def export_official(
    checkpoint: LoadedCheckpoint,
    out: Path,
    *,
    provenance: Provenance | None = None,
    weights: str = "all",
    purpose: str = "extraction",
    overwrite: bool = False,
) -> None:
    """Write a fairseq checkpoint.

    The authors' model has no teacher and refuses a state dict with one; fairseq's data2vec 2.0 demands it to train.
    So the teacher stands beside the model for `extraction`, and in it for `training`. Either way this program finds
    it. fairseq's data2vec always demands a teacher: where the checkpoint has none, it is given the student's layers,
    which is how fairseq starts one.

    Args:
        checkpoint: What to write; tensors keep their precision.
        out: The file.
        provenance: Where the weights come from; by default the file that was read.
        weights: `all`, or `student`: what features need.
        purpose: One of `PURPOSES`.
        overwrite: Replace what lies there.

    Raises:
        ConfigError: A setting is unknown.
        ExportError: fairseq has no such model, a teacher is needed and missing, or the place is taken.
    """
    if purpose not in PURPOSES:
        raise ConfigError(f"purpose must be one of {PURPOSES}, but is {purpose!r}")
    config = checkpoint.config
    tensors = select_weights(checkpoint.tensors, weights)
    sections = to_fairseq(tensors, config)
    if config.backbone == "data2vec":
        state = _data2vec_state(config, tensors, sections)
    else:
        state = _data2vec2_state(config, sections, purpose=purpose)
    origin = provenance or Provenance(checkpoint.kind, checkpoint.sha256)
    with new_file(out, overwrite=overwrite) as temporary:
        entry = as_entry(config, origin)
        save_state(temporary, {**state, **_run_state(origin), STATE_KEY: entry})


def _data2vec2_state(config: ModelConfig, sections: Sections, *, purpose: str) -> dict[str, Any]:
    model, teacher = detach_weights(sections["model"]), detach_weights(sections["_ema"])
    has_decoder = any(".decoder." in name for name in model)
    if purpose == "training" and not (teacher and has_decoder):
        raise ExportError(
            "fairseq needs teacher and decoder to go on training, but the checkpoint lacks them or they were left "
            "out; write it for extraction, or with all weights"
        )
    trains = purpose == "training"
    settings = {
        "_name": "data2vec_multi",
        "skip_ema": not trains,
        **data2vec2_settings(config, has_decoder=has_decoder),
    }
    state: dict[str, Any] = {"cfg": _run_config(settings, "emotion2vec_pretraining")}
    if trains:
        return {**state, "model": {**model, "_ema": teacher}}
    return {**state, "model": model, "_ema": teacher}


def _data2vec_state(
    config: ModelConfig, tensors: Mapping[str, Tensor], sections: Sections
) -> dict[str, Any]:
    if config.num_utterance_tokens:
        raise ExportError(
            f"fairseq's data2vec has no utterance tokens, but the model has {config.num_utterance_tokens}; export it "
            "as hub or onnx"
        )
    if not any(name.startswith("decoder.") for name in tensors):
        raise ExportError(
            "fairseq's data2vec does not load without mask embedding and final projection, but the checkpoint lacks "
            "them or they were left out; export it as hub or onnx, or with all weights"
        )
    teacher = sections["_ema"] or {
        name.removeprefix("encoder."): tensor
        for name, tensor in sections["model"].items()
        if name.startswith("encoder.")
    }
    settings = {"_name": "data2vec_audio", **data2vec_settings(config)}
    return {
        "cfg": _run_config(settings, "audio_pretraining"),
        "model": {**detach_weights(sections["model"]), "_ema": detach_weights(teacher)},
    }


def _run_config(model: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return a run's config: the model, and as much around it as its task and model refer to."""
    return {
        "common": {"seed": 1, "tpu": False},
        "optimization": {"max_update": model["max_update"]},
        "task": {
            "_name": task,
            "data": "",
            "sample_rate": 16000,
            "normalize": True,
            "enable_padding": False,
            "max_sample_size": 320000,
            "min_sample_size": 8000,
        },
        "model": dict(model),
    }


def _run_state(provenance: Provenance) -> dict[str, Any]:
    """Return what fairseq expects beside the model; the optimizer's state is not kept."""
    history = {
        "criterion_name": "ModelCriterion",
        "optimizer_name": "FairseqAdam",
        "lr_scheduler_state": {},
        "num_updates": provenance.training.get("updates", 0),
    }
    return {
        "args": None,
        "optimizer_history": [history],
        "last_optimizer_state": None,
        "task_state": {},
        "extra_state": {"train_iterator": {"epoch": 1, "iterations_in_epoch": 0}},
    }
