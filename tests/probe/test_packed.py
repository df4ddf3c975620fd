"""Packed features: picking, scaling and cutting utterances."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emotion2vec.probe import packed as module
from tests.probe.fakes import packed

TRAIN = np.arange(3, 17)


def test_gather_picks_utterances_in_the_order_given() -> None:
    features = packed()
    parts = features.frames.split(features.lengths_N.tolist())
    chosen = features.gather(np.array([4, 0, 4, 29]))
    assert torch.equal(chosen.frames, torch.cat([parts[4], parts[0], parts[4], parts[29]]))
    assert torch.equal(chosen.labels_N, features.labels_N[[4, 0, 4, 29]])


def test_gather_picks_the_utterances_own_vectors() -> None:
    own = torch.randn(30, 2)
    chosen = replace(packed(), utterances_NU=own).gather(np.array([4, 0]))
    assert torch.equal(chosen.utterances_NU, own[[4, 0]])


@pytest.mark.parametrize("chunk", [3, 10_000])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_standardised_features_have_mean_0_and_variance_1_on_the_training_part(
    monkeypatch: pytest.MonkeyPatch, chunk: int, num_layers: int
) -> None:
    monkeypatch.setattr(module, "_CHUNK_FRAMES", chunk)
    features = packed()
    if num_layers > 1:
        layers = torch.stack([features.frames, 100 + 5 * features.frames], dim=1)
        features = replace(features, frames=layers)
    scaled = features.standardised(TRAIN).gather(TRAIN).frames
    shape = scaled.shape[1:]
    torch.testing.assert_close(scaled.mean(0), torch.zeros(shape), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(shape), atol=1e-5, rtol=0)


def test_a_dimension_that_never_changes_becomes_zero() -> None:
    features = packed()
    features.frames[:, 0] = 7.0
    assert torch.equal(features.standardised(TRAIN).gather(TRAIN).frames[:, 0], torch.zeros(int(
        features.lengths_N[TRAIN].sum())))  # fmt: skip


def test_own_vectors_are_scaled_by_the_training_utterances() -> None:
    features = replace(packed(), utterances_NU=3 + 2 * torch.randn(30, 4))
    own = features.standardised(TRAIN).gather(TRAIN).utterances_NU
    torch.testing.assert_close(own.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(own.std(0, correction=0), torch.ones(4), atol=1e-5, rtol=0)


def test_features_are_scaled_before_they_lose_digits() -> None:
    features = packed()
    far = replace(features, frames=5000 + features.frames, dtype=torch.bfloat16)
    near = far.standardised(TRAIN).gather(TRAIN).frames
    assert near.dtype == torch.bfloat16
    expected = features.standardised(TRAIN).gather(TRAIN).frames
    torch.testing.assert_close(near.float(), expected, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("max_frames", [1, 5, 1000])
def test_pieces_are_all_utterances_in_order(max_frames: int) -> None:
    features, batch = packed(), np.array([5, 2, 9, 9, 0])
    pieces = features.pieces(batch, max_frames)
    assert np.concatenate(pieces).tolist() == batch.tolist()
    longest = int(features.lengths_N.max())
    assert all(int(features.lengths_N[piece].sum()) <= max_frames + longest for piece in pieces)
