"""Hub folder: what is in it, that it is the same model, and that little is needed to use it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from emotion2vec import Emotion2Vec, __version__
from emotion2vec.errors import ConfigError, ExportError
from emotion2vec.export.funasr import export_funasr
from emotion2vec.export.hub import export_hub
from emotion2vec.export.provenance import Provenance, read_provenance
from emotion2vec.model.checkpoint import LoadedCheckpoint, read_checkpoint
from tests.helpers.checkpoints import assert_same, write_checkpoint
from tests.helpers.wav import write_wav
from tests.model.builders import tiny_config, tiny_model


def _checkpoint(tensors: Mapping[str, Tensor] | None = None, **settings: Any) -> LoadedCheckpoint:
    state = tiny_model(seed=1, **settings).float().state_dict() if tensors is None else tensors
    return LoadedCheckpoint(tiny_config(**settings), state, "0" * 64, "emotion2vec test checkpoint")


def _speech(seconds: float = 1.3) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(int(16000 * seconds))).astype(np.float32)


def test_a_hub_folder_holds_weights_config_and_card(tmp_path: Path) -> None:
    export_hub(_checkpoint(), tmp_path / "hub")
    names = {"model.safetensors", "config.json", "README.md"}
    assert {path.name for path in (tmp_path / "hub").iterdir()} == names
    config = json.loads((tmp_path / "hub" / "config.json").read_text("utf-8"))
    assert config["model_type"] == "emotion2vec"
    assert config["format_version"] == 1
    assert config["library_version"] == __version__
    assert config["source"] == {"kind": "emotion2vec test checkpoint", "sha256": "0" * 64}
    assert config["config"]["embed_dim"] == tiny_config().embed_dim
    with safe_open(tmp_path / "hub" / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_whoever_may_read_the_card_may_read_the_weights(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        export_hub(_checkpoint(), tmp_path / "hub")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "hub").iterdir()}
    assert set(modes.values()) == {0o640}, modes


@pytest.mark.parametrize("backbone", ["data2vec2", "data2vec"])
def test_nothing_is_lost_on_the_way_to_a_hub_folder_and_back(tmp_path: Path, backbone: str) -> None:
    checkpoint = _checkpoint(backbone=backbone)
    export_hub(checkpoint, tmp_path / "hub")
    found = read_checkpoint(tmp_path / "hub")
    assert found.config == checkpoint.config
    assert_same(found.tensors, checkpoint.tensors)
    assert {name.split(".")[0] for name in found.tensors} == {"student", "decoder", "teacher"}


def test_the_student_alone_is_what_features_need(tmp_path: Path) -> None:
    export_hub(_checkpoint(), tmp_path / "hub", weights="student")
    stored = load_file(tmp_path / "hub" / "model.safetensors")
    assert {name.split(".")[0] for name in stored} == {"student"}
    assert len(Emotion2Vec.from_pretrained(tmp_path / "hub", device="cpu").extract(_speech())) == 1


def test_tensors_keep_their_precision(tmp_path: Path) -> None:
    state = tiny_model(seed=1).float().state_dict()
    mixed = {k: v.half() if k.startswith("student.") else v for k, v in state.items()}
    export_hub(_checkpoint(mixed), tmp_path / "hub")
    assert_same(load_file(tmp_path / "hub" / "model.safetensors"), mixed)


def test_views_and_shared_tensors_are_stored_as_what_they_show(tmp_path: Path) -> None:
    state = dict(tiny_model(seed=1).float().state_dict())
    one, other = "student.frontend.projection_norm.weight", "student.frontend.projection_norm.bias"
    wide = torch.randn(len(state[one]), 7)
    state[one] = wide[:, 3]  # not contiguous, a small part of its storage
    state[other] = state[one]
    export_hub(_checkpoint(state), tmp_path / "hub")
    stored = load_file(tmp_path / "hub" / "model.safetensors")
    assert torch.equal(stored[one], wide[:, 3])
    assert torch.equal(stored[other], wide[:, 3])


def test_the_same_checkpoint_makes_the_same_bytes(tmp_path: Path) -> None:
    checkpoint = _checkpoint()
    for name in ("a", "b"):
        export_hub(checkpoint, tmp_path / name / "hub")
    for path in sorted((tmp_path / "a" / "hub").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / "hub" / path.name).read_bytes(), path.name


def test_another_word_for_the_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="weights must be one of .*'all', 'student'.* but is 'x'"):
        export_hub(_checkpoint(), tmp_path / "hub", weights="x")


def test_provenance_survives_a_second_export(tmp_path: Path) -> None:
    origin = Provenance("emotion2vec fairseq checkpoint", "a" * 64, {"updates": 7})
    export_hub(_checkpoint(), tmp_path / "hub", provenance=origin)
    assert read_provenance(tmp_path / "hub", read_checkpoint(tmp_path / "hub")) == origin


def test_provenance_of_a_training_checkpoint_tells_the_run_but_no_path(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "checkpoint_last.pt")
    state = torch.load(path, weights_only=True)
    state["cfg"]["model"]["init_from"] = "/models/of/someone/base_libri.pt"
    state["cfg"] |= {"optimization": {"lr": [7.5e-5]}, "common": {"seed": 3}}
    state["optimizer_history"] = [{"num_updates": 100}, {"num_updates": 1200}]
    state["extra_state"] = {"train_iterator": {"epoch": 9}}
    torch.save(state, path)
    found = read_provenance(path, read_checkpoint(path))
    assert found.training == {
        "updates": 1200, "epoch": 9, "learning_rate": 7.5e-5, "seed": 3, "init_from": "base_libri.pt",
    }  # fmt: skip
    assert found.kind == "emotion2vec fairseq checkpoint"


def test_provenance_is_found_by_content_not_by_name(tmp_path: Path) -> None:
    origin = Provenance("emotion2vec fairseq checkpoint", "a" * 64, {"updates": 7})
    export_hub(_checkpoint(), tmp_path / "hub", provenance=origin)
    weights = tmp_path / "hub" / "model.safetensors"
    assert read_provenance(weights, read_checkpoint(weights)) == origin
    alone = tmp_path / "model.bin"
    alone.write_bytes(weights.read_bytes())
    checkpoint = read_checkpoint(alone)
    found = Provenance("emotion2vec safetensors file", checkpoint.sha256)
    assert read_provenance(alone, checkpoint) == found
    export_funasr(_checkpoint(), tmp_path / "funasr", provenance=origin)
    (tmp_path / "funasr" / "model.pt").rename(tmp_path / "funasr" / "other.pt")
    (tmp_path / "funasr" / "config.json").write_text("{of another program")
    checkpoint = read_checkpoint(tmp_path / "funasr")
    assert read_provenance(tmp_path / "funasr", checkpoint) == origin


@pytest.mark.parametrize("digest", [None, "`x`", "a" * 63])
def test_of_a_strangers_provenance_only_plain_facts_are_taken(
    tmp_path: Path, digest: str | None
) -> None:
    export_hub(_checkpoint(), tmp_path / "hub")
    config = json.loads((tmp_path / "hub" / "config.json").read_text("utf-8"))
    config["training"] = {"learning_rate": float("nan"), "updates": 7, "seed": {"a": [1]}}
    (tmp_path / "hub" / "config.json").write_text(json.dumps(config))
    checkpoint = read_checkpoint(tmp_path / "hub")
    assert read_provenance(tmp_path / "hub", checkpoint).training == {"updates": 7}
    config["source"]["sha256"] = digest
    (tmp_path / "hub" / "config.json").write_text(json.dumps(config))
    assert read_provenance(tmp_path / "hub", checkpoint).sha256 == checkpoint.sha256


@pytest.mark.parametrize("settings", [{}, {"backbone": "data2vec"}, {"num_utterance_tokens": 1}])
def test_features_of_the_hub_folder_are_the_checkpoints_bit_for_bit(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    path = write_checkpoint(tmp_path / "c.pt", **settings)
    model = Emotion2Vec.from_pretrained(path, device="cpu")
    model.save_pretrained(tmp_path / "hub")
    again = Emotion2Vec.from_pretrained(tmp_path / "hub", device="cpu")
    for granularity in ("frame", "utterance"):
        inputs, options = [_speech(), _speech(0.5)], {"granularity": granularity, "layers": "all"}
        before, after = model.extract(inputs, **options), again.extract(inputs, **options)
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)


def test_saving_refuses_a_taken_place_a_changed_file_and_what_is_no_checkpoint(
    tmp_path: Path,
) -> None:
    path = write_checkpoint(tmp_path / "c.pt")
    model = Emotion2Vec.from_pretrained(path, device="cpu")
    model.save_pretrained(tmp_path / "hub")
    with pytest.raises(ExportError, match=r"hub: is there already .*overwrite=True"):
        model.save_pretrained(tmp_path / "hub")
    model.save_pretrained(tmp_path / "hub", overwrite=True)
    write_checkpoint(path, seed=2)
    with pytest.raises(ExportError, match=r"c\.pt: has changed since it was loaded; load it again"):
        model.save_pretrained(tmp_path / "other")
    for name in ("logmel", f"untrained:{path}"):
        with pytest.raises(ExportError, match="is no checkpoint of emotion2vec, data2vec or"):
            Emotion2Vec.from_pretrained(name, device="cpu").save_pretrained(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_tilde_is_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_checkpoint(tmp_path / "c.pt")
    Emotion2Vec.from_pretrained("~/c.pt", device="cpu").save_pretrained("~/hub")
    assert (tmp_path / "hub" / "model.safetensors").is_file()


INFERENCE = """
import sys
for name in {forbidden}:
    sys.modules[name] = None
