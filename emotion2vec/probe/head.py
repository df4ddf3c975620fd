"""The authors' downstream head for one label per utterance: Linear, ReLU, mean over time, Linear.

In: frozen frames of several utterances one after the other, as `PackedFeatures`. Out: logits (B, K) for `trainer.py`.
768-256-4 has 197,892 parameters. F frames, B utterances, D width, U width of an utterance's own vector, H hidden width,
K labels. Paper: Section 4.3, Table 2; Table 9 for frames and utterance embedding concatenated.
"""

import torch
from torch import Tensor, nn

from emotion2vec.probe.layer_sum import LayerSum
from emotion2vec.probe.packed import PackedFeatures
from emotion2vec.probe.pooling import mean_over_utterances


class ProbeHead(nn.Module):
    """Two linear layers with ReLU and a mean over time between them."""

    # frames at a time on a CPU: with 768 dimensions 6 MB, and nothing larger for the allocator to map and clear
    cached_frames = 2048

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_labels: int,
        *,
        num_layers: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw the weights as `nn.Linear` does, from a generator of one's own.

        Args:
            feature_dim: Width D + U of a frame with the utterance's own vector behind it.
            hidden_dim: Width H of the hidden layer.
            num_labels: Number of labels K.
            num_layers: Layers that a learned weighted sum joins; 0 for frames (F, D).
            generator: Source of the initial weights; None is torch's own.
        """
        super().__init__()
        self.layers = LayerSum(num_layers) if num_layers else None
        self.hidden = nn.Linear(feature_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, num_labels)
        draw_linear((self.hidden, self.output), generator)

    def embed(self, batch: PackedFeatures) -> Tensor:
        """Return the utterance embeddings of Figure 3, (B, H): mean over time of the first layer's output."""
        hidden_FH = torch.relu(project_frames(self.hidden, self.layers, batch))
        return mean_over_utterances(
            hidden_FH.to(self.output.weight.dtype), batch.lengths_N.to(batch.device)
        )

    def forward(self, batch: PackedFeatures) -> Tensor:
        """Return logits (B, K)."""
        logits: Tensor = self.output(self.embed(batch))
        return logits


def project_frames(hidden: nn.Linear, layers: LayerSum | None, batch: PackedFeatures) -> Tensor:
    """Apply the first layer to every frame with its utterance's own vector behind it, (F, H).

    The weight's columns for the utterance's vector meet each utterance once, not each frame: W [x; u] = W_x x + W_u u.

    Args:
        hidden: The layer, of width D + U to H; its weights stay float32.
        layers: Joins the layers of the frames first; None for frames (F, D).
        batch: The utterances; the product with the frames has the frames' precision.
    """
    frames_FD = batch.frames if layers is None else layers(batch.frames)
    dim = frames_FD.shape[1]
    weight_HD = hidden.weight[:, :dim].to(frames_FD.dtype)
    if batch.utterances_NU is None:
        return nn.functional.linear(frames_FD, weight_HD, hidden.bias.to(frames_FD.dtype))
    own_BH = nn.functional.linear(batch.utterances_NU, hidden.weight[:, dim:], hidden.bias)
    # (B, H) -> (F, H): each frame has its utterance's
    own_FH = own_BH.repeat_interleave(
        batch.lengths_N.to(batch.device), dim=0, output_size=len(frames_FD)
    )
    return nn.functional.linear(frames_FD, weight_HD) + own_FH.to(frames_FD.dtype)


def draw_linear(layers: tuple[nn.Linear, ...], generator: torch.Generator | None) -> None:
    """Draw weights and biases uniformly within 1 / sqrt(inputs), as `nn.Linear` does."""
    for layer in layers:
        bound = layer.in_features**-0.5
        for parameter in (layer.weight, layer.bias):
            nn.init.uniform_(parameter, -bound, bound, generator=generator)


def count_parameters(head: nn.Module) -> int:
    """Count all parameters."""
    return sum(parameter.numel() for parameter in head.parameters())
