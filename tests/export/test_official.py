"""The authors' fairseq form: read by fairseq's own classes, by code as strict as the authors', and by us."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotion2vec import Emotion2Vec
from emotion2vec.errors import ConfigError, ExportError
from emotion2vec.export.official import export_official
from emotion2vec.model.checkpoint import LoadedCheckpoint, read_checkpoint
from emotion2vec.model.foreign_config import read_settings
from tests.helpers.checkpoints import assert_same, write_checkpoint
from tests.model.builders import tiny_config, tiny_model

ROOT = Path(__file__).resolve().parents[2]

# What the authors' `upstream` folder registers: no teacher in the model and nothing that takes one from a state dict,
# and a task with fields of its own; around fairseq's classes, as theirs.
USER_MODEL = """
from fairseq import models
from torch import nn
from tests.helpers.fairseq_data2vec2 import _load
fairseqs = _load()

class Strict(fairseqs.Data2VecMultiModel):
    def __init__(self, cfg, task=None):
        super().__init__(cfg, [fairseqs.Modality.AUDIO], skip_ema=True, task=task)

    _load_from_state_dict = nn.Module._load_from_state_dict

    @classmethod
    def build_model(cls, cfg, task=None):
        return cls(cfg, task=task)

models.MODEL_REGISTRY["data2vec_multi"] = Strict
models.ARCH_MODEL_REGISTRY["data2vec_multi"] = Strict
"""
USER_TASK = """
from dataclasses import dataclass
from typing import Optional
from fairseq.dataclass import FairseqDataclass
from fairseq.tasks import FairseqTask, register_task
from omegaconf import II, MISSING

@dataclass
class Config(FairseqDataclass):
    data: str = MISSING
    labels: Optional[str] = None
    sample_rate: int = 16000
    normalize: bool = False
    tpu: bool = II("common.tpu")
    seed: int = II("common.seed")

@register_task("emotion2vec_pretraining", dataclass=Config)
class Task(FairseqTask):
    @classmethod
    def setup_task(cls, cfg, **kwargs):
        return cls(cfg)
"""
EXTRACT = """
import sys
from argparse import Namespace
import numpy as np, torch
import fairseq
from fairseq import checkpoint_utils, utils
path, wave, out, user_dir, kind = sys.argv[1:]
if kind == "data2vec":
    import fairseq.examples.data2vec.models.data2vec_audio
else:
    utils.import_user_module(Namespace(user_dir=user_dir))
if kind == "stock":
    from tests.helpers.fairseq_data2vec2 import _load
    _load()
models, cfg, task = checkpoint_utils.load_model_ensemble_and_task([path])
model = models[0].eval()
assert task.cfg.normalize
source = torch.from_numpy(np.load(wave))
source = torch.nn.functional.layer_norm(source, source.shape).view(1, -1)
with torch.no_grad():
    np.save(out, model.extract_features(source, padding_mask=None, mask=False)["x"].squeeze(0).numpy())
