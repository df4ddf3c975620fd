"""Loads what a protocol's heads see: one or several layers of frames, and with them a vector of each utterance.

In: `FeatureStore`s and the chosen utterances. Out: `PackedFeatures` for `trainer.py`. N utterances, F frames, L layers,
D width, U width of an utterance's own vector. Paper: Section 4.3; Table 7 (last four layers); Table 9 (Utt + Frm).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotion2vec.errors import FeatureStoreError, ProtocolError
from emotion2vec.features.store import FeatureStore
from emotion2vec.features.upstreams import resolve_device
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.packed import PackedFeatures
from emotion2vec.probe.protocol import EvaluationSet


@dataclass(frozen=True)
class Inputs:
    """What the heads see and where it comes from.

    Attributes:
        features: Features of the chosen utterances.
        utterance_header: Description of the second store; None where there is none.
    """

    features: PackedFeatures
    utterance_header: dict[str, Any] | None


def load_inputs(store: FeatureStore, chosen: EvaluationSet, config: ProbeConfig) -> Inputs:
    """Load the chosen utterances into memory.

    Args:
        store: The features.
        chosen: The utterances.
        config: `layer`, `head`, `utterance_features`, `precision`, `device`.

    Raises:
        ConfigError: A device that is not there.
        FeatureStoreError: Features that are damaged, not finite, without the layer, or larger than the memory.
        ProtocolError: The second store is not of these utterances.
    """
    device = resolve_device(config.device)
    average = config.head == "superb"  # see `SuperbHead`
    lengths_N = store.lengths_N[chosen.positions]
    _check_memory(store, int(lengths_N.sum()), average=average, config=config)
    own, header = _load_own_vectors(chosen, config)
    rows = torch.from_numpy(store.load(config.layer, chosen.positions, average=average))
    dtype = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    # what is to be scaled stays float32 until it is: see `PackedFeatures.gather`
    frames = rows.to(device, torch.float32 if config.standardise else dtype)
    features = PackedFeatures(
        frames=frames,
        lengths_N=torch.ones(len(lengths_N), dtype=torch.int64)
        if average
        else torch.from_numpy(lengths_N),
        labels_N=torch.from_numpy(chosen.label_index_N),
        num_labels=len(chosen.label_names),
        utterances_NU=None if own is None else own.to(device),
        dtype=dtype,
    )
    return Inputs(features, header)


def check_corpus(config: ProbeConfig, store: FeatureStore) -> None:
    """Refuse to file the features of one corpus under the name of another."""
    found = store.header.get("corpus")
    if config.corpus and found and config.corpus != found:
        raise ProtocolError(
            f"{config.protocol} is a protocol of {config.corpus}, but the features in {store.paths.directory} are of "
            f"{found}; use a protocol of that corpus or folder_5fold, or say corpus=null to keep their own name"
        )


def _load_own_vectors(
    chosen: EvaluationSet, config: ProbeConfig
) -> tuple[torch.Tensor | None, dict[str, Any] | None]:
    """Load each utterance's own vector from the second store, (N, U)."""
    if not config.utterance_features:
        return None, None
    store = FeatureStore.open(config.utterance_features, config.split)
    check_corpus(config, store)
    if int(store.lengths_N.max()) > 1:
        raise ProtocolError(
            f"{store.paths.npy}: utterance_features has several rows an utterance (granularity "
            f"{store.header.get('granularity')}); extract with --granularity utterance"
        )
    place = {name: index for index, name in enumerate(store.ids)}
    missing = [name for name in chosen.rows.ids if name not in place]
    if missing:
        raise ProtocolError(
            f"{store.paths.npy}: lacks {len(missing)} of the {len(chosen.rows.ids)} utterances of {config.features}, "
            f"e.g. {missing[:3]}; extract both from one manifest"
        )
    positions = np.array([place[name] for name in chosen.rows.ids], dtype=np.int64)
    # of a store of one layer that one, whichever it is
    layer = "last" if store.rows().ndim == 3 else "0"
    return torch.from_numpy(store.load(layer, positions)), store.header


def _check_memory(
    store: FeatureStore, num_frames: int, *, average: bool, config: ProbeConfig
) -> None:
    """Say so before the machine runs out of memory; counts float32."""
    shape = store.rows().shape[1:]
    values = num_frames * shape[-1]
    if config.layer == "weighted":
        values *= shape[0] if len(shape) == 2 else 1
    free = _available_bytes()
    if not average and free is not None and 4 * values > free:
        raise FeatureStoreError(
            f"{store.paths.npy}: {num_frames} frames with layer={config.layer} take {4 * values / 1e9:.1f} GB, but "
            f"{free / 1e9:.1f} GB are free; choose one layer, head=superb (averages first), or --granularity utterance"
        )


def _available_bytes() -> int | None:
    """Return the memory that can still be taken; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return found[0] if found else None
