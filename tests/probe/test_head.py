"""The head against a slow loop over padded utterances."""

import pytest
import torch
from torch import Tensor

from emotion2vec.probe.head import ProbeHead, count_parameters
from emotion2vec.probe.pooling import mean_over_utterances


def head_loops(head: ProbeHead, utterances: list[Tensor]) -> Tensor:
    """Logits from the definition, one multiplication at a time: mean over t of relu(W x_t + b), then linear."""
    rows = []
    for frames in utterances:
        pooled = []
        for weight, bias in zip(head.hidden.weight, head.hidden.bias, strict=True):
            total = torch.zeros((), dtype=weight.dtype)
            for frame in frames:
                value = bias + sum(w * x for w, x in zip(weight, frame, strict=True))
                total = total + (value if value > 0 else 0 * value)
            pooled.append(total / len(frames))
        rows.append(
            torch.stack(
                [b + sum(w * p for w, p in zip(weight, pooled, strict=True))
                 for weight, b in zip(head.output.weight, head.output.bias, strict=True)]
            )
        )  # fmt: skip
    return torch.stack(rows)


@pytest.mark.parametrize("lengths", [[1], [3, 1, 4], [2, 2]])
def test_head_agrees_with_its_definition_in_value_and_gradient(lengths: list[int]) -> None:
    torch.manual_seed(0)
    head = ProbeHead(3, 5, 2).double()
    utterances = list(torch.randn(sum(lengths), 3, dtype=torch.float64).split(lengths))
    found = head(torch.cat(utterances), torch.tensor(lengths))
    expected = head_loops(head, utterances)
    torch.testing.assert_close(found, expected)
    labels = torch.arange(len(lengths)) % 2
    gradients = [
        torch.autograd.grad(
            torch.nn.functional.cross_entropy(logits, labels), list(head.parameters())
        )
        for logits in (found, expected)
    ]
    torch.testing.assert_close(gradients[0], gradients[1])


def test_head_of_the_paper_has_197892_parameters() -> None:
    assert count_parameters(ProbeHead(768, 256, 4)) == 197_892


def test_padding_as_a_masked_mean_gives_the_same() -> None:
    torch.manual_seed(0)
    lengths = torch.tensor([2, 5, 1])
    padded_BTH = torch.randn(3, 5, 4)
    valid_BT = torch.arange(5)[None] < lengths[:, None]
    masked_mean = (padded_BTH * valid_BT[..., None]).sum(1) / lengths[:, None]
    torch.testing.assert_close(mean_over_utterances(padded_BTH[valid_BT], lengths), masked_mean)


def test_bfloat16_frames_leave_the_weights_in_float32() -> None:
    torch.manual_seed(0)
    head, frames, lengths = ProbeHead(16, 8, 3), torch.randn(6, 16), torch.tensor([4, 2])
    narrow = head(frames.bfloat16(), lengths)
    assert narrow.dtype == head.hidden.weight.dtype == torch.float32
    torch.testing.assert_close(narrow, head(frames, lengths), atol=0.02, rtol=0.02)


def test_weights_come_from_the_generator_alone() -> None:
    heads = [ProbeHead(4, 3, 2, generator=torch.Generator().manual_seed(7)) for _ in range(2)]
    for first, second in zip(heads[0].parameters(), heads[1].parameters(), strict=True):
        assert torch.equal(first, second)
    assert float(heads[0].hidden.weight.abs().max()) <= 0.5
