"""What a data-loading worker hands to fairseq's trainer."""

from pathlib import Path
from typing import Any

import pytest
import torch

from emotion2vec.data.batching import PlannedBatch
from tests.data.test_batching import HalfMasker
from tests.helpers.wav import make_manifest_folder

pytestmark = [pytest.mark.fairseq, pytest.mark.filterwarnings("ignore")]

PLANNED = PlannedBatch((2, 0), epoch=3, number=1, effective_masked=1, effective_rows=4)


def _sample(folder: Path, *, pad: bool) -> dict[str, Any]:
    from emotion2vec.fairseq_plugin.dataset import PretrainingDataset, load_speech

    speech = load_speech(str(folder), "all", min_samples=400, max_samples=10**6)
    dataset = PretrainingDataset(speech, HalfMasker(), seed=1, max_samples=10**6, pad=pad)
    return dataset.collater(dataset.__getitems__(PLANNED))


@pytest.mark.parametrize("pad", [False, True])
def test_the_trainers_copy_to_a_device_reaches_every_tensor_and_keeps_the_plan(
    pad: bool, tmp_path: Path
) -> None:
    """fairseq pins what workers return and copies it without waiting; on the CPU a clone stands for the copy."""
    from fairseq.utils import apply_to_sample

    sample = _sample(make_manifest_folder(tmp_path, seconds=[0.5, 0.6, 0.7]), pad=pad)
    copies: list[torch.Tensor] = []
    moved = apply_to_sample(lambda tensor: copies.append(tensor.clone()) or copies[-1], sample)
    tensors = [name for name, value in sample.items() if isinstance(value, torch.Tensor)]
    assert tensors == ["waveform_BS", *(["padding_BS"] if pad else []), "masked_BCT"]
    assert len(copies) == len(tensors)
    assert all(torch.equal(sample[name], moved[name]) for name in tensors)
    assert moved["planned"] is PLANNED
    assert moved["audio_seconds"] == pytest.approx(2 * (0.7 if pad else 0.5))