assert (model.ema is not None) == (kind == "data2vec" or not cfg.model.skip_ema)
"""


def _wave(tmp_path: Path) -> np.ndarray:
    wave = np.random.default_rng(0).standard_normal(20000).astype(np.float32)
    np.save(tmp_path / "wave.npy", wave)
    return wave


def _fairseq_features(tmp_path: Path, path: Path, kind: str) -> np.ndarray:
    user_dir = tmp_path / "upstream"
    for folder, name, code in (("models", "m", USER_MODEL), ("tasks", "t", USER_TASK)):
        (user_dir / folder).mkdir(parents=True, exist_ok=True)
        (user_dir / folder / "__init__.py").write_text("")
        if kind == "authors" or folder == "tasks":
            (user_dir / folder / f"{name}.py").write_text(code)
    (user_dir / "__init__.py").write_text("")
    arguments = [path, tmp_path / "wave.npy", tmp_path / "features.npy", user_dir, kind]
    done = subprocess.run(
        [sys.executable, "-c", EXTRACT, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    features: np.ndarray = np.load(tmp_path / "features.npy")
    return features


def _plain_features(checkpoint: Path, wave: Any) -> np.ndarray:
    """Our features by the same kind of convolutions as theirs: what is compared is the export, not their rounding."""
    model = Emotion2Vec.from_pretrained(checkpoint, device="cpu")
    changed = [m for m in model.upstream._encoder.modules() if hasattr(m, "convolutions")]
    assert len(changed) == 2, "frontend and positions"
    for module in changed:
        module.convolutions = "plain"
    return model.extract(wave)[0]


def _export(tmp_path: Path, source: dict[str, Any] | None = None, **options: Any) -> Path:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "c.pt", **(source or {})))
    export_official(checkpoint, tmp_path / "official.pt", **options)
    return tmp_path / "official.pt"


@pytest.mark.fairseq
@pytest.mark.parametrize(("num_tokens", "weights"), [(0, "all"), (1, "student"), (10, "all")])
def test_code_as_strict_as_the_authors_gives_our_features(
    tmp_path: Path, num_tokens: int, weights: str
) -> None:
    settings = {"num_utterance_tokens": num_tokens, "utterance_method": "global", "num_heads": 4}
    path = _export(tmp_path, settings, weights=weights)
    wave = _wave(tmp_path)
    found = _fairseq_features(tmp_path, path, "authors")
    np.testing.assert_allclose(found, _plain_features(tmp_path / "c.pt", wave), atol=1e-5, rtol=0)


@pytest.mark.fairseq
@pytest.mark.parametrize("purpose", ["extraction", "training"])
def test_fairseqs_own_data2vec2_loads_it_with_its_teacher_for_training(
    tmp_path: Path, purpose: str
) -> None:
    path = _export(tmp_path, purpose=purpose)
    wave = _wave(tmp_path)
    found = _fairseq_features(tmp_path, path, "stock")
    np.testing.assert_allclose(found, _plain_features(tmp_path / "c.pt", wave), atol=1e-5, rtol=0)


@pytest.mark.fairseq
@pytest.mark.parametrize("has_teacher", [True, False])
def test_fairseqs_own_data2vec_loads_a_model_on_data2vec(tmp_path: Path, has_teacher: bool) -> None:
    settings = {"backbone": "data2vec", "num_utterance_tokens": 0, "utterance_loss_weight": 0.0}
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "c.pt", **settings))
    kept = {k: v for k, v in checkpoint.tensors.items() if has_teacher or "teacher." not in k}
    checkpoint = LoadedCheckpoint(checkpoint.config, kept, checkpoint.sha256, checkpoint.kind)
    export_official(checkpoint, tmp_path / "official.pt")
    wave = _wave(tmp_path)
    found = _fairseq_features(tmp_path, tmp_path / "official.pt", "data2vec")
    np.testing.assert_allclose(found, _plain_features(tmp_path / "c.pt", wave), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "purpose"),
    [
        ({}, "extraction"),
        ({}, "training"),
        ({"num_utterance_tokens": 0, "utterance_method": "global"}, "extraction"),
        ({"backbone": "data2vec", "num_utterance_tokens": 0, "utterance_loss_weight": 0.0}, "extraction"),
    ],
)  # fmt: skip
def test_nothing_is_lost_on_the_way_there_and_back(
    tmp_path: Path, settings: dict[str, Any], purpose: str
) -> None:
    path = _export(tmp_path, settings, purpose=purpose)
    before, after = read_checkpoint(tmp_path / "c.pt"), read_checkpoint(path)
    assert_same(after.tensors, before.tensors)
    assert after.config == before.config


def test_the_file_holds_plain_types_under_the_authors_names(tmp_path: Path) -> None:
    state = torch.load(_export(tmp_path), weights_only=True)
    assert state["cfg"]["model"]["_name"] == "data2vec_multi"
    assert state["cfg"]["task"]["_name"] == "emotion2vec_pretraining"
    assert state["cfg"]["task"]["normalize"] is True
    assert "modality_encoders.AUDIO.extra_tokens" in state["model"]
    assert "_ema" not in state["model"]
    assert "modality_encoders.AUDIO.extra_tokens" in state["_ema"]
    assert "optimizer" not in str(state.keys() - {"optimizer_history", "last_optimizer_state"})


def test_the_settings_read_back_are_those_written(tmp_path: Path) -> None:
    changed = {
        "encoder_dropout": 0.2, "mask_prob": 0.4, "layerdrop": 0.07, "ema_end_decay": 0.9999,
        "utterance_method": "token", "utterance_loss_weight": 0.5, "alibi_scale": 0.7, "norm_eps": 1e-6,
    }  # fmt: skip
    state = torch.load(_export(tmp_path, changed), weights_only=True)
    found = read_settings(state["cfg"]["model"], "data2vec2")
    config = tiny_config(**changed)
    differing = {
        name: value for name, value in found.items()
        if value != getattr(config, name) and name not in ("utterance_target_norm", "utterance_loss_reduction")
    }  # fmt: skip
    assert differing == {}
    assert changed.keys() <= found.keys()


def test_the_same_checkpoint_makes_the_same_bytes(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "c.pt"))
    for name in ("a", "other_name"):
        export_official(checkpoint, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "other_name").read_bytes()


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ({}, {"purpose": "x"}, r"purpose must be one of \('extraction', 'training'\), but is 'x'"),
        ({}, {"purpose": "training", "weights": "student"}, "fairseq needs teacher and decoder to go on"),
        ({"backbone": "data2vec"}, {}, "fairseq's data2vec has no utterance tokens, but the model has 3"),
        ({"backbone": "data2vec", "num_utterance_tokens": 0, "utterance_loss_weight": 0.0}, {"weights": "student"},
         "does not load without mask embedding and final projection"),
    ],
)  # fmt: skip
def test_what_fairseq_could_not_use_is_refused(
    tmp_path: Path, settings: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises((ConfigError, ExportError), match=message):
        _export(tmp_path, settings, **options)
    assert not (tmp_path / "official.pt").exists()


def test_views_do_not_take_their_whole_storage_along(tmp_path: Path) -> None:
    state = dict(tiny_model(seed=1).float().state_dict())
    name = "student.frontend.projection_norm.weight"
    state[name] = torch.randn(1_000_000)[: len(state[name])]
    checkpoint = LoadedCheckpoint(tiny_config(), state, "0" * 64, "emotion2vec test checkpoint")
    export_official(checkpoint, tmp_path / "official.pt")
    assert (tmp_path / "official.pt").stat().st_size < 1_000_000
