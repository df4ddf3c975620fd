"""ONNX files, run in onnxruntime."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from emotion2vec.errors import CheckpointError, ConfigError, ExportError
from emotion2vec.export import onnx as onnx_export
from emotion2vec.export.onnx import OnnxFile, export_onnx
from emotion2vec.features.extractor import Emotion2Vec
from emotion2vec.model.checkpoint import LoadedCheckpoint, read_checkpoint
from emotion2vec.structs import num_frames
from tests.helpers.checkpoints import write_checkpoint

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")

InvalidArgument = onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument
SECONDS_20 = 320_000


@pytest.fixture(scope="module", params=["data2vec2", "data2vec"])
def checkpoint_path(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return write_checkpoint(folder / "model.pt", backbone=request.param)


@pytest.fixture(scope="module")
def one_checkpoint(tmp_path_factory) -> LoadedCheckpoint:
    return read_checkpoint(write_checkpoint(tmp_path_factory.mktemp("one") / "model.pt"))


@pytest.fixture(scope="module")
def exported(checkpoint_path: Path, tmp_path_factory):
    """Export each kind of file once."""
    folder, files = tmp_path_factory.mktemp("onnx"), {}

    def export(**options: Any) -> OnnxFile:
        key = json.dumps(options, sort_keys=True)
        if key not in files:
            out = folder / f"{len(files)}.onnx"
            files[key] = export_onnx(read_checkpoint(checkpoint_path), out, **options)
        return files[key]

    return export


def speech(lengths: list[int], seed: int = 0) -> list[Tensor]:
    """Make noise of different loudness and offset, so that a normalisation that is absent or shared shows."""
    generator = torch.Generator().manual_seed(seed)
    return [
        (row + 1) * 0.05 * torch.randn(length, generator=generator) + 0.01 * row
        for row, length in enumerate(lengths)
    ]


def padded(waveforms: list[Tensor], fill: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the batch, its mask and its lengths; `fill` is what padded samples hold."""
    batch = torch.nn.utils.rnn.pad_sequence(waveforms, batch_first=True, padding_value=fill)
    lengths = np.array([len(w) for w in waveforms])
    return batch.numpy(), np.arange(batch.shape[1])[None] >= lengths[:, None], lengths


def run(file: OnnxFile, **feed: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(file.path), providers=["CPUExecutionProvider"])
    return dict(zip(file.outputs, session.run(None, feed), strict=True))


