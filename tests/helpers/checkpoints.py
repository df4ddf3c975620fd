"""A checkpoint of a tiny model, as training writes it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tests.model.builders import tiny_config, tiny_model


def write_checkpoint(path: Path, *, seed: int = 1, **settings: Any) -> Path:
    """Write a tiny model's checkpoint and return its path; `settings` are those of the model."""
    model = tiny_model(seed=seed, **settings).float()
    config = {"_name": "emotion2vec", **asdict(tiny_config(**settings))}
    torch.save({"cfg": {"model": config}, "model": model.state_dict()}, path)
    return path
