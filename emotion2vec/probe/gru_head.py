"""The paper's head for sequential tasks: two layers of GRU over the frames, then a linear classifier.

In: frozen frames of several utterances one after the other, as `PackedFeatures`. Out: logits (B, K) for `trainer.py`.
B utterances, T frames of the longest, D width, U width of an utterance's own vector, H hidden width, K labels.
Paper: Section 4.2, "Supervised Fine-tuning". DEVIATION: it does not say what of the GRU is read; here its last state.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from emotion2vec.probe.head import draw_linear
from emotion2vec.probe.layer_sum import LayerSum
from emotion2vec.probe.packed import PackedFeatures

NUM_GRU_LAYERS = 2


class GruHead(nn.Module):
    """Two-layer GRU; the state after an utterance's last frame is its embedding."""

    cached_frames = None  # a step in time is one product for the whole batch: no smaller pieces

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_labels: int,
        *,
        num_layers: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw the weights as torch does; arguments as of `ProbeHead`."""
        super().__init__()
        self.layers = LayerSum(num_layers) if num_layers else None
        self.gru = nn.GRU(feature_dim, hidden_dim, num_layers=NUM_GRU_LAYERS)
        self.output = nn.Linear(hidden_dim, num_labels)
        for parameter in self.gru.parameters():
            nn.init.uniform_(parameter, -(hidden_dim**-0.5), hidden_dim**-0.5, generator=generator)
        draw_linear((self.output,), generator)

    def embed(self, batch: PackedFeatures) -> Tensor:
        """Return the second layer's last state, (B, H)."""
        frames_FD = batch.frames if self.layers is None else self.layers(batch.frames)
        frames_FD = frames_FD.to(self.output.weight.dtype)
        if batch.utterances_NU is not None:
            lengths_B = batch.lengths_N.to(batch.device)
            own_FU = batch.utterances_NU.repeat_interleave(lengths_B, 0, output_size=len(frames_FD))
            frames_FD = torch.cat([frames_FD, own_FU], dim=1)
        sequences = frames_FD.split(batch.lengths_N.tolist())
        _, state = self.gru(pack_sequence(sequences, enforce_sorted=False))
        last: Tensor = state[-1]
        return last

    def forward(self, batch: PackedFeatures) -> Tensor:
        """Return logits (B, K)."""
        logits: Tensor = self.output(self.embed(batch))
        return logits
