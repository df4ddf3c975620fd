"""Where frames lie."""

import pytest
import torch
from torch import nn

from emotion2vec.features.frames import FrameGrid, row_lengths, stack_rows, valid_rows

# kernels and strides of wav2vec 2.0 and its kin, and of wav2vec
STACKS = {
    FrameGrid(): [(10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)],
    FrameGrid(465, 160, 465): [(10, 5), (8, 4), (4, 2), (4, 2), (4, 2), (1, 1), (1, 1)],
}


@pytest.mark.parametrize("grid", STACKS)
@pytest.mark.parametrize("num_samples", [*range(395, 480), 720, 785, 16_000, 16_001, 15_999])
def test_a_grid_counts_the_frames_that_its_convolutions_make(
    grid: FrameGrid, num_samples: int
) -> None:
    convs = nn.Sequential(*[nn.Conv1d(1, 1, kernel, stride) for kernel, stride in STACKS[grid]])
    if num_samples < grid.min_samples:
        assert grid.num_frames(num_samples) == 0
        return
    assert grid.num_frames(num_samples) == convs(torch.zeros(1, 1, num_samples)).shape[2]


@pytest.mark.parametrize("grid", STACKS)
def test_the_samples_of_some_frames_make_exactly_these_frames(grid: FrameGrid) -> None:
    samples = grid.samples(3, 10)
    assert samples.start == 3 * grid.hop_samples
    assert grid.num_frames(samples.stop - samples.start) == 7
    assert grid.num_frames(samples.stop - samples.start - 1) == 6


def test_rows_lose_their_padding_and_get_it_back() -> None:
    waveform = torch.tensor([[1.0, 2.0, 0.0], [3.0, 4.0, 5.0]])
    padding = torch.tensor([[False, False, True], [False, False, False]])
    assert row_lengths(waveform, padding) == [2, 3]
    assert row_lengths(waveform, None) == [3, 3]
    rows = valid_rows(waveform, padding)
    assert [row.tolist() for row in rows] == [[[1.0, 2.0]], [[3.0, 4.0, 5.0]]]
    assert torch.equal(stack_rows([row[0] for row in rows]), waveform)
