"""Refuses impossible settings of a run before anything is built; each problem is named with what to set instead.

The model's own settings are checked by `ModelConfig.validate`.
"""

import importlib.util
import os
import shutil
from typing import Any

import torch

from emotion2vec.errors import ConfigError
from emotion2vec.structs import MIN_SAMPLES, SAMPLES_PER_FRAME

MIN_TRAINING_SAMPLES = MIN_SAMPLES + SAMPLES_PER_FRAME  # two frames: one to mask, one to see


def validate_task(cfg: Any) -> None:
    """Check which utterances a run uses.

    Args:
        cfg: Node `task` of the run's config.

    Raises:
        ConfigError: Lists all problems found.
    """
    problems = []
    if cfg.min_sample_size < MIN_TRAINING_SAMPLES:
        problems.append(
            f"task.min_sample_size must be at least {MIN_TRAINING_SAMPLES} samples (two frames), "
            f"but is {cfg.min_sample_size}"
        )
    if cfg.max_sample_size < cfg.min_sample_size:
        problems.append(
            f"task.max_sample_size must be at least task.min_sample_size={cfg.min_sample_size}, "
            f"but is {cfg.max_sample_size}"
        )
    if not 1 <= cfg.length_multiple <= cfg.max_sample_size:
        problems.append(
            f"task.length_multiple must be from 1 to task.max_sample_size={cfg.max_sample_size}, "
            f"but is {cfg.length_multiple}"
        )
    if problems:
        raise ConfigError("task config: " + "; ".join(problems))


def validate_compiler(common: Any, model: Any) -> None:
    """Check that layers can be compiled where a run asks for it, before torch says so in a page of its own.

    Args:
        common: Node `common` of the run's config.
        model: Node `model` of the run's config.

    Raises:
        ConfigError: Says what is missing.
    """
    if not model.get("compile_layers", False):
        return
    if torch.cuda.is_available() and not common.cpu:
        if importlib.util.find_spec("triton") is None:
            raise ConfigError(
                "model.compile_layers=true needs Triton on a GPU: `pip install triton`, or leave it false"
            )
    elif not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++")):
        raise ConfigError(
            "model.compile_layers=true needs a C++ compiler on a CPU: install g++, set CXX to yours, or leave it false"
        )


def validate_precision(common: Any, model: Any) -> None:
    """Check the settings of precision, which fairseq and the model have one each of.

    Args:
        common: Node `common` of the run's config.
        model: Node `model` of the run's config.

    Raises:
        ConfigError: Lists all problems found.
    """
    problems = []
    if common.amp:
        problems.append("common.amp has no effect here; use model.bf16_autocast=true instead")
    if common.memory_efficient_fp16 or common.memory_efficient_bf16:
        problems.append(
            "common.memory_efficient_fp16 and memory_efficient_bf16 keep no float32 weights, which the optimizer "
            "needs; use common.fp16=true or model.bf16_autocast=true instead"
        )
    if (common.fp16 or common.bf16) and model.get("bf16_autocast", False):
        name = "common.fp16" if common.fp16 else "common.bf16"
        problems.append(
            f"{name} and model.bf16_autocast exclude each other; add model.bf16_autocast=false"
        )
    if common.fp16 and not common.fp16_no_flatten_grads:
        problems.append(
            "common.fp16 needs common.fp16_no_flatten_grads=true: flattened parameters cannot be exempt from "
            "weight decay"
        )
    if problems:
        raise ConfigError("precision: " + "; ".join(problems))
