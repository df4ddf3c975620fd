"""Files as others publish them, written with fairseq's, OmegaConf's and torch's own classes; needs fairseq.

Out: `write_look_alike()`: a checkpoint as fairseq's trainer writes it, of data2vec 2.0, of emotion2vec on it, or of
data2vec; with optimizer state, `_ema`, `extra_state`, a config as one of four kinds of objects, and an enum of a module
that nobody can import afterwards. The weights are random, the sizes small.
"""

import contextlib
import enum
import sys
import types
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.helpers import fairseq_data2vec, fairseq_data2vec2

GONE = "upstream_of_somebody.models.modality"
KINDS = ("data2vec 2.0", "emotion2vec", "data2vec")
IMAGES = "examples.data2vec.models.modalities.images"
CONFIG_FORMS = ("container", "dictconfig", "namespace", "args")
TASKS = {
    "data2vec 2.0": "audio_pretraining",
    "emotion2vec": "emotion2vec_pretraining",
    "data2vec": "audio_pretraining",
}


@contextlib.contextmanager
def gone_enum() -> Iterator[Any]:
    """Yield an enum `Modality` whose module exists inside the block only."""
    names = [GONE.rsplit(".", depth)[0] for depth in (2, 1)] + [GONE]
    modules = {name: types.ModuleType(name) for name in names}
    modality = enum.Enum("Modality", ["AUDIO", "IMAGE", "TEXT"], module=GONE)
    modules[GONE].Modality = modality  # type: ignore[attr-defined]
    sys.modules.update(modules)
    try:
        yield modality
    finally:
        for name in names:
            del sys.modules[name]


@torch.no_grad()
def _spread(model: Any) -> None:
    """Move every weight, the teacher's too, off values that others share."""
    torch.manual_seed(7)
    for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))


def foreign_model(kind: str) -> Any:
    """Build fairseq's own model of a kind, small, with a teacher that differs from the student."""
    if kind == "data2vec":
        model = fairseq_data2vec.reference_model(**fairseq_data2vec.SMALL)
    else:
        tokens = 10 if kind == "emotion2vec" else 0
        sizes = {**fairseq_data2vec2.SMALL_SIZES, "layerdrop": 0.05}
        model = fairseq_data2vec2.reference_model(num_extra_tokens=tokens, **sizes)
    model.set_num_updates(0)
    _spread(model)
    for value in model.ema.fp32_params.values():
        value.add_(0.01 * torch.randn_like(value))
    return model.eval()


def foreign_features(model: Any, waveform_BS: Tensor) -> Tensor:
    """Return fairseq's own features of a model's last layer, (B, T, D)."""
    with torch.no_grad():
        return model.extract_features(waveform_BS, padding_mask=None)["x"]


def _settings(kind: str, model: Any, modality: Any) -> dict[str, Any]:
    """Return the model's settings as plain types, but for its enum."""
    from omegaconf import OmegaConf

    if kind == "data2vec":
        settings = {key: value for key, value in vars(model.cfg).items() if _is_plain(value)}
        return {
            **settings,
            "_name": "data2vec_audio",
            "ema_anneal_end_step": "${optimization.max_update}",
        }
    settings = OmegaConf.to_container(model.cfg, enum_to_str=True)
    settings |= {"_name": "data2vec_multi", "supported_modality": modality.AUDIO}
    settings["modalities"]["audio"]["type"] = modality.AUDIO
    if kind == "emotion2vec":
        settings |= {"cls_loss": 1.0, "cls_type": "chunk"}
    return settings


def _is_plain(value: Any) -> bool:
    return value is None or type(value) in (bool, int, float, str, list, dict)


def _config(form: str, kind: str, model: Any, modality: Any) -> dict[str, Any]:
    """Return what a checkpoint holds under `cfg` and `args`."""
    from omegaconf import OmegaConf

    settings = _settings(kind, model, modality)
    cfg = {
        "_name": None,
        "common": {"fp16": True, "user_dir": "/somewhere/else"},
        "optimization": {"max_update": 100_000, "lr": [7.5e-5]},
        "task": {"_name": TASKS[kind], "data": "/somewhere", "normalize": True},
        "model": settings,
    }
    if form == "container":
        plain = OmegaConf.to_container(OmegaConf.create(cfg), enum_to_str=True)
        return {"args": None, "cfg": plain}
    if form == "structured":
        sys.modules[
            IMAGES
        ].D2vImageConfig.__module__ = IMAGES  # a stand-in of ours, made in no module
        return {"args": None, "cfg": OmegaConf.create({**cfg, "model": model.cfg})}
    if form == "dictconfig":
        return {"args": None, "cfg": OmegaConf.create(cfg)}
    if form == "namespace":
        return {"args": None, "cfg": {**cfg, "model": Namespace(**settings)}}
    return {"args": Namespace(arch=settings.pop("_name"), **settings), "cfg": None}


def foreign_state(kind: str, form: str, model: Any, modality: Any) -> dict[str, Any]:
    """Return everything that fairseq's trainer saves."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    history = {
        "criterion_name": "ModelCriterion", "optimizer_name": "FP16Optimizer",
        "lr_scheduler_state": {"best": None}, "num_updates": 100_000,
    }  # fmt: skip
    return {
        **_config(form, kind, model, modality),
        "model": model.state_dict(),
        "criterion": None,
        "optimizer_history": [history],
        "task_state": {},
        "extra_state": {
            "metrics": {"default": [(0, "wall", "TimeMeter", {"init": 0.0, "n": 3, "round": 2})]},
            "previous_training_time": 12.5,
            "train_iterator": {"epoch": 3, "iterations_in_epoch": 7, "shuffle": True},
            "val_loss": torch.tensor(0.5),
        },
        "last_optimizer_state": optimizer.state_dict(),
    }


def write_look_alike(
    path: Path, kind: str, *, form: str = "container", new_format: bool = True, half: bool = False
) -> Any:
    """Write a checkpoint and return fairseq's model.

    Args:
        path: File to write.
        kind: One of `KINDS`.
        form: One of `CONFIG_FORMS`: what holds the settings; or `structured` (not for data2vec, whose enums of
            choices cannot be pickled): fairseq's config classes.
        new_format: Write torch's zip archive; else the pickles of torch < 1.6.
        half: Weights in float16, as training with fp16 leaves them.
    """
    model = foreign_model(kind)
    with gone_enum() as modality:
        state = foreign_state(kind, form, model, modality)
        if half:
            state["model"] = {
                key: value.half() if isinstance(value, Tensor) else value
                for key, value in state["model"].items()
            }
        torch.save(state, path, _use_new_zipfile_serialization=new_format)
    return model


def all_numbers(tensors: Any) -> Tensor:
    """Return every number of some tensors, sorted: the same whatever the names, cuts and order are."""
    flat = [tensor.detach().double().flatten() for tensor in tensors]
    return torch.cat(flat).sort().values
