"""A checkpoint of a tiny model, as training writes it."""

from dataclasses import asdict
from pathlib import Path

import torch

from tests.model.builders import tiny_config, tiny_model


def write_checkpoint(path: Path, *, seed: int = 1) -> Path:
    """Write a tiny model's checkpoint and return its path."""
    model = tiny_model(seed=seed).float()
    settings = {"_name": "emotion2vec", **asdict(tiny_config())}
    torch.save({"cfg": {"model": settings}, "model": model.state_dict()}, path)
    return path
