"""ONNX: one file that takes raw speech and returns features, for programs without torch.

In: `LoadedCheckpoint`. Out: a file with these names (batch, samples and frames are free):

    waveform      (batch, samples) float32       speech at 16 kHz as it is: the graph normalises each utterance
                                                 itself, over its own valid samples
    padding_mask  (batch, samples) bool          True = padding; only with padding="mask"
    lengths       (batch,) int64                 valid samples of each utterance; only with padding="lengths"
    frames        (batch, frames, D) float32     zero where padded; frame t covers samples 320 t to 320 t + 399
    utterance     (batch, D) float32             mean of the valid frames
    num_frames    (batch,) int64                 valid frames; 0, and `utterance` NaN, below 400 valid samples
    tokens        (batch, tokens, D) float32     outputs of the utterance tokens; only of a model that has them

With layers="all" all three kinds of features have the axis of layers behind the batch's: (batch, L + 1, frames, D).
B utterances, S samples, T frames, U utterance tokens, L layers, D width. Needs the extra `onnx`.
"""

import dataclasses
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import emotion2vec
from emotion2vec.audio.io import normalise_waveform
from emotion2vec.errors import ConfigError, ExportError
from emotion2vec.export.onnx_file import write_model
from emotion2vec.export.place import check_free, new_file
from emotion2vec.export.student import student_encoder
from emotion2vec.model.checkpoint import LoadedCheckpoint
from emotion2vec.model.encoder import SpeechEncoder
from emotion2vec.structs import (
    MIN_SAMPLES,
    SAMPLE_RATE_HZ,
    SAMPLES_PER_FRAME,
    num_frames,
    padding_from_lengths,
)

OPSETS = range(17, 21)  # 17 is the first with LayerNormalization; 20 the last of torch's exporter
LAYERS = ("last", "all")
PADDINGS = ("mask", "lengths", "none")
MAX_DIFFERENCE = 1e-4

_INPUTS = {
    "mask": ("waveform", "padding_mask"),
    "lengths": ("waveform", "lengths"),
    "none": ("waveform",),
}
_NORM_EPS = 1e-5


@dataclass(frozen=True)
class OnnxFile:
    """What was written.

    Attributes:
        path: The file.
        opset: Version of ONNX's operators.
        inputs: Names of the inputs.
        outputs: Names of the outputs.
        max_difference: Largest absolute difference to the model in PyTorch; None when it was not verified.
    """

    path: Path
    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    max_difference: float | None


def export_onnx(
    checkpoint: LoadedCheckpoint,
    out: Path,
    *,
    opset: int = OPSETS[0],
    layers: str = "last",
    padding: str = "mask",
    licence: str | None = None,
    verify: bool = True,
    overwrite: bool = False,
) -> OnnxFile:
    """Write the student of a checkpoint as one ONNX file, whole or not at all.

    Args:
        checkpoint: Any checkpoint of ours, read.
        out: File to write, by custom `*.onnx`; its folder is made when missing.
        opset: Version of ONNX's operators, 17 to 20.
        layers: `last`, or `all` from the input of the first transformer layer to the output of the last.
        padding: How a batch of unequal lengths is told: `mask`, `lengths`, or `none` for utterances of one length.
        licence: Licence of the weights, for the file's metadata; None when nobody has chosen one.
        verify: Run the file in onnxruntime and compare it to PyTorch before it gets its name.
        overwrite: Replace what lies there.

    Raises:
        ConfigError: A setting is unknown.
        CheckpointError: The checkpoint's tensors do not fit its architecture.
        ExportError: The place is taken, a package is missing, or the file does not give the model's features.
    """
    _check_settings(opset, layers, padding)
    check_free(out, overwrite=overwrite)
    onnx = _require("onnx")
    if verify:
        _require("onnxruntime")
    encoder = student_encoder(checkpoint)
    graph = _Graph(encoder, checkpoint, layers=layers, padding=padding).eval()
    about = _metadata(checkpoint, layers, padding, licence)
    with new_file(out, overwrite=overwrite) as temporary:
        _trace(graph, temporary, opset)
        _complete(onnx, temporary, graph, about)
        difference = _verify(temporary, graph) if verify else None
    return OnnxFile(out, opset, graph.input_names, graph.output_names, difference)


