"""What passes between packages: sample-to-frame arithmetic and the batch that pre-training consumes.

B utterances, C clones, S samples, T frames. Paper: Section 4.1 (feature extractor).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

SAMPLE_RATE_HZ = 16000
FRAME_RATE_HZ = 50
SAMPLES_PER_FRAME = 320

# Section 4.1 prints kernels (5,2,2,2,2,2,2) and strides (10,3,3,3,3,2,2); the two lists are swapped there.
# These give the 320x downsampling that the paper states and that data2vec and data2vec 2.0 have.
CONV_KERNELS = (10, 3, 3, 3, 3, 2, 2)
CONV_STRIDES = (5, 2, 2, 2, 2, 2, 2)

MIN_SAMPLES = 400  # receptive field of the feature extractor: fewer samples give no frame


def num_frames(num_samples: int) -> int:
    """Count the frames that the feature extractor makes of `num_samples` samples at 16 kHz.

    >>> num_frames(16000), num_frames(400), num_frames(399)
    (49, 1, 0)
    """
    for kernel, stride in zip(CONV_KERNELS, CONV_STRIDES, strict=True):
        num_samples = max(0, (num_samples - kernel) // stride + 1)
    return num_samples


def padding_from_lengths(lengths_B: Tensor, max_length: int) -> Tensor:
    """Return the padding mask (B, max_length), True where position >= length.

    Args:
        lengths_B: Number of valid positions of each row, (B,).
        max_length: Width of the mask.
    """
    positions = torch.arange(max_length, device=lengths_B.device)
    return positions[None, :] >= lengths_B[:, None]


def frame_padding(padding_BS: Tensor) -> Tensor:
    """Turn a padding mask over samples (B, S) into one over frames (B, T): a frame needs valid samples only."""
    lengths_B = (~padding_BS).sum(dim=1)
    for kernel, stride in zip(CONV_KERNELS, CONV_STRIDES, strict=True):
        lengths_B = ((lengths_B - kernel) // stride + 1).clamp_min(0)
    return padding_from_lengths(lengths_B, num_frames(padding_BS.size(1)))


@dataclass(frozen=True)
class PretrainBatch:
    """One micro-batch of pre-training.

    Attributes:
        waveform_BS: Normalised speech at 16 kHz, (B, S), float32.
        padding_BS: True where the sample is padding, (B, S); None when nothing is padded.
        masked_BCT: True where the student must predict the frame, (B, C, T); every row holds the same number
            of masked frames, and no padded frame is masked.
    """

    waveform_BS: Tensor
    padding_BS: Tensor | None
    masked_BCT: Tensor
