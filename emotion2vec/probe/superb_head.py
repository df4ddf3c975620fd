"""SUPERB's head for emotion recognition: Linear, mean over time, Linear.

In: the mean over time of each utterance's frames, as `PackedFeatures` with one row an utterance. Out: logits (B, K).
B utterances, L layers, D width, U width of an utterance's own vector, H hidden width, K labels. Source: SUPERB
(Yang et al., 2021) and s3prl's downstream task `emotion`.
"""

import torch
from torch import Tensor, nn

from emotion2vec.probe.head import draw_linear, project_frames
from emotion2vec.probe.layer_sum import LayerSum
from emotion2vec.probe.packed import PackedFeatures


class SuperbHead(nn.Module):
    """Two linear layers without a nonlinearity; the mean over time lies between them.

    Everything before the mean is linear, and the mean of what a linear function gives is what it gives for the mean. So
    frames are averaged once, when they are loaded (`inputs.py`), for the same logits and gradients; an IEMOCAP with 13
    layers then takes 0.2 GB in place of 50.
    """

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
        """Draw the weights as `nn.Linear` does; arguments as of `ProbeHead`."""
        super().__init__()
        self.layers = LayerSum(num_layers) if num_layers else None
        self.hidden = nn.Linear(feature_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, num_labels)
        draw_linear((self.hidden, self.output), generator)

    def embed(self, batch: PackedFeatures) -> Tensor:
        """Return the first layer's output for each utterance, (B, H)."""
        assert int(batch.lengths_N.max()) == 1, (
            "one row an utterance: inputs.py averages the frames"
        )
        return project_frames(self.hidden, self.layers, batch)

    def forward(self, batch: PackedFeatures) -> Tensor:
        """Return logits (B, K)."""
        logits: Tensor = self.output(self.embed(batch).to(self.output.weight.dtype))
        return logits
