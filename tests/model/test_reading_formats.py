"""Every format is recognised by its content; what holds another model is named in one sentence."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emotion2vec.errors import CheckpointError
from emotion2vec.model.checkpoint import file_sha256, load_encoder, read_checkpoint
from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.foreign_config import read_settings
from tests.helpers.checkpoints import (
    assert_same,
    bare_state,
    write_checkpoint,
    write_funasr,
    write_hub,
)
from tests.model.builders import tiny_config, tiny_model

SHAPES = (
    "backbone", "conv_dim", "embed_dim", "num_heads", "mlp_ratio", "depth", "prenet_depth", "conv_pos_depth",
    "conv_pos_groups", "num_utterance_tokens",
)  # fmt: skip


def model_of(backbone: str, **settings: Any) -> Emotion2VecPretraining:
    if backbone == "data2vec":
        # heads that no tensor counts are 64 wide
        settings = {"prenet_depth": 0, "depth": 3, "embed_dim": 64, "num_heads": 1, **settings}
    return tiny_model(seed=4, backbone=backbone, **settings).float()


def without_teacher(model: Emotion2VecPretraining) -> dict[str, Tensor]:
    return {k: v for k, v in model.state_dict().items() if not k.startswith("teacher.")}


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("layout", ["fairseq", "ours"])
@pytest.mark.parametrize("backbone", ["data2vec2", "data2vec"])
@pytest.mark.parametrize("tokens", [0, 3])
def test_a_bare_state_dict_tells_its_architecture(
    tokens: int, backbone: str, layout: str, wrapped: bool, tmp_path: Path
) -> None:
    method = {} if tokens else {"utterance_method": "global"}
    model = model_of(backbone, num_utterance_tokens=tokens, **method)
    state = bare_state(model, layout)
    torch.save({"model": state} if wrapped else state, tmp_path / "f.pt")
    checkpoint = read_checkpoint(tmp_path / "f.pt")
    assert_same(checkpoint.tensors, without_teacher(model))
    names = [name for name in SHAPES if layout == "fairseq" or not name.endswith("depth")]
    assert {n: getattr(checkpoint.config, n) for n in names} == {
        n: getattr(model.config, n) for n in names
    }
    assert checkpoint.config.num_layers == model.config.num_layers
    assert checkpoint.sha256 == file_sha256(tmp_path / "f.pt")


@pytest.mark.parametrize("backbone", ["data2vec2", "data2vec"])
def test_a_hub_folder_gives_back_config_and_tensors(backbone: str, tmp_path: Path) -> None:
    model = model_of(backbone)
    folder = write_hub(tmp_path / "hub", model)
    for path in (folder, folder / "model.safetensors"):
        checkpoint = read_checkpoint(path)
        assert checkpoint.config == model.config
        assert_same(checkpoint.tensors, model.state_dict())
        assert checkpoint.kind == "emotion2vec hub folder"
        assert checkpoint.sha256 == file_sha256(folder / "model.safetensors")


def test_safetensors_alone_tell_their_architecture(tmp_path: Path) -> None:
    model = model_of("data2vec2")
    folder = write_hub(tmp_path / "hub", model)
    path = (folder / "model.safetensors").rename(tmp_path / "weights.bin")
    checkpoint = read_checkpoint(path)
    assert_same(checkpoint.tensors, model.state_dict())
    assert checkpoint.kind == "emotion2vec safetensors file"


@pytest.mark.parametrize("weights", ["model.pt", "emotion2vec_base.pt"])
@pytest.mark.parametrize("listed", [True, False])
def test_a_funasr_folder_is_read_with_its_settings(
    weights: str, listed: bool, tmp_path: Path
) -> None:
    model = model_of("data2vec2")
    folder = write_funasr(tmp_path / "funasr", model, weights=weights)
    if not listed:
        (folder / "configuration.json").unlink()
    checkpoint = read_checkpoint(folder)
    assert_same(checkpoint.tensors, without_teacher(model))
    assert checkpoint.kind == "emotion2vec on data2vec 2.0, FunASR folder"
    assert (checkpoint.config.norm_eps, checkpoint.config.encoder_dropout) == (1e-5, 0.2)
    assert (checkpoint.config.num_heads, checkpoint.config.prenet_depth) == (2, 1)


@pytest.mark.parametrize("funasr", [True, False])
def test_our_own_entry_in_another_programs_file_gives_back_the_whole_config(
    funasr: bool, tmp_path: Path
) -> None:
    model = model_of("data2vec2", layerdrop=0.25, utterance_method="token")
    folder = write_funasr(tmp_path / "funasr", model)
    entry = {"model_type": "emotion2vec", "format_version": 1, "config": asdict(model.config)}
    path = folder / "model.pt"
    torch.save({**torch.load(path, weights_only=True), "emotion2vec": entry}, path)
    assert read_checkpoint(folder if funasr else path).config == model.config


def test_an_entry_of_a_later_version_is_refused(tmp_path: Path) -> None:
    state = bare_state(model_of("data2vec2"), "fairseq")
    entry = {"model_type": "emotion2vec", "format_version": 7, "config": {}}
    torch.save({"model": state, "emotion2vec": entry}, tmp_path / "f.pt")
    with pytest.raises(CheckpointError, match=r"f\.pt: format_version is 7, expected 1; update"):
        read_checkpoint(tmp_path / "f.pt")


def test_a_decoder_may_be_missing(tmp_path: Path) -> None:
    model = model_of("data2vec2")
    state = {k: v for k, v in bare_state(model, "fairseq").items() if ".decoder." not in k}
    torch.save(state, tmp_path / "f.pt")
    tensors = read_checkpoint(tmp_path / "f.pt").tensors
    assert_same(
        tensors, {k: v for k, v in without_teacher(model).items() if k.startswith("student.")}
    )


def test_a_classification_head_is_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = model_of("data2vec2")
    head = {"proj.weight": torch.zeros(9, 16), "proj.bias": torch.zeros(9)}
    torch.save({"model": {**bare_state(model, "fairseq"), **head}}, tmp_path / "f.pt")
    with caplog.at_level("INFO"):
        checkpoint = read_checkpoint(tmp_path / "f.pt")
    assert_same(checkpoint.tensors, without_teacher(model))
    assert "its classification head (proj.bias, proj.weight) is not read" in caplog.text


def test_reading_draws_no_random_numbers(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "f.pt")
    torch.manual_seed(0)
    load_encoder(path)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


def test_an_encoder_keeps_its_weights_when_the_file_changes(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "f.pt")
    encoder = load_encoder(path).encoder
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    path.write_bytes(b"\xff" * path.stat().st_size)
    assert_same(encoder.state_dict(), before)


# --- what is refused -------------------------------------------------------------------------------------------------

OTHERS = {
    "wav2vec 2.0, HuBERT or WavLM": ["mask_emb", "encoder.pos_conv.0.weight_g", "layer_norm.weight"],
    "wav2vec 2.0": ["quantizer.vars", "encoder.pos_conv.0.weight_g"],
    "HuBERT or WavLM": ["label_embs_concat", "encoder.pos_conv.0.weight_g"],
    "wav2vec": ["feature_aggregator.conv_layers.0.0.weight"],
    "BERT": ["bert.embeddings.word_embeddings.weight"],
    "data2vec 2.0 for images or text": ["modality_encoders.IMAGE.decoder.proj.weight"],
    "wav2vec 2.0 as Hugging Face transformers names it": ["wav2vec2.masked_spec_embed"],
    "data2vec as Hugging Face transformers names it": ["data2vec_audio.masked_spec_embed"],
    "a model fine-tuned in fairseq (w2v_encoder.*)": ["w2v_encoder.w2v_model.encoder.pos_conv.0.0.weight"],
}  # fmt: skip


@pytest.mark.parametrize("owner", OTHERS)
def test_another_model_is_named(owner: str, tmp_path: Path) -> None:
    torch.save({"model": {name: torch.zeros(2) for name in OTHERS[owner]}}, tmp_path / "f.pt")
    sentence = rf"f\.pt: holds {re.escape(owner)}, expected emotion2vec, data2vec 2\.0 or data2vec"
    with pytest.raises(CheckpointError, match=sentence):
        load_encoder(tmp_path / "f.pt")


def _foreign(**changes: Any) -> dict[str, Any]:
    return {"cfg": {"model": {"_name": "data2vec_multi", **changes}}}


@pytest.mark.parametrize(
    ("cfg", "words"),
    [
        (_foreign(layer_norm_first=True), "layer_norm_first=True, but only False is built here"),
        (_foreign(norm_affine=False), "norm_affine=False, but only True"),
        (_foreign(modalities={"audio": {"conv_pos_pre_ln": True}}), "audio.conv_pos_pre_ln=True"),
        (_foreign(modalities={"audio": {"feature_encoder_spec": "[(8,10,5)] + [(8,3,2)] * 6"}}),
         r"has the convolutions '\[\(8,10,5\)\] .*', but only kernels"),
        (_foreign(modalities={"audio": {"feature_encoder_spec": "[" * 10**6}}), r"has the convolutions '\[+', but"),
        (_foreign(norm_eps="tiny"), "norm_eps='tiny', expected a number"),
        (_foreign(num_heads=float("inf")), "num_heads=inf, expected a number"),
        ({**_foreign(), "cfg": {**_foreign()["cfg"], "task": {"normalize": False}}},
         "was trained on waveforms that are not normalised"),
    ],
)  # fmt: skip
def test_an_architecture_that_is_not_built_here_is_refused(
    cfg: dict[str, Any], words: str, tmp_path: Path
) -> None:
    state = {**cfg, "model": bare_state(model_of("data2vec2"), "fairseq")}
    torch.save(state, tmp_path / "f.pt")
    with pytest.raises(CheckpointError, match=rf"f\.pt: .*{words}"):
        load_encoder(tmp_path / "f.pt")


def test_settings_of_training_that_cannot_be_expressed_stay_at_their_defaults(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = {
        **_foreign(ema_end_decay=1.0, norm_eps=1e-6),
        "model": bare_state(model_of("data2vec2"), "fairseq"),
    }
    torch.save(state, tmp_path / "f.pt")
    config = read_checkpoint(tmp_path / "f.pt").config
    assert (config.ema_end_decay, config.norm_eps) == (0.99999, 1e-6)
    assert "ema_end_decay must be between 0 and 1, but is 1.0" in caplog.text


def test_interpolations_and_open_values_are_no_settings() -> None:
    conf = {
        "ema_anneal_end_step": "${optimization.max_update}",
        "num_heads": "???",
        "layerdrop": None,
    }
    assert read_settings(conf, "data2vec2") == {}


Harm = Callable[[dict[str, Tensor]], Any]


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda s: s.update({"blocks.0.surprise": torch.zeros(1)}), "layers.1.surprise is unexpected"),
        (lambda s: s.update({"surprise": torch.zeros(1)}), "model: surprise is unexpected"),
        (lambda s: s.update({"_ema": {"w": torch.zeros(1)}}), "model: _ema.w is unexpected"),
        (lambda s: s.pop("blocks.1.norm1.weight"), "layers.2.norm1.weight is missing"),
        (lambda s: s.update({"blocks.1.attn.qkv.weight": torch.zeros(3, 3)}),
         r"qkv.weight has shape \(3, 3\), expected \(48, 16\)"),
        (lambda s: [s.pop(k) for k in list(s) if "relative_pos" in k], "do not tell the architecture"),
        (lambda s: s.pop("modality_encoders.AUDIO.decoder.proj.bias"), None),
    ],
)  # fmt: skip
def test_missing_and_unexpected_tensors_are_listed(
    harm: Harm, words: str | None, tmp_path: Path
) -> None:
    state = bare_state(model_of("data2vec2"), "fairseq")
    harm(state)
    torch.save(state, tmp_path / "f.pt")
    if words is None:  # a decoder in parts is for a new run to replace
        read_checkpoint(tmp_path / "f.pt")
        return
    with pytest.raises(CheckpointError, match=rf"f\.pt: .*{words}"):
        read_checkpoint(tmp_path / "f.pt")


def _edit_yaml(old: str, new: str) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        path = folder / "config.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    return harm


def _two_weights(folder: Path) -> None:
    (folder / "model.pt").rename(folder / "a.pt")
    (folder / "b.pt").touch()


def _outside(folder: Path) -> None:
    (folder / "model.pt").rename(folder.parent / "model.pt")
    metas = {"file_path_metas": {"init_param": "../model.pt"}}
    (folder / "configuration.json").write_text(json.dumps(metas), encoding="utf-8")


# a few lines that stand for 9^11 items
LAUGHS = "l0: &l0 [x]\n" + "".join(
    f"l{i}: &l{i} [{','.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MERGES = "m0: &m0 {k: 1}\n" + "".join(
    f"m{i}: &m{i}\n  <<: [{','.join([f'*m{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
FUNASR_HARMS: list[tuple[Callable[[Path], Any], str]] = [
    (_edit_yaml("Emotion2vec", "Paraformer"), r"config\.yaml: names the model 'Paraformer', expected 'Emotion2vec'"),
    (_edit_yaml("model_conf:", "model_conf: ["), r"config\.yaml: not readable as YAML"),
    (_edit_yaml("depth: 2", "depth: !!python/object/apply:os.system ['true']"), r"config\.yaml: not readable as YAML"),
    (_edit_yaml("model:", f"{LAUGHS}model:"), r"config\.yaml: not readable as YAML \(objects in it .* are too many\)"),
    (_edit_yaml("model:", f"{MERGES}model:"), r"config\.yaml: not readable as YAML \(.*:merge'\)"),
    (_edit_yaml("model:", f"deep: {'[' * 10_000}\nmodel:"), r"config\.yaml: not readable as YAML"),
    (_edit_yaml("num_heads: 2", "num_heads: .inf"), "its config has num_heads=inf, expected a number"),
    (lambda folder: (folder / "model.pt").unlink(), "has a config.yaml but no weights, expected model.pt"),
    (_two_weights, "has a config.yaml but several weights"),
    (_outside, "has a config.yaml but no weights"),
    (lambda folder: (folder / "model.pt").write_text("404"), r"model\.pt: is a text file"),
    (lambda folder: (folder / "config.yaml").unlink(),
     r"is a folder without a model, expected .*; name one of its files, such as model\.pt"),
]  # fmt: skip


@pytest.mark.parametrize(("harm", "words"), FUNASR_HARMS)
def test_what_is_wrong_with_a_funasr_folder_is_said(
    harm: Callable[[Path], Any], words: str, tmp_path: Path
) -> None:
    folder = write_funasr(tmp_path / "funasr", model_of("data2vec2"))
    harm(folder)
    with pytest.raises(CheckpointError, match=words):
        load_encoder(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "wav2vec2"}, r"config\.json: model_type is 'wav2vec2', expected 'emotion2vec'"),
        ({"format_version": 2}, r"config\.json: format_version is 2, expected 1; update this program"),
        ({"config": None}, r"config\.json: model_type is 'emotion2vec', expected"),
        ({"config": {"depth": 0}}, r"model config: depth must be at least 1, but is 0"),
        ({"config": {"depth": "x"}}, r"hub: model config: depth must be a whole number, but is 'x'"),
        ({"config": {"depth": 2.5}}, r"hub: model config: depth must be a whole number, but is 2\.5"),
        ({"config": {"mlp_ratio": float("inf")}}, "mlp_ratio must be a finite number, but is inf"),
        ({"config": {"backbone": ["data2vec"]}}, r"backbone must be a word, but is \['data2vec'\]"),
        ({"config": {"embed_dim": 48 * 10**12}}, r"hub: its config has embed_dim=48000000000000, expected at most"),
        ({"config": {"decoder_layers": 10**9}}, r"hub: its config names 1000000000 layers, but there are"),
        ({"config": {"depth": 10**9}}, r"hub: its config names 1000000004 layers, but there are \d+ tensors"),
        ({"config": asdict(tiny_config(depth=3))}, r"layers\.3\.attn\.qkv\.weight is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_hub_folder_is_said(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    folder = write_hub(tmp_path / "hub", model_of("data2vec2"), **changes)
    with pytest.raises(CheckpointError, match=words):
        load_encoder(folder)


def test_damaged_files_of_a_hub_folder_are_named(tmp_path: Path) -> None:
    folder = write_hub(tmp_path / "hub", model_of("data2vec2"))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: damaged or cut short"):
        load_encoder(folder)
    (folder / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json: not readable as JSON"):
        load_encoder(folder)
    (folder / "config.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json: not readable as JSON \(maximum rec"):
        load_encoder(folder)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="pipe: no such checkpoint"):
        load_encoder(tmp_path / "pipe")


def test_names_that_are_numbers_are_not_tensors_of_a_model(tmp_path: Path) -> None:
    torch.save({"model": {0: torch.ones(2), "a": torch.ones(1)}}, tmp_path / "f.pt")
    with pytest.raises(CheckpointError, match=r"holds an unknown model with tensors a, \.\.\."):
        load_encoder(tmp_path / "f.pt")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_weights_that_share_one_number_do_not_fill_the_memory(tmp_path: Path) -> None:
    state = bare_state(model_of("data2vec2", num_utterance_tokens=1), "fairseq")
    state["modality_encoders.AUDIO.extra_tokens"] = torch.zeros(1, 1, 1).expand(1, 60_000, 16)
    torch.save(state, tmp_path / "f.pt")
    with pytest.raises(
        CheckpointError, match=r"f\.pt: damaged or cut short \(its tensors are many"
    ):
        load_encoder(tmp_path / "f.pt")


def test_a_funasr_folder_of_links_is_read(tmp_path: Path) -> None:
    folder = write_funasr(tmp_path / "funasr", model_of("data2vec2"))
    (folder / "model.pt").rename(tmp_path / "blob")
    (folder / "model.pt").symlink_to(tmp_path / "blob")  # as the cache of Hugging Face has it
    (folder / "other.pt").touch()
    assert load_encoder(folder).sha256 == file_sha256(tmp_path / "blob")


def test_an_empty_folder_holds_no_model(tmp_path: Path) -> None:
    words = "is a folder without a model, expected model.safetensors and config.json .hub. or config.yaml"
    with pytest.raises(CheckpointError, match=words):
        load_encoder(tmp_path)
