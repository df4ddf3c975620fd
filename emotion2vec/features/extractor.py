"""`Emotion2Vec`: features for Python programs.

In: checkpoint; audio files or arrays. Out: NumPy arrays. Needs neither fairseq nor hydra, torchaudio only to resample,
and huggingface_hub only for models on the hub. S samples, T frames, L layers, D width.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from emotion2vec.audio.io import read_audio, to_speech
from emotion2vec.errors import ConfigError, ExportError
from emotion2vec.export.remote import HubOptions, fetch_model, is_hub_id, push_model
from emotion2vec.features.encode import check_not_silent, check_settings, encode_batch, encode_long
from emotion2vec.features.settings import ExtractionSettings, LayerSelection
from emotion2vec.features.upstreams import UNTRAINED_PREFIX, Upstream, load_upstream
from emotion2vec.model.checkpoint import read_checkpoint
from emotion2vec.structs import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from emotion2vec.export.card import CardFacts

Speech = str | Path | np.ndarray | Tensor | tuple[np.ndarray | Tensor, int]


class Emotion2Vec:
    """A frozen upstream with the one method that most programs need.

    Example:
        model = Emotion2Vec.from_pretrained("checkpoint_last.pt")
        features = model.extract(["a.wav", array], granularity="frame")

    Attributes:
        upstream: What computes the features.
        source: The file or folder that its weights were read from; None for a baseline.
    """

    def __init__(self, upstream: Upstream, source: Path | None = None) -> None:
        self.upstream = upstream
        self.source = source

    @classmethod
    def from_pretrained(
        cls,
        checkpoint: Path | str,
        *,
        device: str = "auto",
        dtype: str = "float32",
        revision: str | None = None,
        token: str | None = None,
        cache_dir: Path | str | None = None,
        local_files_only: bool = False,
    ) -> "Emotion2Vec":
        """Load a checkpoint, a model on the hub, or a baseline by its name.

        Args:
            checkpoint: What `extract_features.py --checkpoint` takes; or, as a string and where no such path exists,
                `user/model` on the hub.
            device: `auto`, `cpu` or `cuda`.
            dtype: `float32`, or `bfloat16` for autocast.
            revision: Of a model on the hub: branch, tag or commit.
            token: The same: access token; by default the one that `hf auth login` stored.
            cache_dir: The same: folder of the cache.
            local_files_only: The same: never use the network.

        Raises:
            CheckpointError: Missing, damaged, unsafe or of another architecture; or the hub cannot give it.
            ConfigError: The device or precision is not available; or the token cannot be one.
        """
        name = os.path.expanduser(checkpoint)  # noqa: PTH111 - a Path would lose the dot of `./runs/base`
        # for the same reason a Path is never an id
        if isinstance(checkpoint, Path) or Path(name).exists() or not is_hub_id(name):
            if revision is not None:
                raise ConfigError(
                    f"revision={revision!r} is for models on the hub, but {name!r} is not one"
                )
            upstream = load_upstream(name, device=device, dtype=dtype)
            path = Path(name.removeprefix(UNTRAINED_PREFIX))
            return cls(upstream, path if path.exists() else None)
        options = HubOptions(revision, token, cache_dir, local_files_only)
        folder = fetch_model(name, options)
        upstream = load_upstream(folder, device=device, dtype=dtype)
        # the folder's own name is a commit's
        upstream.name, upstream.identity = name, replace(upstream.identity, path=name)
        return cls(upstream, folder)

    def save_pretrained(
        self,
        folder: Path | str,
        *,
        card: "CardFacts | None" = None,
        weights: str = "all",
        overwrite: bool = False,
    ) -> None:
        """Write a hub folder (safetensors, config.json, model card) that `from_pretrained` reads.

        Args:
            folder: Where to; made when missing.
            card: Licence, training data and results for the model card.
            weights: `all` that the checkpoint holds, or `student`: what features need.
            overwrite: Replace what lies there.

        Raises:
            ExportError: This is no checkpoint of emotion2vec, its file has changed, or the place is taken.
            CheckpointError: The file cannot be read any more.
        """
        from emotion2vec.export.hub import export_hub
        from emotion2vec.export.provenance import read_provenance

        identity = self.upstream.identity
        if self.source is None or identity.sha256 is None or identity.kind == "untrained":
            raise ExportError(
                f"{self.upstream.name} is no checkpoint of emotion2vec, data2vec or data2vec 2.0 from a file: only "
                "such can be saved"
            )
        checkpoint = read_checkpoint(self.source)
        if checkpoint.sha256 != identity.sha256:
            raise ExportError(
                f"{self.source}: has changed since it was loaded; load it again before you save it"
            )
        export_hub(
            checkpoint,
            Path(folder).expanduser(),
            provenance=read_provenance(self.source, checkpoint),
            facts=card,
            weights=weights,
            overwrite=overwrite,
        )

    def push_to_hub(
        self,
        repo_id: str,
        *,
        card: "CardFacts | None" = None,
        weights: str = "all",
        token: str | None = None,
        private: bool | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
    ) -> str:
        """Put the hub folder on the hub, through `huggingface_hub`'s mixin.

        Args:
            repo_id: `user/model`; made when it is missing.
            card: Licence, training data and results for the model card.
            weights: `all` that the checkpoint holds, or `student`: what features need.
            token: Access token; by default the one that `hf auth login` stored.
            private: Make the repository private.
            revision: Branch to commit to.
            commit_message: What the commit says.

        Returns:
            Address of the commit.

        Raises:
            ConfigError: `repo_id` is no id, or the token cannot be one.
            ExportError: See `save_pretrained`.
            CheckpointError: No network, no permission, or huggingface_hub is not installed.
        """
        from emotion2vec.export.card import CardFacts

        facts = replace(card or CardFacts(name=repo_id.rpartition("/")[2]), repo_id=repo_id)
        return push_model(
            lambda folder: self.save_pretrained(folder, card=facts, weights=weights),
            repo_id,
            token=token,
            private=private,
            revision=revision,
            commit_message=commit_message,
        )

    def extract(
        self,
        inputs: Speech | Sequence[Speech],
        *,
        granularity: str = "frame",
        layers: str = "last",
        utterance_from: str = "frames",
        batch_seconds: float | None = None,
    ) -> list[np.ndarray]:
        """Extract features; they depend neither on the batch nor on padding.

        Args:
            inputs: Files, arrays at 16 kHz, or pairs (array, rate in Hz); a single one is a list of one.
            granularity: `frame` or `utterance`.
            layers: `last`, `all`, `last4` or numbers such as `0,12`.
            utterance_from: `frames`, `tokens` or `both`.
            batch_seconds: Padded audio in a batch, at most; by default what suits the device.

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
        lengths = [len(waveform) for waveform in speech]
        for batch in settings.plan(lengths, self.upstream.device.type):
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
    """Read a file or check an array: (S,) at 16 kHz.

    Raises:
        ConfigError: It has another rate, and torchaudio is not there.
    """
    try:
        if isinstance(item, str | Path):
            return check_not_silent(read_audio(item), str(item))
        array, rate = item if isinstance(item, tuple) else (item, SAMPLE_RATE_HZ)
        return check_not_silent(to_speech(array, rate, source=source), source)
    except ImportError as error:
        name = str(item) if isinstance(item, str | Path) else source
        raise ConfigError(
            f"{name}: is not 16 kHz, and bringing it there needs torchaudio, which cannot be imported ({error}); "
            "pip install torchaudio, or give audio at 16 kHz"
        ) from None
