"""wav2vec and vq-wav2vec: convolutions alone, predicting the future of the waveform.

In: padded speech (B, S). Out: hidden states (B, T, D) every 10 ms: the encoder's output z, of vq-wav2vec its codewords
q, then each layer of the aggregator. B utterances (1: see below), S samples, T frames, D width, G groups, V codewords.
Paper: Table 2; Schneider et al., 2019, and Baevski et al., 2019 (wav2vec and vq-wav2vec).

Every convolution is followed by a norm over channels and time together, so each utterance runs alone: in a batch,
padding would change all its frames. The aggregator looks back only.
"""

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotion2vec.errors import CheckpointError
from emotion2vec.features.baselines.catalogue import Baseline
from emotion2vec.features.baselines.state import fill
from emotion2vec.features.baselines.wav2vec_config import ConvShape, Wav2VecOptions, read_options
from emotion2vec.features.baselines.weights import find_weights
from emotion2vec.features.frames import FrameGrid, stack_rows, valid_rows
from emotion2vec.features.store import CheckpointIdentity
from emotion2vec.features.upstreams import HiddenStates
from emotion2vec.model.checkpoint import file_sha256, read_state

# parts of fairseq's module that pre-training alone uses
_TRAINING_ONLY = ("wav2vec_predictions.", "project_features.")
# fairseq's names -> ours
_NAMES = (
    (r"feature_extractor\.conv_layers\.(\d+)\.0\.", r"encoder.\1.conv."),
    (r"feature_extractor\.conv_layers\.(\d+)\.2\.", r"encoder.\1.norm."),
    (r"feature_aggregator\.conv_layers\.(\d+)\.1\.", r"aggregator.\1.conv."),
    (r"feature_aggregator\.conv_layers\.(\d+)\.3\.", r"aggregator.\1.norm."),
    (r"feature_aggregator\.residual_proj\.(\d+)\.", r"aggregator.\1.projection."),
    (r"vector_quantizer\.", r"quantiser."),
)


class ConvBlock(nn.Module):
    """Convolution, norm over channels and time, activation; the input may be added."""

    def __init__(
        self, in_dim: int, shape: ConvShape, options: Wav2VecOptions, *, bias: bool
    ) -> None:
        super().__init__()
        out_dim, self.kernel, self.stride = shape
        self.conv = nn.Conv1d(in_dim, out_dim, self.kernel, stride=self.stride, bias=bias)
        self.norm = nn.GroupNorm(1, out_dim, affine=not options.non_affine_group_norm)
        self.activation = nn.ReLU() if options.activation == "relu" else nn.GELU()
        self.residual_scale = math.sqrt(options.residual_scale)

    def forward(self, input_BDT: Tensor) -> Tensor:
        """Map (B, D, T) to (B, D', T')."""
        return self.activation(self.norm(self.conv(input_BDT)))

    def add_residual(self, output_BDT: Tensor, residual_BDT: Tensor) -> Tensor:
        """Add what went in, (B, D, T) each, and scale the sum."""
        return (output_BDT + residual_BDT) * self.residual_scale