import numpy as np
from emotion2vec import Emotion2Vec
model = Emotion2Vec.from_pretrained({folder!r}, device="cpu")
np.save({out!r}, model.extract([{wav!r}])[0])
"""
FORBIDDEN = [
    "fairseq", "hydra", "omegaconf", "torchaudio", "huggingface_hub", "tqdm", "yaml", "scipy", "sklearn", "tensorboard",
    "matplotlib", "transformers", "librosa", "av", "onnx", "funasr", "pandas",
]  # fmt: skip


def _infer(tmp_path: Path, wav: Path) -> subprocess.CompletedProcess[str]:
    code = INFERENCE.format(
        forbidden=FORBIDDEN, folder=str(tmp_path / "hub"), out=str(tmp_path / "f.npy"), wav=str(wav)
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )


def test_inference_needs_torch_numpy_soundfile_and_safetensors_only(tmp_path: Path) -> None:
    model = Emotion2Vec.from_pretrained(write_checkpoint(tmp_path / "c.pt"), device="cpu")
    model.save_pretrained(tmp_path / "hub")
    write_wav(tmp_path / "a.wav")
    done = _infer(tmp_path, tmp_path / "a.wav")
    assert done.returncode == 0, done.stderr[-2000:]
    expected = model.extract([tmp_path / "a.wav"])[0]
    np.testing.assert_allclose(np.load(tmp_path / "f.npy"), expected, atol=1e-6)


def test_audio_of_another_rate_without_torchaudio_is_refused_in_one_sentence(
    tmp_path: Path,
) -> None:
    export_hub(_checkpoint(), tmp_path / "hub")
    write_wav(tmp_path / "a.wav", sample_rate_hz=8000)
    done = _infer(tmp_path, tmp_path / "a.wav")
    last = done.stderr.strip().splitlines()[-1]
    assert re.search(r"a\.wav: is not 16 kHz, .*needs torchaudio.*pip install torchaudio", last), (
        last
    )
