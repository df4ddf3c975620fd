"""The authors' downstream head: Linear, ReLU, mean over time, Linear.

In: frozen frames (F, D) of several utterances one after the other. Out: logits (B, K) for `trainer.py`. 768-256-4
has 197,892 parameters. F frames, B utterances, D width, H hidden width, K labels. Paper: Section 4.3, Table 2.
"""

import torch
from torch import Tensor, nn

from emotion2vec.probe.pooling import mean_over_utterances


class ProbeHead(nn.Module):
    """Two linear layers with a mean over time between them."""

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_labels: int,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw the weights as `nn.Linear` does, from a generator of one's own.

        Args:
            feature_dim: Width D of the features.
            hidden_dim: Width H of the hidden layer.
            num_labels: Number of labels K.
            generator: Source of the initial weights; None is torch's own.
        """
        super().__init__()
        self.hidden = nn.Linear(feature_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, num_labels)
        for layer in (self.hidden, self.output):
            bound = layer.in_features**-0.5
            for parameter in (layer.weight, layer.bias):
                nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def embed(self, frames_FD: Tensor, lengths_B: Tensor) -> Tensor:
        """Return the utterance embeddings of Figure 3: the first layer's output, (B, H).

        Args:
            frames_FD: Frames, one utterance after the other, (F, D); their precision is that of the product.
            lengths_B: Frames of each utterance, (B,).
        """
        # weights stay float32; only the product with the frames runs in the frames' precision
        weight_HD = self.hidden.weight.to(frames_FD.dtype)
        hidden_FH = nn.functional.linear(frames_FD, weight_HD, self.hidden.bias.to(frames_FD.dtype))
        return mean_over_utterances(torch.relu(hidden_FH).to(self.output.weight.dtype), lengths_B)

    def forward(self, frames_FD: Tensor, lengths_B: Tensor) -> Tensor:
        """Return logits (B, K); arguments as in `embed`."""
        logits: Tensor = self.output(self.embed(frames_FD, lengths_B))
        return logits


def count_parameters(head: nn.Module) -> int:
    """Count all parameters."""
    return sum(parameter.numel() for parameter in head.parameters())
