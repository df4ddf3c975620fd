"""Writes an ONNX file weight by weight, so that a model is not held in memory several times.

In: an `onnx.ModelProto` without weights and the weights by name. Out: the file that `onnx.save` would write.
A protobuf message is its fields one behind the other, each a tag, a length and the contents; only lengths are needed
before the weights are.
"""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

# (number of the field << 3) | 2 for contents with a length, from onnx.proto
_MODEL_GRAPH = bytes([7 << 3 | 2])
_GRAPH_INITIALIZER = bytes([5 << 3 | 2])
_TENSOR_RAW_DATA = bytes([9 << 3 | 2])


def write_model(onnx: ModuleType, path: Path, model: Any, weights: Mapping[str, Tensor]) -> None:
    """Write a model and its weights.

    Args:
        onnx: The package.
        path: File to write.
        model: `onnx.ModelProto` whose graph has no initializers; its graph is taken out.
        weights: Name -> contiguous float32 tensor on the CPU.
    """
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    heads = {name: _head(onnx, name, weight) for name, weight in weights.items()}
    length = len(graph) + sum(len(head) + weights[name].nbytes for name, head in heads.items())
    with path.open("wb") as file:
        file.write(model.SerializeToString())
        file.write(_MODEL_GRAPH + _varint(length) + graph)
        for name, head in heads.items():
            file.write(head)
            weights[name].numpy().tofile(file)


def _head(onnx: ModuleType, name: str, weight: Tensor) -> bytes:
    """Return what stands before a weight's numbers: its length, shape and name, and how many bytes follow."""
    about = onnx.TensorProto(
        name=name, dims=list(weight.shape), data_type=onnx.TensorProto.FLOAT
    ).SerializeToString()
    data = _TENSOR_RAW_DATA + _varint(weight.nbytes)
    return _GRAPH_INITIALIZER + _varint(len(about) + len(data) + weight.nbytes) + about + data


def _varint(number: int) -> bytes:
    """Encode a length as protobuf does: seven bits a byte, the lowest first, the top bit set on all but the last."""
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])
