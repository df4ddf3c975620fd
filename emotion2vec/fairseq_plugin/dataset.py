"""`SpeechDataset` in the shape that fairseq's iterators and data-loading workers want.

A worker gets a whole `PlannedBatch` and returns a finished sample. An error of the user's data travels back as text:
raised in a worker, torch would wrap it in a traceback.
"""

from pathlib import Path
from typing import Any

import numpy as np
from fairseq.data import FairseqDataset
from torch.utils.data import get_worker_info

from emotion2vec.data.batching import Masker, PlannedBatch, batch_by_length
from emotion2vec.data.collate import collate_pretrain
from emotion2vec.data.dataset import SpeechDataset, SpeechItem
from emotion2vec.data.manifest import read_manifest
from emotion2vec.errors import Emotion2VecError
from emotion2vec.fairseq_plugin.stopping import leave_process_group
from emotion2vec.structs import SAMPLE_RATE_HZ

Fetched = tuple[PlannedBatch, list[SpeechItem] | Emotion2VecError]


def load_speech(
    data: str, split: str, *, min_samples: int, max_samples: int, length_multiple: int = 1
) -> SpeechDataset:
    """Open one split of a manifest folder.

    Raises:
        ManifestError: The folder or the split is missing or malformed, or nothing is long enough.
    """
    manifest = read_manifest(Path(data) / f"{split}.tsv")
    return SpeechDataset(
        manifest, min_samples=min_samples, max_samples=max_samples, length_multiple=length_multiple
    )


def make_batches(
    speech: SpeechDataset, *, max_tokens: int | None, batch_size: int | None, seed: int
) -> list[list[int]]:
    """Group a split into batches of similar length; the same for the task and for the schedule."""
    return batch_by_length(
        speech.sizes.tolist(), max_samples=max_tokens, max_utterances=batch_size, seed=seed
    )


class PretrainingDataset(FairseqDataset):  # type: ignore[misc]
    """Reads planned batches."""

    def __init__(
        self,
        speech: SpeechDataset,
        masker: Masker,
        *,
        seed: int,
        max_samples: int,
        pad: bool,
        length_multiple: int = 1,
    ) -> None:
        super().__init__()
        self.speech = speech
        self.masker = masker
        self.sizes = speech.sizes
        self._settings: dict[str, Any] = {
            "seed": seed,
            "max_samples": max_samples,
            "pad": pad,
            "length_multiple": length_multiple,
        }

    def __len__(self) -> int:
        """Count the utterances."""
        return len(self.speech)

    def __getitem__(self, index: int) -> SpeechItem:
        """Read one utterance."""
        return self.speech[index]

    def __getitems__(self, planned: PlannedBatch) -> Fetched:
        """Read the utterances of a batch, or the error that one of them causes."""
        if get_worker_info() is not None:
            leave_process_group()
        try:
            return planned, [self.speech[index] for index in planned.indices]
        except Emotion2VecError as error:
            return planned, error

    def collater(self, fetched: Fetched) -> dict[str, Any]:
        """Make fairseq's sample: a dict, because the trainer moves it to the device; {} is a dummy batch."""
        planned, items = fetched
        if isinstance(items, Emotion2VecError):
            return {"error": str(items)}
        if not items:
            return {}
        batch = collate_pretrain(items, self.masker, epoch=planned.epoch, **self._settings)
        return {
            "waveform_BS": batch.waveform_BS,
            "padding_BS": batch.padding_BS,
            "masked_BCT": batch.masked_BCT,
            "planned": planned,
            "audio_seconds": batch.waveform_BS.numel() / SAMPLE_RATE_HZ,
        }

    def num_tokens(self, index: int) -> int:
        """Length of an utterance in samples, as far as it is used."""
        return int(self.sizes[index])

    def size(self, index: int) -> int:
        """Length of an utterance in samples, as far as it is used."""
        return int(self.sizes[index])

    def ordered_indices(self) -> np.ndarray:
        """Every utterance, shortest first."""
        return np.argsort(self.sizes, kind="stable")
