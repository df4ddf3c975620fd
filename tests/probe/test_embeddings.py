"""What `embeddings.npz` holds, against docs/figures.md: the mean over frames of the first layer's output after ReLU."""

import numpy as np
import torch

from emotion2vec.probe.head import ProbeHead
from emotion2vec.probe.packed import PackedFeatures


def test_an_embedding_is_the_mean_over_frames_of_the_first_layer_after_relu() -> None:
    lengths = [3, 1, 4]
    head = ProbeHead(5, 6, 3, generator=torch.Generator().manual_seed(1)).double()
    frames = torch.randn(8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    batch = PackedFeatures(frames, torch.tensor(lengths), torch.arange(3), 3, dtype=torch.float64)
    weight, bias = (p.detach().numpy() for p in (head.hidden.weight, head.hidden.bias))
    expected, start = np.zeros((3, 6)), 0
    for utterance, length in enumerate(lengths):
        for frame in frames[start : start + length].numpy():
            for unit in range(6):
                value = float(weight[unit] @ frame + bias[unit])
                expected[utterance, unit] += max(value, 0.0) / length
        start += length

    embeddings = head.embed(batch).detach()

    np.testing.assert_allclose(embeddings.numpy(), expected, atol=1e-12)
    # and the second layer reads nothing else
    torch.testing.assert_close(head.output(embeddings), head(batch))