class EncoderBlock(ConvBlock):
    """A layer of the encoder: shortens the input; adds it, thinned out, where it is as wide as the output."""

    def __init__(self, in_dim: int, shape: ConvShape, options: Wav2VecOptions) -> None:
        super().__init__(in_dim, shape, options, bias=False)
        self.has_skip = options.skip_connections_feat and in_dim == shape[0]

    def forward(self, input_BDT: Tensor) -> Tensor:
        """Map (B, D, T) to (B, D', T')."""
        output_BDT = super().forward(input_BDT)
        if not self.has_skip:
            return output_BDT
        num_frames = output_BDT.shape[2]
        thinned_BDT = input_BDT[..., :: input_BDT.shape[2] // num_frames][..., :num_frames]
        return self.add_residual(output_BDT, thinned_BDT)


class AggregatorBlock(ConvBlock):
    """A layer of the aggregator: looks back `kernel - 1` frames and keeps the length."""

    def __init__(self, in_dim: int, shape: ConvShape, options: Wav2VecOptions) -> None:
        super().__init__(in_dim, shape, options, bias=not options.no_conv_bias)
        self.has_skip = options.skip_connections_agg
        self.padding_mode = "constant" if options.agg_zero_pad else "replicate"
        widens = self.has_skip and in_dim != shape[0]
        self.projection = nn.Conv1d(in_dim, shape[0], 1, bias=False) if widens else nn.Identity()

    def forward(self, input_BDT: Tensor) -> Tensor:
        """Map (B, D, T) to (B, D', T)."""
        padded_BDT = F.pad(input_BDT, (self.kernel - 1, 0), mode=self.padding_mode)
        output_BDT = super().forward(padded_BDT)
        if not self.has_skip:
            return output_BDT
        return self.add_residual(output_BDT, self.projection(input_BDT))


class GumbelQuantiser(nn.Module):
    """The codeword with the largest logit in each group; after training nothing is drawn."""

    def __init__(self, dim: int, options: Wav2VecOptions) -> None:
        super().__init__()
        self.groups, self.num_vars = options.vq_groups, options.vq_vars
        self.shared = options.combine_groups
        width = (options.vq_dim or dim) // self.groups
        self.vars = nn.Parameter(
            torch.empty(1, self.num_vars * (1 if self.shared else self.groups), width)
        )
        activation = nn.ReLU() if options.activation == "relu" else nn.GELU()
        widths = [dim] + [2 * dim] * (options.vq_depth - 1)
        last = nn.Linear(widths[-1], self.groups * self.num_vars)
        hidden = [nn.Sequential(nn.Linear(*pair), activation) for pair in pairwise(widths)]
        self.weight_proj = nn.Sequential(*hidden, last) if hidden else last

    def forward(self, input_BDT: Tensor) -> Tensor:
        """Map (B, D, T) to the chosen codewords, (B, D', T)."""
        # (B, D, T) -> (B, T, G V) -> (B, T, G, V)
        logits_BTGV = self.weight_proj(input_BDT.transpose(1, 2)).unflatten(-1, (self.groups, -1))
        chosen_BTG = logits_BTGV.argmax(dim=-1)
        if not self.shared:
            chosen_BTG = chosen_BTG + self.num_vars * torch.arange(
                self.groups, device=chosen_BTG.device
            )
        # (B, T, G, D' / G) -> (B, D', T)
        return self.vars[0][chosen_BTG].flatten(2).transpose(1, 2)


class KmeansQuantiser(nn.Module):
    """The nearest codeword in each group."""

    def __init__(self, dim: int, options: Wav2VecOptions) -> None:
        super().__init__()
        self.groups, self.shared = options.vq_groups, options.combine_groups
        width = (options.vq_dim or dim) // self.groups
        self.embedding = nn.Parameter(
            torch.empty(options.vq_vars, 1 if self.shared else self.groups, width)
        )
        self.projection = nn.Sequential(
            nn.Conv1d(dim, dim, 1, groups=self.groups, bias=False), nn.GroupNorm(self.groups, dim)
        )

    def forward(self, input_BDT: Tensor) -> Tensor:
        """Map (B, D, T) to the nearest codewords, (B, D, T)."""
        # (B, D, T) -> G pieces (B, T, D / G)
        pieces = self.projection(input_BDT).transpose(1, 2).chunk(self.groups, dim=-1)
        words = [
            self.embedding[:, 0 if self.shared else group].contiguous()
            for group in range(self.groups)
        ]
        chosen = [
            words_VD[torch.cdist(piece_BTD, words_VD[None]).argmin(dim=-1)]
            for piece_BTD, words_VD in zip(pieces, words, strict=True)
        ]
        return torch.cat(chosen, dim=-1).transpose(1, 2)


class Wav2Vec(nn.Module):
    """Encoder, quantiser if any, aggregator."""

    def __init__(self, options: Wav2VecOptions) -> None:
        super().__init__()
        in_dims = [1, *(shape[0] for shape in options.conv_feature_layers)]
        self.encoder = nn.ModuleList(
            EncoderBlock(in_dim, shape, options)
            for in_dim, shape in zip(in_dims, options.conv_feature_layers, strict=False)
        )
        self.log_compression = options.log_compression
        quantisers = {"gumbel": GumbelQuantiser, "kmeans": KmeansQuantiser}
        self.quantiser = (
            quantisers[options.vq_type](in_dims[-1], options)
            if options.vq_type in quantisers
            else None
        )
        in_dims = [in_dims[-1], *(shape[0] for shape in options.conv_aggregator_layers)]
        self.aggregator = nn.ModuleList(
            AggregatorBlock(in_dim, shape, options)
            for in_dim, shape in zip(in_dims, options.conv_aggregator_layers, strict=False)
        )

    def forward(self, waveform_BS: Tensor) -> list[Tensor]:
        """Map speech (B, S) to z, q if any, and each layer of the aggregator, each (B, T, D)."""
        hidden_BDT = waveform_BS[:, None]
        for block in self.encoder:
            hidden_BDT = block(hidden_BDT)
        if self.log_compression:
            hidden_BDT = torch.log1p(hidden_BDT.abs())
        states = [hidden_BDT]
        if self.quantiser is not None:
            states.append(self.quantiser(hidden_BDT))
        for block in self.aggregator:
            states.append(block(states[-1]))
        return [state_BDT.transpose(1, 2) for state_BDT in states]


class Wav2VecUpstream:
    """A frozen wav2vec or vq-wav2vec."""

    num_tokens = 0
    normalises = False
    needs_whole = False

    def __init__(
        self,
        model: Wav2Vec,
        *,
        name: str,
        identity: CheckpointIdentity,
        options: Wav2VecOptions,
        device: torch.device,
        dtype: str,
    ) -> None:
        self.name, self.identity = name, identity
        self.device, self.dtype = device, dtype
        self.num_states = 1 + (options.vq_type != "none") + len(options.conv_aggregator_layers)
        self.grid = _grid(options.conv_feature_layers)
        self._model = model.to(device).eval()

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Run the model; see `Upstream.encode`. Waveform (B, S) -> layers (B, T, D)."""
        narrow = self.dtype == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=narrow),
        ):
            rows = [self._model(row_1S) for row_1S in valid_rows(waveform_BS, padding_BS)]
        # for each layer: rows (1, T_i, D) -> (B, T, D)
        return HiddenStates.of_frames(
            tuple(stack_rows([row[0] for row in layer]) for layer in zip(*rows, strict=True))
        )


def _grid(layers: tuple[ConvShape, ...]) -> FrameGrid:
    """Count the receptive field and the stride of convolutions one after the other."""
    window, hop = 1, 1
    for _, kernel, stride in layers:
        window += (kernel - 1) * hop
        hop *= stride
    return FrameGrid(window_samples=window, hop_samples=hop, min_samples=window)


def load(
    baseline: Baseline, given: Path | None, *, device: torch.device, dtype: str
) -> Wav2VecUpstream:
    """Load a fairseq checkpoint of wav2vec or vq-wav2vec.

    Raises:
        CheckpointError: The file is missing, cannot be read safely, or holds another model.
    """
    path = find_weights(baseline, given)
    state = read_state(path)
    options = read_options(path, state)
    holds = "wav2vec" if options.vq_type == "none" else "vq_wav2vec"
    if holds != baseline.name:
        raise CheckpointError(
            f"{path}: holds a {holds}, expected a {baseline.name}; say {holds}:{path}"
        )
    model = _build(path, options)
    fill(model, _our_names(state["model"]), path=path, expected=f"a file such as {baseline.url}")
    return Wav2VecUpstream(
        model,
        name=baseline.name,
        identity=CheckpointIdentity(path.name, file_sha256(path), f"fairseq {holds}"),
        options=options,
        device=device,
        dtype=dtype,
    )


def _build(path: Path, options: Wav2VecOptions) -> Wav2Vec:
    """Build the model on torch's `meta` device: nothing is drawn or allocated, whatever the file asks for."""
    try:
        with torch.device("meta"):
            return Wav2Vec(options)
    except (ValueError, RuntimeError, ZeroDivisionError, OverflowError) as error:
        raise CheckpointError(f"{path}: its options are impossible together ({error})") from None


def _our_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what only pre-training uses; the rest under our names."""
    renamed = {}
    for key, tensor in tensors.items():
        name = str(key)
        if not name.startswith(_TRAINING_ONLY):
            for pattern, ours in _NAMES:
                name = re.sub(f"^{pattern}", ours, name)
            renamed[name] = tensor
    return renamed
