"""How much of a clip is used, and which part: a random one.

In: waveform (S,) of `io.py`. Out: waveform of at most the length asked for, for `data/collate.py`.
"""

import numpy as np
from torch import Tensor


def used_samples(num_samples: int, *, max_samples: int | None, multiple: int = 1) -> int:
    """Count the samples of a clip that are used.

    Args:
        num_samples: Length of the clip.
        max_samples: Most samples of any clip.
        multiple: What is used is a multiple of this, where the clip is so long.

    >>> [used_samples(n, max_samples=100, multiple=8) for n in (5, 8, 30, 200)]
    [5, 8, 24, 96]
    """
    allowed = num_samples if max_samples is None else min(num_samples, max_samples)
    return allowed - allowed % multiple if allowed >= multiple else allowed


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
