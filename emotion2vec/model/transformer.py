"""Post-norm transformer layers that also return their feed-forward output, the teacher's target.

In: hidden states (R, N, D), attention bias (R, H, N, N), or where the frames stand. Out: (R, N, D) twice.
Paper: Section 4.1; target = output of the FFN before the residual sum (data2vec; data2vec 2.0's `ffn_targets`).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotion2vec.model.blockwise import KeptPositions, blockwise_attention


class SelfAttention(nn.Module):
    """Multi-head self-attention with an additive bias."""

    def __init__(
        self, dim: int, num_heads: int, *, attention_dropout: float, dropout: float
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_scale = (dim // num_heads) ** -0.5
        self.attention_dropout = attention_dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(dropout)
        self.attend_in_blocks = blockwise_attention  # `compiled.py` hides it from the compiler

    def forward(self, hidden_RND: Tensor, bias: Tensor | KeptPositions) -> Tensor:
        """Attend to all frames and tokens, (R, N, D).

        Args:
            hidden_RND: Hidden states, (R, N, D).
            bias: ALiBi, and -inf for padded keys, broadcasting to (R, H, N, N); or what to compute it from in blocks.
        """
        rows, length, dim = hidden_RND.shape
        # (R, N, 3 * D) -> 3 x (R, H, N, D / H)
        qkv = self.qkv(hidden_RND).view(rows, length, 3, self.num_heads, dim // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        output_RHNd = self._attend(query, key, value, bias)
        # (R, H, N, D / H) -> (R, N, D)
        return self.proj_drop(self.proj(output_RHNd.transpose(1, 2).reshape(rows, length, dim)))

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | KeptPositions
    ) -> Tensor:
        if isinstance(bias, KeptPositions):
            dropout = self.attention_dropout if self.training else 0.0
            return self.attend_in_blocks(query, key, value, bias, dropout=dropout)
        # The fused kernels give no gradient for the bias, which the learned ALiBi scale needs.
        attend = self._attend_plain if bias.requires_grad else self._attend_fused
        return attend(query, key, value, bias)

    def _attend_plain(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        scores = (query * self.head_scale) @ key.transpose(-2, -1) + bias
        weights = F.softmax(scores, dim=-1).to(value.dtype)
        return F.dropout(weights, self.attention_dropout, self.training) @ value

    def _attend_fused(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        dropout = self.attention_dropout if self.training else 0.0
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias.to(query.dtype), dropout_p=dropout
        )


class FeedForward(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, dim: int, hidden_dim: int, *, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)
        self.dropout = dropout

    def forward(self, hidden_RND: Tensor) -> Tensor:
        """Map (R, N, D) to (R, N, D)."""
        hidden = F.dropout(F.gelu(self.fc1(hidden_RND)), self.dropout, self.training)
        return F.dropout(self.fc2(hidden), self.dropout, self.training)


class TransformerLayer(nn.Module):
    """Attention and feed-forward, each followed by its residual sum and layer norm."""

    def __init__(
        self,
        attn: SelfAttention,
        mlp: FeedForward,
        *,
        dim: int,
        norm_eps: float,
        post_mlp_drop: float,
    ) -> None:
        super().__init__()
        self.attn = attn
        self.norm1 = nn.LayerNorm(dim, eps=norm_eps)
        self.mlp = mlp
        self.norm2 = nn.LayerNorm(dim, eps=norm_eps)
        self.post_mlp_drop = nn.Dropout(post_mlp_drop)

    def forward(self, hidden_RND: Tensor, bias: Tensor | KeptPositions) -> tuple[Tensor, Tensor]:
        """Return the layer's output and its feed-forward output before the residual sum, both (R, N, D)."""
        hidden_RND = self.norm1(hidden_RND + self.attn(hidden_RND, bias))
        ffn_RND = self.mlp(hidden_RND)
        return self.norm2(hidden_RND + self.post_mlp_drop(ffn_RND)), ffn_RND


def keep_layer(drop_probability: float) -> bool:
    """Draw whether a layer runs (layer drop), from torch's CPU generator: a checkpointed, seeded source."""
    return drop_probability == 0 or float(torch.rand(())) > drop_probability
