"""A manifest as a sequence of normalised waveforms.

In: `Manifest`. Out: `SpeechItem`, waveform (S,), for `collate.py`.
"""

import logging
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from emotion2vec.audio.crop import used_samples
from emotion2vec.audio.io import is_silent, normalise_waveform, read_audio
from emotion2vec.audio.shard import describe
from emotion2vec.data.manifest import Manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import ManifestError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeechItem:
    """One utterance, read.

    Attributes:
        id: The utterance's id.
        waveform_S: Normalised to zero mean and unit variance over the utterance, 16 kHz, (S,), float32.
    """

    id: str
    waveform_S: Tensor


class SpeechDataset:
    """Reads utterances by number; leaves out those too short to train on."""

    def __init__(
        self,
        manifest: Manifest,
        *,
        min_samples: int = 0,
        max_samples: int | None = None,
        length_multiple: int = 1,
    ) -> None:
        """Select the utterances to use.

        Args:
            manifest: What to read.
            min_samples: Shorter utterances are left out, and counted in a warning.
            max_samples: Longer ones are cropped to this by `collate.py`; here only `sizes` knows.
            length_multiple: The same: all are cropped to a multiple of this.

        Raises:
            ManifestError: Nothing is left.
        """
        self.manifest = manifest
        kept = [u for u in manifest.utterances if u.num_samples >= min_samples]
        num_short = len(manifest.utterances) - len(kept)
        source = manifest.root if not manifest.name else manifest.name
        if not kept:
            raise ManifestError(
                f"manifest {source!r} (audio in {manifest.root}): none of its {num_short} utterances has at least "
                f"{min_samples} samples ({min_samples / 16000:.2f} s); lower task.min_sample_size or check the manifest"
            )
        if num_short:
            logger.warning(
                "manifest %r: left out %d of %d utterances shorter than %d samples (%.2f s)",
                source, num_short, len(manifest.utterances), min_samples, min_samples / 16000,
            )  # fmt: skip
        self.utterances: tuple[Utterance, ...] = tuple(kept)
        used = [
            used_samples(u.num_samples, max_samples=max_samples, multiple=length_multiple)
            for u in kept
        ]
        self.sizes = np.array(used, dtype=np.int64)

    def __len__(self) -> int:
        """Count the utterances in use."""
        return len(self.utterances)

    def __getitem__(self, index: int) -> SpeechItem:
        """Read and normalise one utterance.

        Raises:
            AudioError: The file cannot be used as speech.
            ManifestError: Its length is not the manifest's.
        """
        utterance = self.utterances[index]
        path = self.manifest.root / utterance.path
        waveform_S = read_audio(
            path, start_sample=utterance.start_sample or 0, end_sample=utterance.end_sample
        )
        if len(waveform_S) != utterance.num_samples:
            raise ManifestError(
                f"{describe(path)}: has {len(waveform_S)} samples at 16 kHz, but the manifest says "
                f"{utterance.num_samples}; the file was cut or replaced: prepare the corpus again, or see "
                "`emotion2vec check`"
            )
        if is_silent(waveform_S):
            logger.warning(
                "%s: silent from beginning to end; `emotion2vec check --fix` drops it",
                describe(path),
            )
        return SpeechItem(utterance.id, normalise_waveform(waveform_S))
