"""`Emotion2Vec`: features for Python programs.

In: checkpoint; audio files or arrays. Out: NumPy arrays. Needs neither fairseq nor hydra, and torchaudio only
to resample. S samples, T frames, L layers, D width.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from emotion2vec.audio.io import read_audio, to_speech
from emotion2vec.features.encode import check_not_silent, check_settings, encode_batch, encode_long
from emotion2vec.features.settings import ExtractionSettings, LayerSelection, plan_batches
from emotion2vec.features.upstreams import Upstream, load_upstream
from emotion2vec.structs import SAMPLE_RATE_HZ

Speech = str | Path | np.ndarray | Tensor | tuple[np.ndarray | Tensor, int]


class Emotion2Vec:
    """A frozen upstream with the one method that most programs need.

    Example:
        model = Emotion2Vec.from_pretrained("checkpoint_last.pt")
        features = model.extract(["a.wav", array], granularity="frame")
    """

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    @classmethod
    def from_pretrained(
        cls, checkpoint: Path | str, *, device: str = "auto", dtype: str = "float32"
    ) -> "Emotion2Vec":
        """Load a checkpoint, or a baseline by its name.

        Args:
            checkpoint: What `extract_features.py --checkpoint` takes.
            device: `auto`, `cpu` or `cuda`.
            dtype: `float32`, or `bfloat16` for autocast.

        Raises:
            CheckpointError: Missing, damaged, unsafe or of another architecture.
            ConfigError: The device or precision is not available.
        """
        return cls(load_upstream(checkpoint, device=device, dtype=dtype))

    def extract(
        self,
        inputs: Speech | Sequence[Speech],
        *,
        granularity: str = "frame",
        layers: str = "last",
        utterance_from: str = "frames",
        batch_seconds: float = 60.0,
    ) -> list[np.ndarray]:
        """Extract features; they depend neither on the batch nor on padding.

        Args:
            inputs: Files, arrays at 16 kHz, or pairs (array, rate in Hz); a single one is a list of one.
            granularity: `frame` or `utterance`.
            layers: `last`, `all`, `last4` or numbers such as `0,12`.
            utterance_from: `frames`, `tokens` or `both`.
            batch_seconds: Padded audio in a batch, at most.

        Returns:
            For each input, in order, float32: (T, D) or (T, L, D); with granularity `utterance` (D,) or (L, D).

        Raises:
            AudioError: An input cannot be used; names it.
            ConfigError: A setting is impossible for this checkpoint.
        """
        settings = ExtractionSettings(
            granularity, LayerSelection(layers), utterance_from, batch_seconds
        )
        check_settings(self.upstream, settings)
        given = (
            [inputs]
            if isinstance(inputs, str | Path | np.ndarray | Tensor | tuple)
            else list(inputs)
        )
        speech = [_to_waveform(item, f"input {number}") for number, item in enumerate(given)]
        results: dict[int, np.ndarray] = {}
        for batch in plan_batches([len(waveform) for waveform in speech], settings.batch_samples):
            results |= self._extract_batch(batch, speech, settings)
        arrays = [results[index] for index in range(len(speech))]
        return [array[0] for array in arrays] if granularity == "utterance" else arrays

    def _extract_batch(
        self, batch: Sequence[int], speech: Sequence[Tensor], settings: ExtractionSettings
    ) -> dict[int, np.ndarray]:
        """Encode one batch; returns (T, ...) by position."""
        long = [index for index in batch if settings.window.is_long(len(speech[index]))]
        short = [index for index in batch if index not in long]
        arrays = (
            encode_batch(self.upstream, [speech[index] for index in short], settings)
            if short
            else []
        )
        results = dict(zip(short, arrays, strict=True))
        for index in long:
            results[index] = np.concatenate(
                list(encode_long(self.upstream, speech[index], settings))
            )
        return results


def _to_waveform(item: Speech, source: str) -> Tensor:
    """Read a file or check an array: (S,) at 16 kHz."""
    if isinstance(item, str | Path):
        return check_not_silent(read_audio(item), str(item))
    array, rate = item if isinstance(item, tuple) else (item, SAMPLE_RATE_HZ)
    return check_not_silent(to_speech(array, rate, source=source), source)
