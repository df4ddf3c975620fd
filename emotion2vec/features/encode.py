"""Waveforms -> features: normalise, pad, encode, pick layers, pool.

In: waveforms (S,) of any lengths and an `Upstream`. Out: arrays for `store_writer.py` or the Python API. An
utterance's features depend neither on the batch nor on padding; long audio is encoded in overlapping windows.
B utterances, S samples, T frames, U utterance tokens, L layers, D width.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from emotion2vec.audio.io import is_silent, normalise_waveform
from emotion2vec.errors import AudioError, ConfigError
from emotion2vec.features.long_audio import HeldAudio, LongAudio, WaveformStatistics, to_waveform
from emotion2vec.features.settings import ExtractionSettings
from emotion2vec.features.upstreams import SummarisingUpstream, Upstream
from emotion2vec.structs import padding_from_lengths

_AS_IT_IS = WaveformStatistics(mean=0.0, variance=1.0, low=-1.0, high=1.0)


def check_settings(upstream: Upstream, settings: ExtractionSettings) -> None:
    """Check that an upstream can give what is asked.

    Raises:
        ConfigError: It lacks the layers or has no utterance tokens.
    """
    settings.layers.check(upstream.num_states, upstream.name)
    wants_tokens = settings.granularity == "utterance" and settings.utterance_from != "frames"
    if wants_tokens and upstream.num_tokens == 0:
        raise ConfigError(
            f"utterance_from={settings.utterance_from} needs utterance tokens, but {upstream.name} has none; use frames"
        )


def check_not_silent(waveform_S: Tensor, source: str) -> Tensor:
    """Return the waveform (S,) if anything can be heard in it.

    Raises:
        AudioError: It is silent, see `audio.io.is_silent`.
    """
    if is_silent(waveform_S):
        raise AudioError(source, "is silent (peak below -72 dB of full scale)")
    return waveform_S


def check_long_enough(upstream: Upstream, waveform_S: Tensor, source: str) -> Tensor:
    """Return the waveform (S,) if the upstream can make at least one frame of it.

    Raises:
        AudioError: It is too short for this upstream.
    """
    if len(waveform_S) < upstream.grid.min_samples:
        raise AudioError(
            source,
            f"is too short for {upstream.name}: {len(waveform_S)} samples at 16 kHz, at least "
            f"{upstream.grid.min_samples} are needed",
        )
    return waveform_S


def utterance_source(upstream: Upstream, settings: ExtractionSettings) -> str:
    """Say what an utterance's vector is made of, for the store: `frames`, `tokens`, `both` or `functionals`."""
    return "functionals" if isinstance(upstream, SummarisingUpstream) else settings.utterance_from


def encode_batch(
    upstream: Upstream, waveforms: Sequence[Tensor], settings: ExtractionSettings
) -> list[np.ndarray]:
    """Encode utterances of similar length together.

    Args:
        upstream: The model.
        waveforms: Speech at 16 kHz, each (S_i,), at least as long as the upstream needs.
        settings: What to make of it; windows are not used here.

    Returns:
        For each utterance (T_i, D) or (T_i, L, D); with granularity `utterance` T_i is 1.

    Raises:
        AudioError: An utterance is too short for this upstream.
    """
    for number, waveform_S in enumerate(waveforms):
        check_long_enough(upstream, waveform_S, f"utterance {number} of the batch")
    if settings.granularity == "utterance" and isinstance(upstream, SummarisingUpstream):
        return [_summarise(upstream, waveform_S, settings) for waveform_S in waveforms]
    lengths_B = torch.tensor([len(waveform_S) for waveform_S in waveforms])
    waveform_BS = torch.nn.utils.rnn.pad_sequence(
        [_normalise(upstream, waveform_S) for waveform_S in waveforms], batch_first=True
    )
    padded = bool((lengths_B != lengths_B.max()).any())
    padding_BS = padding_from_lengths(lengths_B, waveform_BS.shape[1]) if padded else None
    frames_BT, tokens_BU = _encode(upstream, waveform_BS, padding_BS, settings)
    results = []
    for row, length in enumerate(lengths_B.tolist()):
        frames_T = frames_BT[row, : upstream.grid.num_frames(length)]
        if settings.granularity == "utterance":
            frames_T = _utterance_vector(frames_T.mean(dim=0), tokens_BU[row], settings)[None]
        results.append(frames_T.cpu().numpy())
    return results


