"""The pre-training forward, one utterance and clone at a time, from weights under fairseq's key names.

In: a state dict in the layout of the public checkpoint, waveforms cut to their own length, masks.
Out: the two loss sums of Eqs. 5 and 8. Paper: Sections 3.1-3.4 and 4.1; dropout, layer drop and noise off.

Nothing is batched and nothing is padded: a padded batch of the package must give the same numbers.
S samples, T frames, V visible frames, U utterance tokens, D width, K channels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.oracles import formulas

AUDIO = "modality_encoders.AUDIO"
STRIDES = (5, 2, 2, 2, 2, 2, 2)


@dataclass(frozen=True)
class OracleSettings:
    """The sizes and choices that the weights do not tell."""

    num_heads: int
    prenet_depth: int
    depth: int
    top_k: int
    conv_pos_depth: int
    conv_pos_groups: int
    decoder_layers: int
    decoder_groups: int
    method: str
    target_norm: str
    utterance_target_norm: str


@dataclass(frozen=True)
class OracleLosses:
    """Loss sums over all rows, scalars, and what they are sums over."""

    frame_sum: Tensor
    utterance_sum: Tensor
    num_masked: int
    num_rows: int


def conv1d(x_KT: Tensor, weight: Tensor, *, stride: int, groups: int = 1) -> Tensor:
    """Convolve (K_in, T) with (K_out, K_in / groups, width) position by position; no bias, no padding."""
    channels_out, channels_in, width = weight.shape
    per_group = channels_out // groups
    columns = []
    for start in range(0, x_KT.shape[1] - width + 1, stride):
        window = x_KT[:, start : start + width]
        parts = [
            torch.einsum(
                "oik,ik->o",
                weight[g * per_group : (g + 1) * per_group],
                window[g * channels_in : (g + 1) * channels_in],
            )
            for g in range(groups)
        ]
        columns.append(torch.cat(parts))
    return torch.stack(columns, dim=1)


def same_conv(x_TD: Tensor, weight: Tensor, bias: Tensor, *, groups: int) -> Tensor:
    """Convolve (T, D) with zeros beyond both ends so that T stays; odd kernels only."""
    half = weight.shape[2] // 2
    ends = x_TD.new_zeros(half, x_TD.shape[1])
    padded_DT = torch.cat([ends, x_TD, ends]).T
    return conv1d(padded_DT, weight, stride=1, groups=groups).T + bias


def layer_norm(x_TD: Tensor) -> Tensor:
    """Normalise each row over its width, eps 1e-5."""
    centred = x_TD - x_TD.mean(dim=1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(dim=1, keepdim=True) + 1e-5)


def gelu(x: Tensor) -> Tensor:
    """Exact GELU."""
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def conv_norm_gelu(x_TD: Tensor, weight: Tensor, bias: Tensor, *, groups: int) -> Tensor:
    """One layer of the convolutional positions and of the decoder: (T, D) to (T, D')."""
    return gelu(layer_norm(same_conv(x_TD, weight, bias, groups=groups)))


class OracleModel:
    """One network (student or teacher) over a state dict with fairseq's names."""

    def __init__(self, state: Mapping[str, Tensor], settings: OracleSettings) -> None:
        self.state = state
        self.settings = settings

    def affine_norm(self, x_TD: Tensor, name: str) -> Tensor:
        """Layer norm with weight and bias."""
        return layer_norm(x_TD) * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def linear(self, x_TD: Tensor, name: str) -> Tensor:
        """Linear layer with bias."""
        return x_TD @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def local_features(self, waveform_S: Tensor) -> Tensor:
        """Eqs. 1-2 and the projection of Section 4.1: samples to frames (T, D)."""
        x_KT = waveform_S[None]
        for i, stride in enumerate(STRIDES):
            name = f"{AUDIO}.local_encoder.conv_layers.{i}"
            x_KT = conv1d(x_KT, self.state[f"{name}.0.weight"], stride=stride)
            x_KT = gelu(self.affine_norm(x_KT.T, f"{name}.2.1")).T
        x_TK = self.affine_norm(x_KT.T, f"{AUDIO}.project_features.1")
        return self.linear(x_TK, f"{AUDIO}.project_features.2")

    def conv_positions(self, x_TD: Tensor) -> Tensor:
        """Convolutional position encoding of the (masked) frames."""
        for i in range(self.settings.conv_pos_depth):
            name = f"{AUDIO}.relative_positional_encoder.{i + 1}.0"
            weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
            x_TD = conv_norm_gelu(x_TD, weight, bias, groups=self.settings.conv_pos_groups)
        return x_TD

    def attention(self, x_TD: Tensor, bias_HTT: Tensor, name: str) -> Tensor:
        """Multi-head attention, one head and one query at a time."""
        num_heads = self.settings.num_heads
        size = x_TD.shape[1] // num_heads
        query, key, value = self.linear(x_TD, f"{name}.qkv").chunk(3, dim=1)
        heads = []
        for h in range(num_heads):
            part = slice(h * size, (h + 1) * size)
            outputs = []
            for i in range(x_TD.shape[0]):
                scores = (key[:, part] @ query[i, part]) / math.sqrt(size) + bias_HTT[h, i]
                weights = torch.exp(scores - scores.max())
                outputs.append((weights / weights.sum()) @ value[:, part])
            heads.append(torch.stack(outputs))
        return self.linear(torch.cat(heads, dim=1), f"{name}.proj")

    def block(self, x_TD: Tensor, bias_HTT: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Post-norm transformer block; returns its output and its FFN's output."""
        x_TD = self.affine_norm(
            x_TD + self.attention(x_TD, bias_HTT, f"{name}.attn"), f"{name}.norm1"
        )
        ffn_TD = self.linear(gelu(self.linear(x_TD, f"{name}.mlp.fc1")), f"{name}.mlp.fc2")
        return self.affine_norm(x_TD + ffn_TD, f"{name}.norm2"), ffn_TD

    def encode(
        self, frames_TD: Tensor, masked_T: Tensor
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Eq. 4 (or the teacher's pass when nothing is masked).

        Returns:
            Output (U + V, D), the main blocks' FFN outputs, and the outputs of all blocks preceded by the
            first block's input.
        """
        zeroed_TD = frames_TD * (~masked_T)[:, None]
        kept = [t for t in range(masked_T.shape[0]) if not bool(masked_T[t])]
        x_TD = (frames_TD + self.conv_positions(zeroed_TD))[kept]
        tokens_UD = self.state.get(
            f"{AUDIO}.extra_tokens", frames_TD.new_zeros(1, 0, x_TD.shape[1])
        )[0]
        x_TD = torch.cat([tokens_UD, x_TD])
        bias_HTT = formulas.alibi_bias_loops(
            torch.tensor([kept]),
            num_tokens=tokens_UD.shape[0],
            scale_H=self.state[f"{AUDIO}.alibi_scale"].reshape(-1),
        )[0]
        x_TD = self.affine_norm(x_TD, f"{AUDIO}.context_encoder.norm")
        layers, ffns = [x_TD], []
        for i in range(self.settings.prenet_depth):
            x_TD, _ = self.block(x_TD, bias_HTT, f"{AUDIO}.context_encoder.blocks.{i}")
            layers.append(x_TD)
        for i in range(self.settings.depth):
            x_TD, ffn_TD = self.block(x_TD, bias_HTT, f"blocks.{i}")
            layers.append(x_TD)
            ffns.append(ffn_TD)
        return x_TD, ffns, layers

    def split(self, output: Tensor, masked_T: Tensor) -> tuple[Tensor, Tensor]:
        """Cut the encoder's output into tokens (U, D) and the visible frames (V, D)."""
        num_tokens = output.shape[0] - int((~masked_T).sum())
        return output[:num_tokens], output[num_tokens:]

    def decode(self, visible_VD: Tensor, masked_T: Tensor) -> Tensor:
        """Section 4.1's convolutional decoder over restored frames (noise 0), (T, D)."""
        fill = visible_VD.new_zeros(1, masked_T.shape[0], visible_VD.shape[1])
        x_TD = formulas.restore_frames_loops(visible_VD[None], masked_T[None], fill)[0]
        for i in range(self.settings.decoder_layers):
            name = f"{AUDIO}.decoder.blocks.{i}.0"
            weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
            new_TD = conv_norm_gelu(x_TD, weight, bias, groups=self.settings.decoder_groups)
            x_TD = new_TD + x_TD if new_TD.shape == x_TD.shape else new_TD
        return self.linear(x_TD, f"{AUDIO}.decoder.proj")


def teacher_targets(
    frames_TD: Tensor, teacher: OracleModel, settings: OracleSettings
) -> tuple[Tensor, Tensor]:
    """Eqs. 3 and 6: frame targets (T, D) and utterance target (D,) of one utterance."""
    nothing_masked = torch.zeros(frames_TD.shape[0], dtype=torch.bool)
    with torch.no_grad():
        _, ffns, _ = teacher.encode(frames_TD.detach(), nothing_masked)
        num_tokens = ffns[0].shape[0] - frames_TD.shape[0]
        layers = [ffn_TD[num_tokens:][None] for ffn_TD in ffns]
        targets = [
            formulas.average_layers_loops(layers, top_k=settings.top_k, norm=norm)
            for norm in (settings.target_norm, settings.utterance_target_norm)
        ]
        return targets[0][0], formulas.pool_frames_loops(targets[1])[0]


def pretraining_losses(
    student: OracleModel,
    teacher: OracleModel,
    waveforms: Sequence[Tensor],
    masks: Sequence[Tensor],
) -> OracleLosses:
    """Run every utterance and clone; `waveforms[b]` is (S_b,), `masks[b]` is (C, T_b), True = masked."""
    settings = student.settings
    frame_sum = utterance_sum = torch.zeros((), dtype=torch.float64)
    num_masked = num_rows = 0
    for waveform_S, masked_CT in zip(waveforms, masks, strict=True):
        frames_TD = student.local_features(waveform_S)
        target_TD, utterance_target_D = teacher_targets(frames_TD, teacher, settings)
        for masked_T in masked_CT:
            output, _, _ = student.encode(frames_TD, masked_T)
            tokens_UD, visible_VD = student.split(output, masked_T)
            prediction_TD = student.decode(visible_VD, masked_T)
            frame_sum = frame_sum + formulas.squared_error_loops(
                prediction_TD[masked_T], target_TD[masked_T]
            )
            num_masked += int(masked_T.sum())
            num_rows += 1
            if settings.method != "none":
                pooled = formulas.pool_utterance_loops(
                    tokens_UD[None], visible_VD[None], None, settings.method
                )
                utterance_sum = utterance_sum + formulas.squared_error_loops(
                    pooled, utterance_target_D[None]
                )
    return OracleLosses(frame_sum, utterance_sum, num_masked, num_rows)
