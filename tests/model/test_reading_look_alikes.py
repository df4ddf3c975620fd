"""Files as fairseq's own trainer writes them are read without fairseq, OmegaConf or the writer's modules."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from emotion2vec.model.checkpoint import load_encoder, read_checkpoint
from emotion2vec.model.factory import build_pretraining_model
from emotion2vec.model.initialise import initialise_from
from tests.helpers.look_alikes import (
    CONFIG_FORMS,
    GONE,
    KINDS,
    all_numbers,
    foreign_features,
    write_look_alike,
)

pytest.importorskip("fairseq", reason="fairseq is not installed: nobody writes its files")
pytestmark = pytest.mark.fairseq

READER = """
import importlib.abc, sys, torch
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ImportError(name + " must not be imported")
sys.meta_path.insert(0, Blocker())
from pathlib import Path
from emotion2vec.model.checkpoint import load_encoder
torch.manual_seed(3)
wave = torch.nn.functional.layer_norm(torch.randn(2, 8000), (8000,))
torch.save(load_encoder(Path({path!r})).encoder.extract(wave).layers[-1], {out!r})
"""
BLOCKED = {"fairseq", "omegaconf", "hydra", "examples", "torchaudio", GONE.split(".", 1)[0]}


def waveform() -> Tensor:
    torch.manual_seed(3)
    return nn.functional.layer_norm(torch.randn(2, 8000), (8000,))


def assert_same_features(path: Path, model: Any) -> None:
    ours = load_encoder(path).encoder.extract(waveform()).layers[-1]
    torch.testing.assert_close(ours, foreign_features(model, waveform()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "pickles"])
@pytest.mark.parametrize("form", CONFIG_FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_features_of_a_foreign_checkpoint_are_those_of_its_own_program(
    kind: str, form: str, new_format: bool, tmp_path: Path
) -> None:
    model = write_look_alike(tmp_path / "f.pt", kind, form=form, new_format=new_format)
    assert_same_features(tmp_path / "f.pt", model)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_config_made_of_fairseqs_own_classes_is_read(kind: str, tmp_path: Path) -> None:
    write_look_alike(tmp_path / "f.pt", kind, form="structured")
    config = read_checkpoint(tmp_path / "f.pt").config
    assert (config.norm_eps, config.mask_prob, config.clone_batch) == (1e-5, 0.5, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_of_student_decoder_and_teacher_is_lost(kind: str, tmp_path: Path) -> None:
    state = write_look_alike(tmp_path / "f.pt", kind).state_dict()
    teacher = state.pop("_ema")
    tensors = read_checkpoint(tmp_path / "f.pt").tensors
    ours = {
        part: [v for k, v in tensors.items() if k.startswith("teacher.") is part]
        for part in (True, False)
    }
    assert torch.equal(all_numbers(ours[False]), all_numbers(state.values()))
    assert torch.equal(all_numbers(ours[True]), all_numbers(teacher.values()))


@pytest.mark.parametrize("kind", KINDS)
def test_reading_needs_none_of_the_programs_that_wrote_the_file(kind: str, tmp_path: Path) -> None:
    path, out = tmp_path / "f.pt", tmp_path / "features.pt"
    model = write_look_alike(path, kind, form="dictconfig")
    script = READER.format(blocked=BLOCKED, path=str(path), out=str(out))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    features = torch.load(out, weights_only=True)
    torch.testing.assert_close(features, foreign_features(model, waveform()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_in_half_precision_give_an_encoder_in_single(kind: str, tmp_path: Path) -> None:
    model = write_look_alike(tmp_path / "f.pt", kind, half=True)
    encoder = load_encoder(tmp_path / "f.pt").encoder
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    assert_same_features(tmp_path / "f.pt", model.half().float())


def test_config_of_emotion2vec_tells_what_it_was_trained_with(tmp_path: Path) -> None:
    write_look_alike(tmp_path / "f.pt", "emotion2vec", form="dictconfig")
    checkpoint = read_checkpoint(tmp_path / "f.pt")
    config = checkpoint.config
    assert checkpoint.kind == "emotion2vec on data2vec 2.0, fairseq checkpoint"
    assert (config.backbone, config.prenet_depth, config.depth) == ("data2vec2", 2, 3)
    assert (config.embed_dim, config.num_heads, config.conv_dim) == (48, 6, 32)
    assert (config.num_utterance_tokens, config.utterance_method) == (10, "chunk")
    assert (config.frame_target_norm, config.utterance_target_norm) == ("instance", "instance")
    assert (config.utterance_loss_weight, config.utterance_loss_reduction) == (1.0, "sum")
    assert (config.conv_pos_width, config.conv_pos_depth, config.conv_pos_groups) == (95, 5, 16)
    assert (config.decoder_dim, config.decoder_layers, config.decoder_kernel) == (32, 4, 7)
    assert (config.average_top_k_layers, config.norm_eps, config.layerdrop) == (2, 1e-5, 0.05)
    assert (config.mask_prob, config.mask_length, config.ema_anneal_end_step) == (0.5, 5, 20_000)


def test_config_of_data2vec_tells_what_it_was_trained_with(tmp_path: Path) -> None:
    write_look_alike(tmp_path / "f.pt", "data2vec", form="namespace")
    checkpoint = read_checkpoint(tmp_path / "f.pt")
    config = checkpoint.config
    assert checkpoint.kind == "data2vec, fairseq checkpoint"
    assert (config.backbone, config.prenet_depth, config.depth) == ("data2vec", 0, 3)
    assert (config.embed_dim, config.num_heads, config.num_utterance_tokens) == (48, 6, 0)
    assert (config.mask_rule, config.mask_prob, config.mask_length) == ("spans", 0.65, 10)
    assert (config.conv_pos_width, config.ema_end_decay, config.mlp_ratio) == (95, 0.9999, 4.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("teacher_init", ["student", "checkpoint"])
def test_a_run_starts_from_a_foreign_checkpoint_with_fresh_tokens(
    kind: str, teacher_init: str, tmp_path: Path
) -> None:
    foreign = write_look_alike(tmp_path / "f.pt", kind)
    config = read_checkpoint(tmp_path / "f.pt").config
    config.num_utterance_tokens, config.utterance_loss_weight = 10, 1.0
    torch.manual_seed(2)
    model = build_pretraining_model(config)
    fresh = model.student.context.tokens.embedding.detach().clone()
    report = initialise_from(model, tmp_path / "f.pt", teacher_init=teacher_init)
    student, teacher = model.student.context.state_dict(), model.teacher.context.state_dict()
    if kind == "emotion2vec":
        assert not report.created
    else:
        assert torch.equal(student["tokens.embedding"], fresh)
        assert torch.equal(teacher["tokens.embedding"], fresh)
    weights = {k: v for k, v in teacher.items() if k != "tokens.embedding"}
    if teacher_init == "checkpoint":
        expected = {
            k: v for k, v in foreign.ema.fp32_params.items() if not k.endswith("extra_tokens")
        }
        assert torch.equal(all_numbers(weights.values()), all_numbers(expected.values()))
    else:
        assert all(torch.equal(weights[key], student[key]) for key in weights)
