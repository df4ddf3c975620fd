"""Utterance embeddings: learnable tokens in front of the frames, and how the student's prediction is read.

In: frames (R, V, D). Out: frames with tokens (R, U+V, D); later the utterance embedding (R, D).
Paper: Eq. 4 (placing U in front), Eq. 7 and Section 3.2 (token, chunk, global).
"""

import torch
from torch import Tensor, nn

from emotion2vec.model.targets import pool_frames


class UtteranceTokens(nn.Module):
    """The learnable utterance embedding U = [u_1 .. u_Nu] (Section 3.1)."""

    def __init__(self, num_tokens: int, dim: int) -> None:
        super().__init__()
        self.num_tokens = num_tokens
        embedding = torch.randn(1, num_tokens, dim)
        embedding[:, :1] = 0.0  # data2vec 2.0 starts its first token at zero, others from N(0, 1)
        self.embedding = nn.Parameter(embedding) if num_tokens else None

    def forward(self, frames_RVD: Tensor) -> Tensor:
        """Put the tokens in front of the frames: (R, V, D) -> (R, U+V, D)."""
        if self.embedding is None:
            return frames_RVD
        tokens_RUD = self.embedding.to(frames_RVD.dtype).expand(frames_RVD.size(0), -1, -1)
        return torch.cat([tokens_RUD, frames_RVD], dim=1)


def pool_utterance(
    tokens_RUD: Tensor, frames_RVD: Tensor, padding_RV: Tensor | None, method: str
) -> Tensor:
    """Read the student's utterance embedding (R, D) from the encoder's output (Eq. 7).

    Args:
        tokens_RUD: Outputs of the utterance tokens, (R, U, D).
        frames_RVD: Outputs of the frames that the encoder was given, (R, V, D): on data2vec 2.0 the visible ones,
            on data2vec all of them, the masked ones too.
        padding_RV: True where such a frame is padding, (R, V).
        method: `chunk` averages the tokens, `token` takes the last of them, `global` averages the valid frames
            and needs no token.
    """
    if method == "global":
        return pool_frames(frames_RVD, padding_RV)
    if method == "token":
        return tokens_RUD[:, -1]
    return tokens_RUD.mean(dim=1)
