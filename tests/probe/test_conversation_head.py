"""The hierarchical GRUs against their equations, in value and gradient."""

import numpy as np
import pytest
import torch

from emotion2vec.probe.conversation import build_windows
from emotion2vec.probe.conversation_head import ConversationHead
from emotion2vec.probe.conversation_train import ConversationData
from tests.oracles.conversation import logits
from tests.probe.conversations import make_conversations


def make_data(dim: int = 5) -> ConversationData:
    utterances, sounds = make_conversations(sessions=1, dialogues=2, turns=9)
    windows = build_windows(utterances, history_turns=6, source="toy")
    generator = torch.Generator().manual_seed(3)
    vectors_ND = torch.randn(len(utterances), dim, generator=generator, dtype=torch.float64)
    labels_W = np.array([sounds[w.target] for w in windows])
    return ConversationData(vectors_ND, windows, labels_W, 4)


def make_head(**options: float) -> ConversationHead:
    generator = torch.Generator().manual_seed(1)
    return ConversationHead(5, 7, 4, generator=generator, **options).double()


@pytest.mark.parametrize("chosen", [range(16), [15, 0, 7, 7], [3]])
def test_logits_and_gradients_are_those_of_the_equations(chosen: list[int]) -> None:
    data, head = make_data(), make_head()
    data.vectors_ND.requires_grad_()
    found_BK = head(data.batch(np.array(chosen)))
    expected_BK = torch.stack(
        [
            logits(
                head.utterance_gru,
                head.turn_gru,
                head.output,
                [
                    ([data.vectors_ND[i] for i in turn], same)
                    for turn, same in zip(w.turns, w.same_speaker, strict=True)
                ],
            )
            for w in (data.windows[i] for i in chosen)
        ]
    )
    assert torch.allclose(found_BK, expected_BK, atol=1e-12)
    inputs = [data.vectors_ND, *head.parameters()]
    gradients = [torch.autograd.grad(x.pow(2).sum(), inputs) for x in (found_BK, expected_BK)]
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-10)


def test_a_window_does_not_depend_on_the_others_of_its_batch() -> None:
    data, head = make_data(), make_head()
    together = head(data.batch(np.arange(16)))
    alone = torch.cat([head(data.batch(np.array([i]))) for i in range(16)])
    assert torch.allclose(together, alone, atol=1e-12)


def test_who_speaks_and_the_order_of_turns_matter() -> None:
    data, head = make_data(), make_head()
    batch = data.batch(np.array([15]))
    changed = [
        {**vars(batch), "same_BP": 1 - batch.same_BP},
        {**vars(batch), "turn_BP": batch.turn_BP.flip(1)},
    ]
    for fields in changed:
        assert not torch.allclose(head(batch), head(type(batch)(**fields)))


def test_dropout_is_drawn_from_the_generator_and_only_in_training() -> None:
    data, head = make_data(), make_head(dropout=0.5)
    batch = data.batch(np.arange(8))
    draws = [head(batch, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(head(batch), make_head()(batch))


def test_a_turn_that_several_windows_hear_is_computed_once() -> None:
    data = make_data()
    batch = data.batch(np.arange(8))
    assert len(batch.turns_RUD) == 8
    assert batch.num_turns_B.tolist() == [1, 2, 3, 4, 5, 6, 6, 6]