class _Graph(nn.Module):
    """What the file computes: normalisation, encoder, means."""

    def __init__(
        self, encoder: SpeechEncoder, checkpoint: LoadedCheckpoint, *, layers: str, padding: str
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.padding = padding
        self.all_layers = layers == "all"
        self.input_names = _INPUTS[padding]
        tokens = ("tokens",) if checkpoint.config.num_utterance_tokens else ()
        self.output_names = ("frames", "utterance", "num_frames", *tokens)

    def forward(self, waveform_BS: Tensor, given: Tensor | None = None) -> tuple[Tensor, ...]:
        """Map raw speech (B, S), and the mask (B, S) or lengths (B,), to the outputs in the file's order."""
        padding_BS = given
        if given is not None and self.padding == "lengths":
            padding_BS = padding_from_lengths(given, waveform_BS.size(1))
        features = self.encoder.extract(_normalise(waveform_BS, padding_BS), padding_BS)
        frames = self._pick(features.layers)
        if padding_BS is None or features.padding_BT is None:
            num_frames_B = torch.ones_like(features.layers[-1][..., 0], dtype=torch.int64).sum(1)
            utterance = frames.mean(dim=-2)
        else:
            padding_BT = features.padding_BT | _too_short(padding_BS)
            num_frames_B = (~padding_BT).sum(dim=1)
            frames = frames.masked_fill(self._as_layers(padding_BT.unsqueeze(-1)), 0.0)
            utterance = frames.sum(dim=-2) / self._as_layers(num_frames_B.unsqueeze(-1))
        if "tokens" not in self.output_names:
            return frames, utterance, num_frames_B
        return frames, utterance, num_frames_B, self._pick(features.tokens)

    def _pick(self, states: Sequence[Tensor]) -> Tensor:
        """Take the last layer (B, N, D), or stack all of them (B, L + 1, N, D)."""
        return torch.stack(tuple(states), dim=1) if self.all_layers else states[-1]

    def _as_layers(self, values: Tensor) -> Tensor:
        """Give values (B, ...) the axis of layers that `_pick` gives."""
        return values.unsqueeze(1) if self.all_layers else values


def _too_short(padding_BS: Tensor) -> Tensor:
    """Find utterances without a frame, (B, 1): ONNX rounds a negative quotient up, and would give them one."""
    return (~padding_BS).sum(dim=1, keepdim=True) < MIN_SAMPLES


def _normalise(waveform_BS: Tensor, padding_BS: Tensor | None) -> Tensor:
    """Give each utterance zero mean and unit variance over its valid samples, (B, S), zero where padded.

    Equals `audio.io.normalise_waveform` of each utterance alone, whatever the padded samples hold.
    """
    if padding_BS is None:
        centred_BS = waveform_BS - waveform_BS.mean(dim=1, keepdim=True)
        return centred_BS * torch.rsqrt(centred_BS.square().mean(dim=1, keepdim=True) + _NORM_EPS)
    count_B1 = (~padding_BS).sum(dim=1, keepdim=True)
    mean_B1 = waveform_BS.masked_fill(padding_BS, 0.0).sum(dim=1, keepdim=True) / count_B1
    centred_BS = (waveform_BS - mean_B1).masked_fill(padding_BS, 0.0)
    variance_B1 = centred_BS.square().sum(dim=1, keepdim=True) / count_B1
    return centred_BS * torch.rsqrt(variance_B1 + _NORM_EPS)


class _WidthsAsNumbers(TorchFunctionMode):
    """While tracing, layer norms take their width as a number: read off a tensor's shape it would be a variable."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Pass every call of torch through, `layer_norm` with whole numbers as its shape."""
        if func is nn.functional.layer_norm:
            args = (args[0], [int(width) for width in args[1]], *args[2:])
        return func(*args, **(kwargs or {}))


def _example(lengths: Sequence[int], padding: str) -> tuple[Tensor, ...]:
    """Make a batch of noise with an offset: the graph's inputs; what is padded holds noise too."""
    generator = torch.Generator().manual_seed(0)
    waveform_BS = 0.1 * torch.randn(len(lengths), max(lengths), generator=generator) + 0.02
    lengths_B = torch.tensor(lengths)
    if padding == "none":
        return (waveform_BS,)
    if padding == "lengths":
        return waveform_BS, lengths_B
    return waveform_BS, padding_from_lengths(lengths_B, max(lengths))


def _trace(graph: _Graph, path: Path, opset: int) -> None:
    """Write the graph's file.

    torch's older exporter is used on purpose: for the base model it takes 4 s, where the newer takes 16 s and
    another package. `_verify` guards against what tracing may get wrong. The weights become inputs here:
    the exporter would hold them four times.
    """
    time_axis = 2 if graph.all_layers else 1
    axes = {
        "waveform": {0: "batch", 1: "samples"},
        "padding_mask": {0: "batch", 1: "samples"},
        "lengths": {0: "batch"},
        "frames": {0: "batch", time_axis: "frames"},
        "utterance": {0: "batch"},
        "num_frames": {0: "batch"},
        "tokens": {0: "batch", time_axis: "tokens"},
    }
    names = [*graph.input_names, *graph.output_names]
    with warnings.catch_warnings(), _WidthsAsNumbers():
        warnings.simplefilter("ignore")  # of tracing, and that the exporter is the older one
        torch.onnx.export(
            graph,
            _example((8000, 6000), graph.padding),
            str(path),
            input_names=list(graph.input_names),
            output_names=list(graph.output_names),
            dynamic_axes={name: axes[name] for name in names},
            opset_version=opset,
            export_params=False,
            do_constant_folding=False,
            dynamo=False,
        )


def _metadata(
    checkpoint: LoadedCheckpoint, layers: str, padding: str, licence: str | None
) -> dict[str, str]:
    return {
        "emotion2vec_version": emotion2vec.__version__,
        "config": json.dumps(dataclasses.asdict(checkpoint.config), sort_keys=True),
        "source_sha256": checkpoint.sha256,
        "source_format": checkpoint.kind,
        "licence": licence or "unknown",
        "layers": layers,
        "padding": padding,
        "sample_rate_hz": str(SAMPLE_RATE_HZ),
        "samples_per_frame": str(SAMPLES_PER_FRAME),
        "min_samples": str(MIN_SAMPLES),
        "normalisation": "inside: zero mean and unit variance over the valid samples of each utterance",
    }


def _complete(onnx: ModuleType, path: Path, graph: _Graph, about: Mapping[str, str]) -> None:
    """Write a file anew that names the weights as inputs: with the weights in it, and with metadata."""
    model = onnx.load(str(path))
    named = graph.state_dict()
    inputs = list(model.graph.input)
    weights = {value.name: named[value.name] for value in inputs if value.name in named}
    del model.graph.input[:]
    model.graph.input.extend(value for value in inputs if value.name not in named)
    onnx.helper.set_model_props(model, dict(about))
    model.producer_name, model.producer_version = "emotion2vec", emotion2vec.__version__
    model.doc_string = "emotion2vec: raw speech at 16 kHz -> frame and utterance features"
    write_model(onnx, path, model, weights)


def _verify(path: Path, graph: _Graph) -> float:
    """Compare the file in onnxruntime with PyTorch, where each utterance is encoded alone and unpadded.

    Returns:
        The largest absolute difference.

    Raises:
        ExportError: It is above 1e-4.
    """
    lengths = (24000,) * 3 if graph.padding == "none" else (24000, 9000, MIN_SAMPLES)
    inputs = _example(lengths, graph.padding)
    session = _require("onnxruntime").InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    feed = {name: value.numpy() for name, value in zip(graph.input_names, inputs, strict=True)}
    found = dict(
        zip(graph.output_names, map(torch.from_numpy, session.run(None, feed)), strict=True)
    )
    difference = max(
        _difference(graph, {name: value[row] for name, value in found.items()}, waveform_S[:length])
        for row, (waveform_S, length) in enumerate(zip(inputs[0], lengths, strict=True))
    )
    if not difference <= MAX_DIFFERENCE:  # NaN must not pass
        raise ExportError(
            f"the ONNX file's features differ from the model's by {difference:.1e} (limit {MAX_DIFFERENCE:.0e}), so "
            "it was not kept; try another opset"
        )
    return difference


def _difference(graph: _Graph, found: Mapping[str, Tensor], waveform_S: Tensor) -> float:
    """Compare the outputs of one utterance with those of the model for its valid samples (S,) alone."""
    valid = num_frames(len(waveform_S))
    if int(found["num_frames"]) != valid:
        return float("inf")
    features = graph.encoder.extract(normalise_waveform(waveform_S)[None])
    frames = graph._pick(features.layers)[0]
    wanted = {
        "frames": frames,
        "utterance": frames.mean(dim=-2),
        "tokens": graph._pick(features.tokens)[0],
    }
    cut = {**found, "frames": found["frames"][..., :valid, :]}
    names = [name for name in graph.output_names if name != "num_frames"]
    return max(float((cut[name] - wanted[name]).abs().max()) for name in names)


def _check_settings(opset: int, layers: str, padding: str) -> None:
    """Check what the user chose.

    Raises:
        ConfigError: Lists all problems found.
    """
    problems = []
    if opset not in OPSETS:
        problems.append(f"opset must be {OPSETS[0]} to {OPSETS[-1]}, but is {opset!r}")
    if layers not in LAYERS:
        problems.append(f"layers must be one of {LAYERS}, but is {layers!r}")
    if padding not in PADDINGS:
        problems.append(f"padding must be one of {PADDINGS}, but is {padding!r}")
    if problems:
        raise ConfigError("ONNX export: " + "; ".join(problems))


def _require(package: str) -> ModuleType:
    try:
        return import_module(package)
    except ImportError:
        raise ExportError(
            f"ONNX files need the package {package}: pip install emotion2vec[onnx]"
        ) from None
