"""All runs at once against one run after the other: the same losses and gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emotion2vec.probe.packed import PackedFeatures
from emotion2vec.probe.recipe import HEAD_CLASSES
from emotion2vec.probe.together import Share, backward_in_pieces, backward_together
from tests.probe.fakes import packed

TRAIN = np.arange(20)
BATCHES = (np.array([3, 1, 4, 15, 9]), np.array([2, 6]), np.arange(10, 19))


def features_for(head: str, *, num_layers: int, own: bool) -> PackedFeatures:
    torch.manual_seed(1)
    features = packed()
    frames = features.frames.double()
    if num_layers:
        frames = torch.stack([frames * (layer + 1) for layer in range(num_layers)], dim=1)
    features = replace(features, frames=frames, dtype=torch.float64)
    if own:
        features = replace(features, utterances_NU=torch.randn(30, 2, dtype=torch.float64))
    if head == "superb":
        means = [part.mean(0) for part in frames.split(features.lengths_N.tolist())]
        ones = torch.ones(30, dtype=torch.int64)
        features = replace(features, frames=torch.stack(means), lengths_N=ones)
    return features


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.2, 3.0, 1.0]])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("num_layers", [0, 2])
@pytest.mark.parametrize("name", HEAD_CLASSES)
def test_both_ways_give_the_same_losses_and_gradients(
    monkeypatch: pytest.MonkeyPatch, name: str, num_layers: int, own: bool, weights: list[float]
) -> None:
    features = features_for(name, num_layers=num_layers, own=own)
    if name != "gru":
        monkeypatch.setattr(HEAD_CLASSES[name], "cached_frames", 4)
    found = []
    for backward in (backward_in_pieces, backward_together):
        torch.manual_seed(0)
        dim = features.frame_dim + features.utterance_dim
        heads = [HEAD_CLASSES[name](dim, 4, 3, num_layers=num_layers).double() for _ in BATCHES]
        shares = [
            Share(head, features, batch, torch.tensor(weights, dtype=torch.float64))
            for head, batch in zip(heads, BATCHES, strict=True)
        ]
        losses = backward(shares)
        found.append((losses.double(), [p.grad for head in heads for p in head.parameters()]))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found[0][1], found[1][1])


def test_each_fold_has_its_own_scale() -> None:
    features = features_for("linear", num_layers=0, own=False)
    scaled = [features.standardised(TRAIN), features.standardised(TRAIN[:3])]
    losses = []
    for backward in (backward_in_pieces, backward_together):
        torch.manual_seed(0)
        heads = [HEAD_CLASSES["linear"](5, 4, 3).double() for _ in scaled]
        shares = [
            Share(head, one, BATCHES[0], torch.ones(3, dtype=torch.float64))
            for head, one in zip(heads, scaled, strict=True)
        ]
        losses.append(backward(shares).double())
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-6, atol=1e-6)


def test_a_weighted_loss_is_that_of_torch() -> None:
    features = features_for("linear", num_layers=0, own=False)
    weights = torch.tensor([0.2, 3.0, 1.0], dtype=torch.float64)
    torch.manual_seed(0)
    head = HEAD_CLASSES["linear"](5, 4, 3).double()
    backward_in_pieces([Share(head, features, BATCHES[2], weights)])
    found = [p.grad.clone() for p in head.parameters()]
    head.zero_grad()
    chosen = features.gather(BATCHES[2])
    torch.nn.functional.cross_entropy(head(chosen), chosen.labels_N, weight=weights).backward()
    torch.testing.assert_close(found, [p.grad for p in head.parameters()])