def assert_equal_to_ours(
    found: dict[str, np.ndarray], waveforms: list[Tensor], checkpoint: Path, layers: str
) -> None:
    """Compare every output with the Python API, each utterance alone."""
    model = Emotion2Vec.from_pretrained(checkpoint, device="cpu")
    for row, waveform in enumerate(waveforms):
        (frames,) = model.extract(waveform, layers=layers)  # (T, D) or (T, L, D)
        utterance = {
            source: model.extract(
                waveform, granularity="utterance", layers=layers, utterance_from=source
            )[0]
            for source in ("frames", "tokens")
        }
        valid = len(frames)
        assert valid == num_frames(len(waveform)) == found["num_frames"][row]
        ours = frames.swapaxes(0, 1) if layers == "all" else frames
        np.testing.assert_allclose(found["frames"][row][..., :valid, :], ours, rtol=0, atol=1e-4)
        np.testing.assert_allclose(found["utterance"][row], utterance["frames"], rtol=0, atol=1e-4)
        tokens = found["tokens"][row].mean(axis=-2)
        np.testing.assert_allclose(tokens, utterance["tokens"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("layers", ["last", "all"])
@pytest.mark.parametrize("num_samples", [400, 719, 720, 16_000, 33_333, SECONDS_20])
def test_a_single_utterance_has_our_features(
    exported, checkpoint_path, layers, num_samples
) -> None:
    waveforms = speech([num_samples])
    file = exported(layers=layers, padding="none")
    found = run(file, waveform=waveforms[0][None].numpy())
    assert_equal_to_ours(found, waveforms, checkpoint_path, layers)


@pytest.mark.parametrize("layers", ["last", "all"])
def test_four_utterances_of_one_length_need_no_mask(exported, checkpoint_path, layers) -> None:
    waveforms = speech([12_345] * 4)
    found = run(exported(layers=layers, padding="none"), waveform=torch.stack(waveforms).numpy())
    assert_equal_to_ours(found, waveforms, checkpoint_path, layers)


@pytest.mark.parametrize("fill", [0.0, 7.0, np.nan], ids=["zeros", "noise", "nan"])
@pytest.mark.parametrize("layers", ["last", "all"])
@pytest.mark.parametrize("padding", ["mask", "lengths"])
def test_padded_utterances_have_the_features_they_have_alone(
    exported, checkpoint_path, padding, layers, fill
) -> None:
    waveforms = speech([16_000, 400, 9_001, 720])
    batch, mask, lengths = padded(waveforms, fill)
    told = {"padding_mask": mask} if padding == "mask" else {"lengths": lengths}
    found = run(exported(layers=layers, padding=padding), waveform=batch, **told)
    assert_equal_to_ours(found, waveforms, checkpoint_path, layers)


@pytest.mark.parametrize("padding", ["mask", "lengths"])
def test_a_long_utterance_may_be_padded_too(exported, checkpoint_path, padding) -> None:
    waveforms = speech([SECONDS_20, 16_000])
    batch, mask, lengths = padded(waveforms, 0.0)
    told = {"padding_mask": mask} if padding == "mask" else {"lengths": lengths}
    found = run(exported(padding=padding), waveform=batch, **told)
    assert_equal_to_ours(found, waveforms, checkpoint_path, "last")


@pytest.mark.parametrize("padding", ["mask", "lengths"])
def test_a_batch_without_padding_may_be_told_so(exported, checkpoint_path, padding) -> None:
    waveforms = speech([5_000])
    batch, mask, lengths = padded(waveforms, 0.0)
    told = {"padding_mask": mask} if padding == "mask" else {"lengths": lengths}
    found = run(exported(padding=padding), waveform=batch, **told)
    assert_equal_to_ours(found, waveforms, checkpoint_path, "last")


@pytest.mark.parametrize("layers", ["last", "all"])
def test_padded_frames_are_zero_and_valid_ones_are_not(exported, layers) -> None:
    batch, mask, _ = padded(speech([16_000, 4_000]), 0.0)
    found = run(exported(layers=layers), waveform=batch, padding_mask=mask)
    valid = num_frames(4_000)
    assert not found["frames"][1][..., valid:, :].any()
    assert found["frames"][1][..., :valid, :].any(axis=-1).all()


def test_an_utterance_below_400_samples_has_no_frames_and_its_mean_says_so(exported) -> None:
    batch, mask, _ = padded(speech([16_000, 399]), 0.0)
    found = run(exported(), waveform=batch, padding_mask=mask)
    assert found["num_frames"].tolist() == [49, 0]
    assert np.isnan(found["utterance"][1]).all()
    assert np.isfinite(found["utterance"][0]).all()


def test_the_mask_is_of_booleans_and_lengths_are_whole_numbers(exported) -> None:
    batch, mask, lengths = padded(speech([16_000, 4_000]), 0.0)
    with pytest.raises(InvalidArgument, match="bool"):
        run(exported(), waveform=batch, padding_mask=mask.astype(np.int64))
    with pytest.raises(InvalidArgument, match="int64"):
        run(exported(padding="lengths"), waveform=batch, lengths=lengths.astype(np.float32))


def test_exporting_leaves_checkpoint_and_random_numbers_as_they_were(
    one_checkpoint, tmp_path
) -> None:
    before = {key: tensor.clone() for key, tensor in one_checkpoint.tensors.items()}
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    export_onnx(one_checkpoint, tmp_path / "m.onnx")
    assert torch.equal(torch.rand(4), wanted)
    assert all(torch.equal(one_checkpoint.tensors[key], before[key]) for key in before)


def test_every_unknown_setting_is_named(one_checkpoint, tmp_path) -> None:
    message = (
        "ONNX export: opset must be 17 to 20, but is 9; layers must be one of ('last', 'all'), but is 'first'; "
        "padding must be one of ('mask', 'lengths', 'none'), but is 'left'"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        export_onnx(one_checkpoint, tmp_path / "m", opset=9, layers="first", padding="left")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    one_checkpoint, tmp_path, monkeypatch, package
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    message = f"ONNX files need the package {package}: pip install emotion2vec[onnx]"
    with pytest.raises(ExportError, match=f"^{re.escape(message)}$"):
        export_onnx(one_checkpoint, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_onnxruntime_is_not_needed_without_verification(
    one_checkpoint, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    file = export_onnx(one_checkpoint, tmp_path / "m.onnx", verify=False)
    assert file.max_difference is None
    assert file.path.exists()


def _spoil(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Tensor], Tensor]) -> None:
    right = getattr(onnx_export, name)
    monkeypatch.setattr(onnx_export, name, lambda *given: change(right(*given)))


@pytest.mark.parametrize("change", [torch.abs, lambda waveform: waveform * float("nan")])
def test_a_file_with_other_features_is_not_kept(
    one_checkpoint, tmp_path, monkeypatch, change
) -> None:
    out = tmp_path / "m.onnx"
    out.write_bytes(b"an older file")
    _spoil(monkeypatch, "_normalise", change)
    with pytest.raises(
        ExportError,
        match=r"the ONNX file's features differ from the model's by \S+ \(limit 1e-04\), so it was not kept",
    ):
        export_onnx(one_checkpoint, out, overwrite=True)
    assert out.read_bytes() == b"an older file"
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_a_file_with_other_numbers_of_frames_is_not_kept(
    one_checkpoint, tmp_path, monkeypatch
) -> None:
    _spoil(monkeypatch, "_too_short", torch.logical_not)
    with pytest.raises(ExportError, match=r"differ from the model's by inf \(limit 1e-04\)"):
        export_onnx(one_checkpoint, tmp_path / "m.onnx")


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(one_checkpoint, tmp_path) -> None:
    out = tmp_path / "m.onnx"
    out.write_bytes(b"an older file")
    with pytest.raises(ExportError, match=r"m\.onnx: is there already and stays as it is; "):
        export_onnx(one_checkpoint, out)
    assert out.read_bytes() == b"an older file"
    assert export_onnx(one_checkpoint, out, overwrite=True).path == out
    onnx.checker.check_model(onnx.load(str(out)))


def test_a_licence_that_nobody_chose_is_unknown(one_checkpoint, tmp_path) -> None:
    file = export_onnx(one_checkpoint, tmp_path / "m.onnx")
    about = {entry.key: entry.value for entry in onnx.load(str(file.path)).metadata_props}
    assert about["licence"] == "unknown"


def test_tensors_that_do_not_fit_are_listed(one_checkpoint, tmp_path) -> None:
    tensors = dict(one_checkpoint.tensors)
    del tensors["student.frontend.projection.bias"]
    tensors["student.more"] = torch.zeros(1)
    broken = LoadedCheckpoint(one_checkpoint.config, tensors, "0" * 64, "test file")
    message = "test file: tensors do not fit the model: frontend.projection.bias is missing; more is unexpected"
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}$"):
        export_onnx(broken, tmp_path / "m.onnx")


def test_missing_folders_are_made(one_checkpoint, tmp_path) -> None:
    file = export_onnx(one_checkpoint, tmp_path / "a" / "b" / "m.onnx")
    assert file.path == tmp_path / "a" / "b" / "m.onnx"
    assert file.path.exists()
