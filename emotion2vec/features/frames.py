"""Where the frames of an upstream lie, and rows of different lengths in one batch.

In: numbers of samples, or a padded batch. Out: numbers of frames, for `encode.py`, and rows without their padding, for
upstreams in which padding would reach the valid frames. B utterances, S samples, T frames, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from emotion2vec.structs import MIN_SAMPLES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME


@dataclass(frozen=True)
class FrameGrid:
    """Frame t is counted from the samples hop t to hop t + window - 1.

    Attributes:
        window_samples: Samples that a frame is counted from; of convolutions, their receptive field.
        hop_samples: Samples from one frame to the next.
        min_samples: The shortest audio that can be used.
    """

    window_samples: int = MIN_SAMPLES
    hop_samples: int = SAMPLES_PER_FRAME
    min_samples: int = MIN_SAMPLES

    @property
    def rate_hz(self) -> float:
        """Frames a second."""
        return SAMPLE_RATE_HZ / self.hop_samples

    def num_frames(self, num_samples: int) -> int:
        """Count the frames of `num_samples` samples.

        >>> FrameGrid().num_frames(16000), FrameGrid(465, 160, 465).num_frames(16000)
        (49, 98)
        """
        return max(0, (num_samples - self.window_samples) // self.hop_samples + 1)

    def samples(self, first_frame: int, end_frame: int) -> slice:
        """Return the samples that the frames [first_frame, end_frame) are counted from."""
        stop = self.hop_samples * (end_frame - 1) + self.window_samples
        return slice(self.hop_samples * first_frame, stop)


def row_lengths(waveform_BS: Tensor, padding_BS: Tensor | None) -> list[int]:
    """Count the valid samples of each row.

    Args:
        waveform_BS: Padded speech, (B, S).
        padding_BS: True where the sample is padding, (B, S); None when nothing is.
    """
    if padding_BS is None:
        return [waveform_BS.shape[1]] * waveform_BS.shape[0]
    lengths: list[int] = (~padding_BS).sum(dim=1).tolist()
    return lengths


def valid_rows(waveform_BS: Tensor, padding_BS: Tensor | None) -> list[Tensor]:
    """Cut the padding off: one waveform (1, S_i) for each row of (B, S)."""
    lengths = row_lengths(waveform_BS, padding_BS)
    return [waveform_BS[row, :length][None] for row, length in enumerate(lengths)]


def stack_rows(frames: Sequence[Tensor]) -> Tensor:
    """Pad the frames (T_i, D) of several utterances with zeros: (B, T, D)."""
    return torch.nn.utils.rnn.pad_sequence(list(frames), batch_first=True)
