"""Random crops."""

import numpy as np
import pytest
import torch

from emotion2vec.audio.crop import random_crop


def test_a_crop_is_a_stretch_of_the_clip() -> None:
    waveform_S = torch.arange(1000)
    crop = random_crop(waveform_S, 300, np.random.default_rng(3))
    assert torch.equal(crop, waveform_S[crop[0] : crop[0] + 300])


def test_every_start_occurs_from_the_first_to_the_last() -> None:
    rng = np.random.default_rng(0)
    starts = {int(random_crop(torch.arange(10), 7, rng)[0]) for _ in range(200)}
    assert starts == {0, 1, 2, 3}


@pytest.mark.parametrize("num_samples", [1000, 1001])
def test_a_clip_that_is_not_longer_is_returned_whole(num_samples: int) -> None:
    waveform_S = torch.arange(1000)
    assert torch.equal(random_crop(waveform_S, num_samples, np.random.default_rng(0)), waveform_S)


def test_the_same_generator_state_gives_the_same_crop() -> None:
    crops = [random_crop(torch.arange(1000), 10, np.random.default_rng(7)) for _ in range(2)]
    assert torch.equal(*crops)
