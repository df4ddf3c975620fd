"""Eq. 7 and Section 3.2 against loops; tokens in front of the frames (Eq. 4)."""

import pytest
import torch

from emotion2vec.model.utterance_tokens import UtteranceTokens, pool_utterance
from tests.model.helpers import assert_same_value_and_gradient, padding, seeded
from tests.oracles import formulas


@pytest.mark.parametrize("method", ["chunk", "token", "global"])
@pytest.mark.parametrize("sizes", [(1, 1, 1, 2), (2, 3, 4, 5), (4, 10, 3, 2)])
def test_pool_utterance_equals_the_loops(sizes: tuple[int, ...], method: str) -> None:
    rows, num_tokens, num_visible, dim = sizes
    assert_same_value_and_gradient(
        lambda tokens, visible: pool_utterance(tokens, visible, None, method),
        lambda tokens, visible: formulas.pool_utterance_loops(tokens, visible, None, method),
        [seeded(rows, num_tokens, dim), seeded(rows, num_visible, dim, seed=1)],
    )


def test_global_embedding_leaves_padded_frames_out() -> None:
    padding_RV = padding((3, 5), 5)
    assert_same_value_and_gradient(
        lambda tokens, visible: pool_utterance(tokens, visible, padding_RV, "global"),
        lambda tokens, visible: formulas.pool_utterance_loops(
            tokens, visible, padding_RV, "global"
        ),
        [seeded(2, 1, 4), seeded(2, 5, 4, seed=1)],
    )


def test_global_embedding_needs_no_token() -> None:
    visible_RVD = seeded(2, 5, 4)
    pooled_RD = pool_utterance(visible_RVD[:, :0], visible_RVD, None, "global")
    torch.testing.assert_close(pooled_RD, visible_RVD.mean(dim=1))


def test_tokens_stand_in_front_of_the_frames_in_every_row() -> None:
    tokens = UtteranceTokens(3, 4)
    frames_RVD = torch.randn(2, 5, 4)
    output = tokens(frames_RVD)
    assert output.shape == (2, 8, 4)
    assert torch.equal(output[:, 3:], frames_RVD)
    assert torch.equal(output[0, :3], output[1, :3])
    assert torch.equal(output[0, :3], tokens.embedding[0])


def test_first_token_starts_at_zero_and_the_others_from_a_normal_distribution() -> None:
    torch.manual_seed(0)
    embedding = UtteranceTokens(10, 768).embedding
    assert torch.equal(embedding[0, 0], torch.zeros(768))
    assert embedding[0, 1:].std().item() == pytest.approx(1.0, abs=0.05)
    assert embedding[0, 1:].mean().item() == pytest.approx(0.0, abs=0.05)


def test_no_tokens_leave_the_frames_alone_and_add_no_parameter() -> None:
    tokens = UtteranceTokens(0, 4)
    frames_RVD = torch.randn(2, 5, 4)
    assert torch.equal(tokens(frames_RVD), frames_RVD)
    assert not list(tokens.parameters())
