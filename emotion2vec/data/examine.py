"""Decode one utterance and look at its samples.

In: root and row of a manifest. Out: `Examined` for `checks.py`; it runs in a process of its own.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from emotion2vec.audio.io import is_silent
from emotion2vec.audio.shard import describe, file_on_disk
from emotion2vec.audio.source import AudioFile, AudioInfo
from emotion2vec.data.findings import Finding
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import AudioError
from emotion2vec.structs import SAMPLE_RATE_HZ

# full scale of 16-bit audio; a longer stay there than this share of a clip is audible
_FULL_SCALE = 32766 / 32768
_CLIPPED_SHARE = 0.001


@dataclass(frozen=True)
class Examined:
    """What decoding one utterance gave.

    Attributes:
        findings: What is wrong with it.
        num_samples: Its length at 16 kHz; None when it could not be decoded.
        digest: The same for the same samples; None when it could not be decoded.
    """

    findings: tuple[Finding, ...]
    num_samples: int | None = None
    digest: str | None = None


def examine(place: tuple[Path, Utterance]) -> Examined:
    """Decode an utterance.

    Args:
        place: The manifest's root and the row.
    """
    root, utterance = place
    path = root / utterance.path
    finding = partial(Finding, ids=(utterance.id,))
    on_disk = file_on_disk(path)
    if not on_disk.is_file():
        return Examined((finding("missing", f"{on_disk}: does not exist"),))
    try:
        with AudioFile(path) as file:
            info = file.info
            waveform_S = file.read(utterance.start_sample, utterance.end_sample)
    except AudioError as error:
        return Examined((finding("unreadable", str(error)),))
    name = describe(path)
    found = [*_compare(name, info, waveform_S, utterance, finding)]
    found += _listen(name, waveform_S, finding)
    digest = hashlib.blake2b(waveform_S.numpy().data, digest_size=16).hexdigest()
    return Examined(tuple(found), waveform_S.numel(), digest)


def _compare(
    name: str,
    info: AudioInfo,
    waveform_S: Tensor,
    utterance: Utterance,
    finding: Callable[..., Finding],
) -> Iterator[Finding]:
    """Report another format or length than the manifest's."""
    if not info.is_16k_mono:
        text = (
            f"{name}: has {info.sample_rate_hz} Hz and {info.num_channels} channels, but a manifest's audio is "
            f"{SAMPLE_RATE_HZ} Hz mono; prepare the corpus again with --audio-out"
        )
        yield finding("wrong rate", text)
    if waveform_S.numel() != utterance.num_samples:
        text = f"{name}: holds {waveform_S.numel()} samples at 16 kHz, but the manifest says {utterance.num_samples}"
        yield finding("wrong length", text)


def _listen(name: str, waveform_S: Tensor, finding: Callable[..., Finding]) -> Iterator[Finding]:
    """Report silence and clipping."""
    if is_silent(waveform_S):
        yield finding("silent", f"{name}: is silent")
        return
    low, high = waveform_S.aminmax()
    if max(-float(low), float(high)) < _FULL_SCALE:
        return
    clipped = int((waveform_S.abs() >= _FULL_SCALE).sum()) / waveform_S.numel()
    if clipped > _CLIPPED_SHARE:
        yield finding("clipped", f"{name}: {100 * clipped:.1f} % of the samples are clipped")
