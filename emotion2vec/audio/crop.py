"""Random crop of a clip.

In: waveform (S,) of `io.py`. Out: waveform of at most the length asked for, for `data/collate.py`.
"""

import numpy as np
from torch import Tensor


def random_crop(waveform_S: Tensor, num_samples: int, rng: np.random.Generator) -> Tensor:
    """Cut `num_samples` out of the clip at a random place; a shorter clip is returned whole.

    Args:
        waveform_S: Speech, (S,).
        num_samples: Length wanted, > 0.
        rng: Draws one number, and only when there is something to cut.

    Returns:
        View of the clip, (min(S, num_samples),).
    """
    surplus = waveform_S.shape[-1] - num_samples
    if surplus <= 0:
        return waveform_S
    start = int(rng.integers(0, surplus + 1))
    return waveform_S[..., start : start + num_samples]
