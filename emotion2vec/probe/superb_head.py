"""SUPERB's head for emotion recognition: Linear, mean over time, Linear.

In: the mean over time of each utterance's frames, as `PackedFeatures` with one row an utterance. Out: logits (B, K).
B utterances, L layers, D width, U width of an utterance's own vector, H hidden width, K labels. Source: SUPERB
(Yang et al., 2021) and s3prl's downstream task `emotion`.
"""

from torch import Tensor

from emotion2vec.probe.head import ProbeHead, project_frames
from emotion2vec.probe.packed import PackedFeatures


class SuperbHead(ProbeHead):
    """Two linear layers without a nonlinearity; the mean over time lies between them.

    Everything before the mean is linear, and the mean of what a linear function gives is what it gives for the mean. So
    frames are averaged once, when they are loaded (`inputs.py`), for the same logits and gradients; an IEMOCAP with 13
    layers then takes 0.2 GB in place of 50.
    """

    def embed(self, batch: PackedFeatures) -> Tensor:
        """Return the first layer's output for each utterance, (B, H)."""
        assert int(batch.lengths_N.max()) == 1, (
            "one row an utterance: inputs.py averages the frames"
        )
        return project_frames(self.hidden, self.layers, batch).to(self.output.weight.dtype)
