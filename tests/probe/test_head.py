"""Every head against its definition in loops, in value and gradient; the counts and generators of their weights."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from emotion2vec.probe.gru_head import GruHead
from emotion2vec.probe.head import ProbeHead, count_parameters
from emotion2vec.probe.layer_sum import LayerSum
from emotion2vec.probe.packed import PackedFeatures
from emotion2vec.probe.pooling import mean_over_utterances, sum_segments
from emotion2vec.probe.recipe import HEAD_CLASSES, Head
from emotion2vec.probe.superb_head import SuperbHead
from tests.oracles import heads as oracle

ORACLES = {
    "linear": oracle.linear_head_loops,
    "superb": oracle.superb_head_loops,
    "gru": oracle.gru_head_loops,
}


def pack(frames: Tensor, lengths: list[int], own: Tensor | None = None) -> PackedFeatures:
    labels = torch.arange(len(lengths)) % 2
    return PackedFeatures(frames, torch.tensor(lengths), labels, 2, own, dtype=frames.dtype)


def averaged(packed: PackedFeatures) -> PackedFeatures:
    """What `inputs.py` hands to SUPERB's head."""
    means = torch.stack([part.mean(0) for part in packed.frames.split(packed.lengths_N.tolist())])
    return pack(means, [1] * len(means), packed.utterances_NU)


def gradients(logits: Tensor, head: Head) -> tuple[Tensor, ...]:
    labels = torch.arange(len(logits)) % 2
    loss = torch.nn.functional.cross_entropy(logits, labels)
    return torch.autograd.grad(loss, list(head.parameters()))


@pytest.mark.parametrize("lengths", [[1], [3, 1, 4], [2, 2]])
@pytest.mark.parametrize("own_dim", [0, 2])
@pytest.mark.parametrize("num_layers", [0, 3])
@pytest.mark.parametrize("name", ORACLES)
def test_head_agrees_with_its_definition_in_value_and_gradient(
    name: str, num_layers: int, own_dim: int, lengths: list[int]
) -> None:
    torch.manual_seed(0)
    head = HEAD_CLASSES[name](3 + own_dim, 5, 2, num_layers=num_layers).double()
    if head.layers is not None:
        torch.nn.init.normal_(head.layers.logits)
    shape = (sum(lengths), num_layers, 3) if num_layers else (sum(lengths), 3)
    own = torch.randn(len(lengths), own_dim, dtype=torch.float64) if own_dim else None
    batch = pack(torch.randn(shape, dtype=torch.float64), lengths, own)
    found = head(averaged(batch) if name == "superb" else batch)
    expected = ORACLES[name](head, batch.frames.split(lengths), [] if own is None else list(own))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(found, head), gradients(expected, head))


def test_head_of_the_paper_has_197892_parameters() -> None:
    assert count_parameters(ProbeHead(768, 256, 4)) == 197_892


def test_superbs_head_has_a_weight_for_each_layer_besides() -> None:
    assert count_parameters(SuperbHead(768, 256, 4, num_layers=13)) == 197_892 + 13


def test_weights_of_layers_start_equal() -> None:
    frames = torch.randn(5, 4, 3)
    torch.testing.assert_close(LayerSum(4)(frames), frames.mean(1))


def test_superbs_head_refuses_frames_that_are_not_averaged() -> None:
    with pytest.raises(AssertionError, match="one row an utterance"):
        SuperbHead(3, 5, 2)(pack(torch.randn(4, 3), [1, 3]))


@pytest.mark.parametrize(
    "pool", [mean_over_utterances, lambda f, n: sum_segments(f, n) / n[:, None]]
)
def test_padding_as_a_masked_mean_gives_the_same(pool: Callable) -> None:
    torch.manual_seed(0)
    lengths = torch.tensor([2, 5, 1])
    padded_BTH = torch.randn(3, 5, 4)
    valid_BT = torch.arange(5)[None] < lengths[:, None]
    masked_mean = (padded_BTH * valid_BT[..., None]).sum(1) / lengths[:, None]
    torch.testing.assert_close(pool(padded_BTH[valid_BT], lengths), masked_mean)


@pytest.mark.parametrize("name", ["linear", "gru"])
def test_bfloat16_frames_leave_the_weights_in_float32(name: str) -> None:
    torch.manual_seed(0)
    head, frames = HEAD_CLASSES[name](16, 8, 3), torch.randn(6, 16)
    narrow = head(pack(frames.bfloat16(), [4, 2]))
    assert narrow.dtype == head.output.weight.dtype == torch.float32
    torch.testing.assert_close(narrow, head(pack(frames, [4, 2])), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("name", ORACLES)
def test_weights_come_from_the_generator_alone(name: str) -> None:
    heads = [
        HEAD_CLASSES[name](4, 3, 2, generator=torch.Generator().manual_seed(7)) for _ in range(2)
    ]
    for first, second in zip(heads[0].parameters(), heads[1].parameters(), strict=True):
        assert torch.equal(first, second)
        assert float(first.detach().abs().max()) <= 3**-0.5


def test_the_gru_reads_an_utterance_to_its_end_and_no_further() -> None:
    torch.manual_seed(0)
    head, frames = GruHead(3, 5, 2), torch.randn(6, 3)
    both = head(pack(frames, [2, 4]))
    torch.testing.assert_close(both[:1], head(pack(frames[:2], [2])))
    torch.testing.assert_close(both[1:], head(pack(frames[2:], [4])))
