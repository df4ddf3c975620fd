"""Mask embedding and linear prediction of data2vec against loops."""

import torch
from torch import Tensor

from emotion2vec.model.context import ContextOutput
from emotion2vec.model.linear_decoder import LinearDecoder
from tests.model.helpers import assert_same_value_and_gradient, seeded
from tests.oracles import formulas

MASKED_RT = torch.tensor([[0, 1, 1, 0, 1], [1, 0, 0, 1, 1]]).bool()


def seen_by_the_encoder(decoder: LinearDecoder, frames_RTD: Tensor) -> Tensor:
    """Return the frames that `encode` hands to the backbone."""
    seen: list[Tensor] = []

    def context(frames_RTD: Tensor, *, padding_RT: Tensor | None) -> ContextOutput:
        assert padding_RT is None
        seen.append(frames_RTD)
        return ContextOutput((frames_RTD,), (), None, 0)

    decoder.encode(context, frames_RTD, MASKED_RT)  # type: ignore[arg-type]
    return seen[0]


def test_encoder_sees_the_mask_embedding_in_place_of_every_masked_frame() -> None:
    decoder = LinearDecoder(3).double()

    def function(frames_RTD: Tensor, embedding_D: Tensor) -> Tensor:
        del decoder.mask_embedding
        decoder.mask_embedding = embedding_D
        return seen_by_the_encoder(decoder, frames_RTD)

    def oracle(frames_RTD: Tensor, embedding_D: Tensor) -> Tensor:
        return formulas.hide_frames_loops(frames_RTD, MASKED_RT, embedding_D)

    assert_same_value_and_gradient(function, oracle, [seeded(2, 5, 3), seeded(3, seed=1)])


def test_prediction_is_the_linear_layer_at_masked_frames_row_by_row() -> None:
    decoder = LinearDecoder(3).double()

    def oracle(frames_RTD: Tensor) -> Tensor:
        return torch.stack([
            decoder.proj.weight @ frames_RTD[r, t] + decoder.proj.bias
            for r in range(2)
            for t in range(5)
            if MASKED_RT[r, t]
        ])  # fmt: skip

    assert_same_value_and_gradient(
        lambda frames_RTD: decoder(frames_RTD, MASKED_RT), oracle, [seeded(2, 5, 3)]
    )


def test_mask_embedding_starts_between_zero_and_one() -> None:
    torch.manual_seed(0)
    embedding_D = LinearDecoder(768).mask_embedding.detach()
    assert float(embedding_D.min()) >= 0
    assert float(embedding_D.max()) <= 1
    assert abs(float(embedding_D.mean()) - 0.5) < 0.05
