"""data2vec's mask rule: exact counts, coverage by enumeration, and the statistics of fairseq's function."""

from collections import Counter

import numpy as np
import pytest

from emotion2vec.model.masking import (
    OverlappingSpanMasker,
    SpanMasker,
    build_masker,
    draw_overlapping_spans,
    expected_coverage,
)
from emotion2vec.seeding import derive_rng
from tests.model.test_masking import run_lengths
from tests.oracles import formulas

PROB, SPAN = 0.65, 10
MASKER = OverlappingSpanMasker(PROB, SPAN, num_clones=1)


def draw(num_frames: int, seed: int) -> np.ndarray:
    return draw_overlapping_spans(
        num_frames, span_frames=SPAN, prob=PROB, rng=derive_rng("test", seed)
    )


@pytest.mark.parametrize("num_frames", [1, 2, 3, 5, 9, 10, 11, 14, 17])
@pytest.mark.parametrize(("prob", "span_frames"), [(0.65, 10), (0.65, 3), (0.5, 2), (0.9, 4)])
def test_expected_coverage_is_the_average_over_every_choice_of_spans(
    num_frames: int, prob: float, span_frames: int
) -> None:
    settings = {"span_frames": span_frames, "prob": prob}
    expected = formulas.span_coverage_by_enumeration(num_frames, **settings)
    assert expected_coverage(num_frames, **settings) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("num_frames", [12, 49, 199, 999])
def test_masks_cover_the_expected_number_of_frames_on_average(num_frames: int) -> None:
    counts = [draw(num_frames, seed).sum() for seed in range(2000)]
    error = np.std(counts) / np.sqrt(len(counts))
    expected = expected_coverage(num_frames, span_frames=SPAN, prob=PROB)
    assert np.mean(counts) == pytest.approx(expected, abs=4 * error)


@pytest.mark.fairseq
@pytest.mark.parametrize("num_frames", [12, 15, 49, 199])
def test_masks_have_the_counts_and_run_lengths_of_fairseqs(num_frames: int) -> None:
    data_utils = pytest.importorskip("fairseq.data.data_utils")
    theirs = [
        data_utils.compute_mask_indices(
            (1, num_frames), None, PROB, SPAN, min_masks=1, seed=1, epoch=1, indices=np.array([i])
        )[0]
        for i in range(3000)
    ]
    ours = [draw(num_frames, seed) for seed in range(3000)]
    assert np.mean([m.sum() for m in ours]) == pytest.approx(
        np.mean([m.sum() for m in theirs]), rel=0.02
    )
    assert np.std([m.sum() for m in ours]) == pytest.approx(
        np.std([m.sum() for m in theirs]), rel=0.1, abs=0.1
    )
    our_runs, their_runs = (
        Counter(n for mask in masks for n in run_lengths(mask)) for masks in (ours, theirs)
    )
    for length in set(our_runs) | set(their_runs):
        shares = [runs[length] / runs.total() for runs in (our_runs, their_runs)]
        assert shares[0] == pytest.approx(shares[1], abs=0.03)
    rates = [np.mean(masks, axis=0) for masks in (ours, theirs)]
    assert np.abs(rates[0] - rates[1]).max() < 0.06


@pytest.mark.fairseq
def test_short_utterances_start_their_spans_where_fairseqs_do() -> None:
    data_utils = pytest.importorskip("fairseq.data.data_utils")
    theirs, ours = set(), set()
    for i in range(400):
        mask = data_utils.compute_mask_indices(
            (1, 12), None, PROB, SPAN, min_masks=1, seed=1, epoch=1, indices=np.array([i])
        )
        theirs.add(tuple(mask[0].tolist()))
        ours.add(tuple(draw(12, i).tolist()))
    assert ours == theirs
    assert len(ours) > 1


@pytest.mark.parametrize("num_frames", [2, 3, 9, 10, 11, 49, 199, 999])
def test_row_has_exactly_its_count_and_always_a_frame_to_see(num_frames: int) -> None:
    num_masked = MASKER.count(num_frames)
    assert 1 <= num_masked < num_frames
    for seed in range(20):
        rng = derive_rng("test", seed)
        masked_T = MASKER.draw(num_frames + 7, num_valid=num_frames, num_masked=num_masked, rng=rng)
        assert masked_T.sum() == num_masked
        assert not masked_T[num_frames:].any()


def test_base_settings_mask_about_half_of_the_frames_and_not_65_per_cent() -> None:
    assert MASKER.count(999) / 999 == pytest.approx(0.489, abs=0.002)
    assert SpanMasker(PROB, SPAN, 0.0, 1).count(999) / 999 == pytest.approx(0.65, abs=0.002)


def test_mask_is_a_function_of_its_generator() -> None:
    assert np.array_equal(draw(199, 3), draw(199, 3))
    assert not np.array_equal(draw(199, 3), draw(199, 4))


def test_rule_chooses_the_masker() -> None:
    settings = {"prob": 0.5, "span_frames": 5, "prob_adjust": 0.05, "num_clones": 3}
    assert build_masker("share", **settings) == SpanMasker(0.5, 5, 0.05, 3)
    assert build_masker("spans", **settings) == OverlappingSpanMasker(0.5, 5, 3)
