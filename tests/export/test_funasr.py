"""FunASR folder: FunASR itself loads it, prints no warning, and gives our features; nothing is lost in it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from emotion2vec import Emotion2Vec
from emotion2vec.errors import ExportError
from emotion2vec.export.funasr import export_funasr
from emotion2vec.model.checkpoint import read_checkpoint
from tests.helpers.checkpoints import assert_same, write_checkpoint
from tests.helpers.wav import write_wav

ROOT = Path(__file__).resolve().parents[2]
NEEDS_FUNASR = pytest.mark.skipif(
    importlib.util.find_spec("funasr") is None,
    reason="FunASR is not installed: pip install 'emotion2vec[funasr]'",
)
NO_TOKENS = {"num_utterance_tokens": 0, "utterance_method": "global"}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "ten_tokens": ({"num_utterance_tokens": 10, "num_heads": 4}, "all"),
    "one_token": ({"num_utterance_tokens": 1, "norm_eps": 1e-6}, "all"),
    "no_tokens": (NO_TOKENS, "all"),
    "student_only": ({"num_utterance_tokens": 10}, "student"),
}
RUN = """
import sys
import numpy as np, torch
from emotion2vec.audio.torchaudio_compat import import_torchaudio
import_torchaudio()
from funasr import AutoModel
wav, out, *folders = sys.argv[1:]
loaded = []
original = torch.load
torch.load = lambda *a, **k: (loaded.append(k.setdefault("weights_only", True)), original(*a, **k))[1]
found = {}
for folder in folders:
    print("LOADING", folder)
    model = AutoModel(model=folder, disable_update=True, device="cpu", disable_pbar=True)
    for granularity in ("frame", "utterance"):
        result = model.generate(wav, granularity=granularity, extract_embedding=True)
        found[f"{folder} {granularity}"] = result[0]["feats"]
assert loaded == [True] * len(folders), loaded
np.savez(out, **found)
"""


def _export(
    tmp_path: Path, settings: dict[str, Any], weights: str = "all", name: str = "funasr"
) -> Path:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / f"{name}.pt", **settings))
    export_funasr(checkpoint, tmp_path / name, weights=weights)
    return tmp_path / name


@pytest.fixture(scope="module")
def funasrs_features(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Run FunASR once on the folders of all cases; returns their place and `name granularity` -> features."""
    tmp_path = tmp_path_factory.mktemp("funasr")
    write_wav(tmp_path / "speech.wav", seconds=1.7)
    for name, (settings, weights) in CASES.items():
        _export(tmp_path, settings, weights, name)
    done = subprocess.run(
        [sys.executable, "-c", RUN, tmp_path / "speech.wav", tmp_path / "found.npz", *CASES],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{':'.join(sys.path)}"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "miss key in ckpt" not in done.stdout + done.stderr
    with np.load(tmp_path / "found.npz") as arrays:
        return tmp_path, dict(arrays)


@NEEDS_FUNASR
@pytest.mark.slow
@pytest.mark.parametrize("granularity", ["frame", "utterance"])
@pytest.mark.parametrize("name", list(CASES))
def test_funasr_gives_our_features(
    funasrs_features: tuple[Path, dict[str, Any]], name: str, granularity: str
) -> None:
    tmp_path, found = funasrs_features
    model = Emotion2Vec.from_pretrained(tmp_path / f"{name}.pt", device="cpu")
    ours = model.extract([tmp_path / "speech.wav"], granularity=granularity)[0]
    assert found[f"{name} {granularity}"].shape == ours.shape
    np.testing.assert_allclose(found[f"{name} {granularity}"], ours, atol=1e-4, rtol=0)


@pytest.mark.parametrize("settings", [{}, NO_TOKENS, {"num_utterance_tokens": 1}])
def test_nothing_is_lost_on_the_way_there_and_back(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    folder = _export(tmp_path, settings)
    before, after = read_checkpoint(tmp_path / "funasr.pt"), read_checkpoint(folder)
    assert_same(after.tensors, before.tensors)
    assert after.config == before.config


def test_the_folder_holds_what_automodel_looks_for(tmp_path: Path) -> None:
    folder = _export(tmp_path, {})
    assert {path.name for path in folder.iterdir()} == {
        "model.pt",
        "config.yaml",
        "configuration.json",
    }
    config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    assert config["model"] == "Emotion2vec"
    assert config["model_conf"]["normalize"] is True
    assert config["model_conf"]["modalities"]["audio"]["num_extra_tokens"] == 3
    files = json.loads((folder / "configuration.json").read_text("utf-8"))["file_path_metas"]
    assert files == {"init_param": "model.pt", "config": "config.yaml"}
    state = torch.load(folder / "model.pt", weights_only=True)
    assert all(isinstance(tensor, torch.Tensor) for tensor in state["model"].values())


def test_without_decoder_the_config_says_so(tmp_path: Path) -> None:
    folder = _export(tmp_path, {}, "student")
    config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    assert config["model_conf"]["modalities"]["audio"]["decoder"] is None
    found = read_checkpoint(folder)
    assert {name.split(".")[0] for name in found.tensors} == {"student"}


def test_a_model_on_data2vec_is_refused(tmp_path: Path) -> None:
    message = "FunASR's Emotion2vec is built on data2vec 2.0 and cannot hold a model on data2vec; export it as hub"
    with pytest.raises(ExportError, match=message):
        _export(tmp_path, {"backbone": "data2vec"})
    assert not (tmp_path / "funasr").exists()


def test_the_same_checkpoint_makes_the_same_bytes(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "c.pt"))
    for name in ("a", "b"):
        export_funasr(checkpoint, tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
