"""What stands in an ONNX file: names, axes, metadata, weights."""

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch

import emotion2vec
from emotion2vec.export import onnx as onnx_export
from emotion2vec.export.onnx import MAX_DIFFERENCE, export_onnx
from emotion2vec.model.checkpoint import LoadedCheckpoint, read_checkpoint
from emotion2vec.model.config import ModelConfig
from emotion2vec.model.factory import build_pretraining_model
from tests.helpers.checkpoints import write_checkpoint
from tests.model.builders import TINY

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")


@pytest.fixture(scope="module")
def one_checkpoint(tmp_path_factory) -> LoadedCheckpoint:
    return read_checkpoint(write_checkpoint(tmp_path_factory.mktemp("one") / "model.pt"))


@pytest.mark.parametrize("opset", onnx_export.OPSETS)
def test_every_opset_is_verified_and_named_in_the_file(one_checkpoint, tmp_path, opset) -> None:
    file = export_onnx(one_checkpoint, tmp_path / "m.onnx", opset=opset)
    model = onnx.load(str(file.path))
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", opset)]
    assert file.opset == opset
    assert file.max_difference is not None
    assert 0 < file.max_difference <= MAX_DIFFERENCE


def _shapes(values: Any) -> dict[str, list[Any]]:
    return {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in values
    }


@pytest.mark.parametrize(
    ("padding", "extra"),
    [
        ("none", {}),
        ("mask", {"padding_mask": ["batch", "samples"]}),
        ("lengths", {"lengths": ["batch"]}),
    ],
)
@pytest.mark.parametrize(("layers", "middle"), [("last", []), ("all", [4])])
def test_inputs_and_outputs_have_the_documented_names_and_axes(
    one_checkpoint, tmp_path, padding, extra, layers, middle
) -> None:
    file = export_onnx(one_checkpoint, tmp_path / "m.onnx", padding=padding, layers=layers)
    graph = onnx.load(str(file.path)).graph
    dim = TINY["embed_dim"]
    assert _shapes(graph.input) == {"waveform": ["batch", "samples"], **extra}
    assert _shapes(graph.output) == {
        "frames": ["batch", *middle, "frames", dim],
        "utterance": ["batch", *middle, dim],
        "num_frames": ["batch"],
        "tokens": ["batch", *middle, "tokens", dim],
    }
    assert file.inputs == tuple(value.name for value in graph.input)
    assert file.outputs == tuple(value.name for value in graph.output)
    assert all(name in onnx_export.__doc__ for name in (*file.inputs, *file.outputs))


def test_a_model_without_tokens_has_no_such_output(tmp_path) -> None:
    path = write_checkpoint(tmp_path / "m.pt", num_utterance_tokens=0, utterance_method="global")
    file = export_onnx(read_checkpoint(path), tmp_path / "m.onnx")
    assert file.outputs == ("frames", "utterance", "num_frames")


def test_the_file_tells_where_it_comes_from(one_checkpoint, tmp_path) -> None:
    file = export_onnx(one_checkpoint, tmp_path / "m.onnx", licence="CC-BY-4.0", layers="all")
    model = onnx.load(str(file.path))
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(about.pop("config")) == asdict(one_checkpoint.config)
    assert about.pop("normalisation").startswith("inside: ")
    assert about == {
        "emotion2vec_version": emotion2vec.__version__,
        "source_sha256": one_checkpoint.sha256,
        "source_format": one_checkpoint.kind,
        "licence": "CC-BY-4.0",
        "layers": "all",
        "padding": "mask",
        "sample_rate_hz": "16000",
        "samples_per_frame": "320",
        "min_samples": "400",
    }
    assert (model.producer_name, model.producer_version) == ("emotion2vec", emotion2vec.__version__)


def test_the_weights_in_the_file_are_the_students(one_checkpoint, tmp_path) -> None:
    file = export_onnx(one_checkpoint, tmp_path / "m.onnx")
    found = {
        weight.name.removeprefix("encoder."): onnx.numpy_helper.to_array(weight)
        for weight in onnx.load(str(file.path)).graph.initializer
    }
    student = {
        key.removeprefix("student."): tensor.numpy()
        for key, tensor in one_checkpoint.tensors.items()
        if key.startswith("student.")
    }
    assert found.keys() == student.keys()
    assert all(np.array_equal(found[key], student[key]) for key in student)


def test_half_precision_weights_become_float32(one_checkpoint, tmp_path) -> None:
    halved = {key: tensor.half() for key, tensor in one_checkpoint.tensors.items()}
    half = LoadedCheckpoint(one_checkpoint.config, halved, "0" * 64, "test")
    file = export_onnx(half, tmp_path / "m.onnx")
    types = {weight.data_type for weight in onnx.load(str(file.path)).graph.initializer}
    assert types == {onnx.TensorProto.FLOAT}


# VmHWM: what getrusage tells includes the process that started this one
BASE = """
import sys, time
from pathlib import Path
from emotion2vec.export.onnx import export_onnx
from emotion2vec.model.checkpoint import read_checkpoint

start = time.monotonic()
file = export_onnx(read_checkpoint(Path(sys.argv[1])), Path(sys.argv[2]))
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(file.max_difference, int(peak) * 1024 / 1e9, time.monotonic() - start)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["data2vec2", "data2vec"])
def test_the_base_model_is_exported_and_verified_in_2_gb(tmp_path, backbone) -> None:
    config = ModelConfig(backbone=backbone)
    state = {"_name": "emotion2vec", **asdict(config)}
    model = build_pretraining_model(config)
    torch.save({"cfg": {"model": state}, "model": model.state_dict()}, tmp_path / "model.pt")
    done = subprocess.run(
        [sys.executable, "-c", BASE, str(tmp_path / "model.pt"), str(tmp_path / "m.onnx")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    difference, peak_gb, seconds = map(float, done.stdout.split())
    assert difference < MAX_DIFFERENCE
    assert peak_gb < 2.0
    assert seconds < 60  # 5 s where nothing else runs
