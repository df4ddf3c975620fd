"""The same forward as `pretraining_forward.py` on the data2vec backbone, under the names of fairseq's `data2vec_audio`.

Masked frames are replaced by a learned vector, every frame is encoded, attention has no bias, and a linear layer
predicts. Weights may be the student's (`encoder.layers...`) or the teacher's (`layers...`).
"""

import torch
from torch import Tensor

from tests.oracles.pretraining_forward import (
    STRIDES,
    OracleModel,
    conv1d,
    conv_norm_gelu,
    gelu,
)


class Data2VecOracle(OracleModel):
    """One network (student or teacher) over a state dict with data2vec's names."""

    @property
    def stem(self) -> str:
        """What the encoder's names begin with."""
        return "encoder." if "mask_emb" in self.state else ""

    def local_features(self, waveform_S: Tensor) -> Tensor:
        """Eqs. 1-2 and the projection: samples to frames (T, D)."""
        x_KT = waveform_S[None]
        for i, stride in enumerate(STRIDES):
            name = f"feature_extractor.conv_layers.{i}"
            x_KT = conv1d(x_KT, self.state[f"{name}.0.weight"], stride=stride)
            x_KT = gelu(self.affine_norm(x_KT.T, f"{name}.2.1")).T
        return self.linear(self.affine_norm(x_KT.T, "layer_norm"), "post_extract_proj")

    def attention(self, x_TD: Tensor, bias_HTT: Tensor, name: str) -> Tensor:  # noqa: ARG002
        """Multi-head attention without bias, one head and one query at a time."""
        size = x_TD.shape[1] // self.settings.num_heads
        query, key, value = (self.linear(x_TD, f"{name}.{part}_proj") for part in "qkv")
        heads = []
        for h in range(self.settings.num_heads):
            part = slice(h * size, (h + 1) * size)
            rows = [
                torch.softmax(key[:, part] @ row / size**0.5, dim=0) @ value[:, part]
                for row in query[:, part]
            ]
            heads.append(torch.stack(rows))
        return self.linear(torch.cat(heads, dim=1), f"{name}.out_proj")

    def encode(
        self, frames_TD: Tensor, masked_T: Tensor
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Encode all frames behind the tokens; see `OracleModel.encode`."""
        rows = [
            self.state["mask_emb"] if bool(masked) else frame
            for frame, masked in zip(frames_TD, masked_T, strict=True)
        ]
        x_TD = placed_TD = torch.stack(rows)
        for i in range(self.settings.conv_pos_depth):
            weight, bias = (
                self.state[f"{self.stem}pos_conv.{i}.0.{part}"] for part in ("weight", "bias")
            )
            placed_TD = conv_norm_gelu(
                placed_TD, weight, bias, groups=self.settings.conv_pos_groups
            )
        tokens_UD = self.state.get("extra_tokens", x_TD.new_zeros(1, 0, x_TD.shape[1]))[0]
        x_TD = self.affine_norm(torch.cat([tokens_UD, x_TD + placed_TD]), f"{self.stem}layer_norm")
        layers, ffns = [x_TD], []
        for i in range(self.settings.prenet_depth + self.settings.depth):
            name = f"{self.stem}layers.{i}"
            attended_TD = self.attention(x_TD, x_TD, f"{name}.self_attn")
            x_TD = self.affine_norm(x_TD + attended_TD, f"{name}.self_attn_layer_norm")
            ffn_TD = self.linear(gelu(self.linear(x_TD, f"{name}.fc1")), f"{name}.fc2")
            x_TD = self.affine_norm(x_TD + ffn_TD, f"{name}.final_layer_norm")
            layers.append(x_TD)
            ffns.append(ffn_TD)
        return x_TD, ffns, layers

    def split(self, output: Tensor, masked_T: Tensor) -> tuple[Tensor, Tensor]:
        """Cut the encoder's output into tokens (U, D) and all frames (T, D)."""
        num_tokens = output.shape[0] - masked_T.shape[0]
        return output[:num_tokens], output[num_tokens:]

    def decode(self, visible_VD: Tensor, masked_T: Tensor) -> Tensor:  # noqa: ARG002
        """Predict every frame from the encoder's output there, (T, D)."""
        return self.linear(visible_VD, "final_proj")
