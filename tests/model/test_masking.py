"""Span masks: exact counts, spans, padding, and the distribution of fairseq's own function."""

import numpy as np
import pytest
import torch

from emotion2vec.model.masking import draw_span_mask, num_masked_frames, visible_indices
from emotion2vec.seeding import derive_rng

PROB, ADJUST, SPAN = 0.5, 0.05, 5


def draw(
    num_frames: int, *, num_valid: int | None = None, prob: float = PROB, seed: int = 0
) -> np.ndarray:
    num_valid = num_frames if num_valid is None else num_valid
    return draw_span_mask(
        num_frames,
        num_valid=num_valid,
        num_masked=num_masked_frames(num_valid, prob),
        span_frames=SPAN,
        prob=prob,
        prob_adjust=ADJUST,
        rng=derive_rng("test", seed),
    )


def run_lengths(masked_T: np.ndarray) -> list[int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], masked_T, [False]]).astype(int)))
    return list(edges[1::2] - edges[::2])


@pytest.mark.parametrize("num_frames", [1, 2, 3, 5, 24, 49, 199, 999])
@pytest.mark.parametrize("prob", [0.3, 0.5, 0.65])
def test_share_of_masked_frames_is_rounded_down(num_frames: int, prob: float) -> None:
    assert num_masked_frames(num_frames, prob) == int(np.floor(num_frames * prob))


@pytest.mark.parametrize("num_frames", [2, 3, 5, 24, 49, 199])
@pytest.mark.parametrize("prob", [0.3, 0.5, 0.65])
def test_mask_has_exactly_the_frames_asked_for(num_frames: int, prob: float) -> None:
    for seed in range(20):
        masked_T = draw(num_frames, prob=prob, seed=seed)
        assert masked_T.dtype == bool
        assert masked_T.shape == (num_frames,)
        assert masked_T.sum() == num_masked_frames(num_frames, prob)


@pytest.mark.parametrize("num_valid", [4, 10, 29, 30])
def test_mask_never_covers_padding(num_valid: int) -> None:
    for seed in range(50):
        masked_T = draw(30, num_valid=num_valid, seed=seed)
        assert not masked_T[num_valid:].any()
        assert masked_T.sum() == num_masked_frames(num_valid, PROB)


def test_mask_reaches_a_count_set_by_a_shorter_utterance_of_the_batch() -> None:
    for num_masked in (1, 7, 20, 38):
        masked_T = draw_span_mask(
            40, num_valid=40, num_masked=num_masked, span_frames=SPAN, prob=PROB,
            prob_adjust=ADJUST, rng=derive_rng("test", num_masked),
        )  # fmt: skip
        assert masked_T.sum() == num_masked


def test_masks_are_made_of_spans_and_not_of_single_frames() -> None:
    spans = [length for seed in range(200) for length in run_lengths(draw(199, seed=seed))]
    singles = [
        length
        for seed in range(200)
        for length in run_lengths(np.random.default_rng(seed).random(199) < PROB)
    ]
    assert np.mean(spans) > 2 * np.mean(singles)
    share_in_long_runs = sum(n for n in spans if n >= SPAN) / sum(spans)
    assert share_in_long_runs > 0.6


def test_every_frame_is_masked_about_equally_often() -> None:
    rate_T = np.mean([draw(100, seed=seed) for seed in range(2000)], axis=0)
    assert rate_T[5:-5].min() > 0.42
    assert rate_T[5:-5].max() < 0.58
    assert rate_T.mean() == pytest.approx(PROB)


def test_mask_is_a_function_of_its_generator() -> None:
    assert np.array_equal(draw(199, seed=3), draw(199, seed=3))
    assert not np.array_equal(draw(199, seed=3), draw(199, seed=4))


@pytest.mark.fairseq
def test_masks_have_the_run_lengths_of_fairseqs_masks() -> None:
    data_utils = pytest.importorskip("fairseq.data.data_utils")
    torch.manual_seed(0)
    theirs = data_utils.compute_block_mask_1d((1000, 199), PROB, SPAN, ADJUST)
    their_runs = [n for row in theirs.bool().numpy() for n in run_lengths(row)]
    our_runs = [n for seed in range(1000) for n in run_lengths(draw(199, seed=seed))]
    for length in range(1, 12):
        ours, expected = (np.mean(np.equal(runs, length)) for runs in (our_runs, their_runs))
        assert ours == pytest.approx(expected, abs=0.015)
    assert np.mean(our_runs) == pytest.approx(np.mean(their_runs), rel=0.02)


def test_visible_indices_list_the_frames_that_are_not_masked_in_order() -> None:
    masked_RT = torch.tensor([[1, 0, 0, 1, 0], [0, 1, 0, 0, 1]]).bool()
    assert visible_indices(masked_RT).tolist() == [[1, 2, 4], [0, 2, 3]]


def test_visible_indices_of_long_rows_equal_the_loop() -> None:
    masked_RT = torch.from_numpy(np.stack([draw(499, seed=seed) for seed in range(8)]))
    expected = [[t for t in range(499) if not row[t]] for row in masked_RT.tolist()]
    assert visible_indices(masked_RT).tolist() == expected