def encode_long(
    upstream: Upstream, audio: Tensor | LongAudio, settings: ExtractionSettings
) -> Iterator[np.ndarray]:
    """Encode long audio window by window, so that memory does not grow with its length.

    Args:
        upstream: The model.
        audio: Speech at 16 kHz, (S,), held or on the disk; normalised as a whole.
        settings: What to make of it, and the windows.

    Yields:
        Pieces (T_i, D) or (T_i, L, D) that together have as many rows as the audio has frames; with granularity
        `utterance` one piece of one row. Tokens of the windows are averaged by the frames they contribute.
    """
    if upstream.needs_whole or isinstance(upstream, SummarisingUpstream):
        yield encode_batch(upstream, [to_waveform(audio)], settings)[0]
        return
    long: LongAudio = HeldAudio(audio) if isinstance(audio, Tensor) else audio
    total_frames = upstream.grid.num_frames(len(long))
    frame_sum: Tensor | None = None
    token_sum: Tensor | None = None
    for frames_T, tokens_U in _encode_windows(upstream, long, settings):
        if settings.granularity == "frame":
            yield frames_T.cpu().numpy()
            continue
        window_frames = frames_T.double().sum(0)
        window_tokens = tokens_U.double() * len(frames_T)
        frame_sum = window_frames if frame_sum is None else frame_sum + window_frames
        token_sum = window_tokens if token_sum is None else token_sum + window_tokens
    if frame_sum is not None and token_sum is not None:
        vector = _utterance_vector(frame_sum / total_frames, token_sum / total_frames, settings)
        yield vector[None].float().cpu().numpy()


def _encode_windows(
    upstream: Upstream, audio: LongAudio, settings: ExtractionSettings
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the frames that each window keeps, (T_i, ...), and its tokens, (U, ...)."""
    known = audio.statistics() if upstream.normalises else _AS_IT_IS
    scale = known.scale if upstream.normalises else 1.0
    total_frames = upstream.grid.num_frames(len(audio))
    with audio.opened() as read:
        for seen_start, start, end, seen_end in settings.window.windows(
            total_frames, upstream.grid.rate_hz
        ):
            seen = upstream.grid.samples(seen_start, seen_end)
            window_S = (read(seen.start, min(seen.stop, len(audio))) - known.mean) * scale
            frames_BT, tokens_BU = _encode(upstream, window_S[None], None, settings)
            yield frames_BT[0, start - seen_start : end - seen_start], tokens_BU[0]


def _normalise(upstream: Upstream, waveform_S: Tensor) -> Tensor:
    """Normalise one utterance (S,) over its own samples, before any padding."""
    return normalise_waveform(waveform_S) if upstream.normalises else waveform_S


def _encode(
    upstream: Upstream, waveform_BS: Tensor, padding_BS: Tensor | None, settings: ExtractionSettings
) -> tuple[Tensor, Tensor]:
    """Encode and pick layers: frames (B, T, D) or (B, T, L, D), and tokens likewise with U in place of T."""
    padding = None if padding_BS is None else padding_BS.to(upstream.device)
    states = upstream.encode(waveform_BS.to(upstream.device), padding)
    return settings.layers.select(states.layers), settings.layers.select(states.tokens)


def _summarise(
    upstream: SummarisingUpstream, waveform_S: Tensor, settings: ExtractionSettings
) -> np.ndarray:
    """Let the upstream make the utterance's vector itself: (1, D), or (1, L, D) with `all` layers."""
    vector_BTD = upstream.summarise(waveform_S)[None, None]
    vector: np.ndarray = settings.layers.select((vector_BTD,))[0].numpy()
    return vector


def _utterance_vector(mean_D: Tensor, tokens_U: Tensor, settings: ExtractionSettings) -> Tensor:
    """Make an utterance's vector of its mean frame (D,) or (L, D) and its tokens (U, D) or (U, L, D)."""
    if settings.utterance_from == "frames":
        return mean_D
    tokens_D = tokens_U.mean(dim=0)
    if settings.utterance_from == "tokens":
        return tokens_D
    return torch.cat([mean_D, tokens_D], dim=-1)
