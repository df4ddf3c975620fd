"""Items to a batch: crops or pads them, and draws the masks.

In: `SpeechItem`s. Out: `PretrainBatch` with waveforms (B, S) and masks (B, C, T). Masks and crops depend on run seed,
epoch, utterance and clone only, so they are the same in any batch, worker, or resumed run of the same length.
"""

from collections.abc import Sequence

import numpy as np
import torch

from emotion2vec.audio.crop import random_crop, used_samples
from emotion2vec.data.batching import Masker
from emotion2vec.data.dataset import SpeechItem
from emotion2vec.seeding import derive_rng
from emotion2vec.structs import PretrainBatch, num_frames, padding_from_lengths


def collate_pretrain(
    items: Sequence[SpeechItem],
    masker: Masker,
    *,
    seed: int,
    epoch: int,
    max_samples: int | None,
    pad: bool,
    length_multiple: int = 1,
) -> PretrainBatch:
    """Make one micro-batch.

    Args:
        items: Utterances of the batch.
        masker: Draws the masks.
        seed: Seed of the run.
        epoch: Epoch, from 1.
        max_samples: Longer utterances are cropped at random.
        pad: Pad to the longest instead of cropping to the shortest (the paper's way).
        length_multiple: Samples of an utterance that are used are a multiple of this, where it is so long.
    """
    used = [
        used_samples(len(item.waveform_S), max_samples=max_samples, multiple=length_multiple)
        for item in items
    ]
    if not pad:
        used = [min(used)] * len(used)
    waveforms = [
        random_crop(item.waveform_S, length, derive_rng("crop", seed, epoch, item.id))
        for item, length in zip(items, used, strict=True)
    ]
    waveform_BS = torch.nn.utils.rnn.pad_sequence(waveforms, batch_first=True)
    padded = min(used) != max(used)
    return PretrainBatch(
        waveform_BS=waveform_BS,
        padding_BS=padding_from_lengths(torch.tensor(used), max(used)) if padded else None,
        masked_BCT=_draw_masks(items, used, masker, seed=seed, epoch=epoch),
    )


def _draw_masks(
    items: Sequence[SpeechItem], lengths: Sequence[int], masker: Masker, *, seed: int, epoch: int
) -> torch.Tensor:
    """Draw (B, C, T) masks, each row with the count that the shortest utterance allows."""
    frames = [num_frames(length) for length in lengths]
    num_masked = masker.count(min(frames))
    masks = [
        [
            masker.draw(
                max(frames),
                num_valid=num_valid,
                num_masked=num_masked,
                rng=derive_rng("mask", seed, epoch, item.id, clone),
            )
            for clone in range(masker.num_clones)
        ]
        for item, num_valid in zip(items, frames, strict=True)
    ]
    return torch.from_numpy(np.array(masks))
