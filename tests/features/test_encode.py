"""Waveforms to features: independent of the batch, joined at window borders."""

import numpy as np
import pytest
import torch

from emotion2vec.errors import AudioError, ConfigError
from emotion2vec.features.baselines.spectral import LogMelUpstream
from emotion2vec.features.encode import check_not_silent, check_settings, encode_batch, encode_long
from emotion2vec.features.encoder_upstream import EncoderUpstream
from emotion2vec.features.frames import FrameGrid
from emotion2vec.features.settings import ExtractionSettings, LayerSelection, WindowPlan
from emotion2vec.features.store import CheckpointIdentity
from emotion2vec.model.factory import build_encoder
from emotion2vec.structs import num_frames, padding_from_lengths
from tests.features.fakes import FakeUpstream, random_waveforms
from tests.model.builders import tiny_config

WINDOWS = WindowPlan(longest_s=0.4, core_s=0.32, context_s=0.1)  # 20, 16 and 5 frames


def tiny_upstream(dtype: str = "float32") -> EncoderUpstream:
    torch.manual_seed(0)
    config = tiny_config()
    return EncoderUpstream(
        build_encoder(config),
        name="tiny",
        identity=CheckpointIdentity("tiny.pt", "0" * 64, "test"),
        num_states=config.num_layers + 1,
        num_tokens=config.num_utterance_tokens,
        device=torch.device("cpu"),
        dtype=dtype,
    )


@pytest.mark.parametrize("granularity", ["frame", "utterance"])
@pytest.mark.parametrize("layers", ["last", "all", "0,2"])
def test_features_of_our_encoder_do_not_depend_on_the_batch(granularity: str, layers: str) -> None:
    settings = ExtractionSettings(granularity, LayerSelection(layers), "both")
    waveforms = random_waveforms(6000, 400, 9000, 3333)
    together = encode_batch(tiny_upstream(), waveforms, settings)
    for waveform, features in zip(waveforms, together, strict=True):
        alone = encode_batch(tiny_upstream(), [waveform], settings)[0]
        np.testing.assert_allclose(features, alone, atol=1e-5)


def test_features_do_not_depend_on_loudness_or_offset() -> None:
    settings = ExtractionSettings()
    (waveform,) = random_waveforms(5000)
    plain = encode_batch(tiny_upstream(), [waveform], settings)[0]
    moved = encode_batch(tiny_upstream(), [0.5 * waveform + 0.1], settings)[0]
    np.testing.assert_allclose(plain, moved, atol=1e-3)


def test_bfloat16_stays_near_float32() -> None:
    waveforms = random_waveforms(6000)
    exact = encode_batch(tiny_upstream(), waveforms, ExtractionSettings())[0]
    narrow = encode_batch(tiny_upstream("bfloat16"), waveforms, ExtractionSettings())[0]
    assert narrow.dtype == np.float32
    assert 0 < np.abs(exact - narrow).max() < 0.2


@pytest.mark.parametrize("num_samples", [6800, 6801, 7119, 7120, 16000, 20000])
def test_windows_join_to_the_frames_of_one_piece(num_samples: int) -> None:
    # the upstream sees 5 frames to either side: as far as the windows' context
    upstream = FakeUpstream(spread=5)
    (waveform,) = random_waveforms(num_samples)
    settings = ExtractionSettings(window=WINDOWS)
    whole = encode_batch(upstream, [waveform], settings)[0]
    joined = np.concatenate(list(encode_long(upstream, waveform, settings)))
    assert len(joined) == num_frames(num_samples)
    np.testing.assert_allclose(joined, whole, atol=2e-4)


def test_windows_bound_what_the_model_sees_at_a_time() -> None:
    upstream = FakeUpstream()
    (waveform,) = random_waveforms(200_000)
    list(encode_long(upstream, waveform, ExtractionSettings(window=WINDOWS)))
    assert upstream.longest <= (16 + 2 * 5) * 320 + 80


@pytest.mark.parametrize("source", ["frames", "tokens", "both"])
def test_long_audio_gives_the_utterance_vector_of_its_frames(source: str) -> None:
    upstream = FakeUpstream()
    (waveform,) = random_waveforms(16_000)
    settings = ExtractionSettings("utterance", utterance_from=source, window=WINDOWS)
    whole = encode_batch(upstream, [waveform], settings)[0]
    (joined,) = encode_long(upstream, waveform, settings)
    assert joined.shape == whole.shape == (1, 4 if source == "both" else 2)
    # tokens see the context as well, so they are near, not equal
    np.testing.assert_allclose(joined, whole, atol=1e-4 if source == "frames" else 0.5)


def test_utterance_vector_is_the_mean_of_the_frames() -> None:
    waveforms = random_waveforms(4000, 7000)
    frames = encode_batch(FakeUpstream(), waveforms, ExtractionSettings())
    vectors = encode_batch(FakeUpstream(), waveforms, ExtractionSettings("utterance"))
    for frame, vector in zip(frames, vectors, strict=True):
        np.testing.assert_allclose(vector[0], frame.mean(0), atol=1e-6)


def test_tokens_are_refused_where_there_are_none() -> None:
    with pytest.raises(ConfigError, match="needs utterance tokens, but logmel has none"):
        check_settings(
            LogMelUpstream(device=torch.device("cpu")),
            ExtractionSettings("utterance", utterance_from="tokens"),
        )


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silence_is_refused_by_name(level: float) -> None:
    with pytest.raises(AudioError, match=r"a\.wav: is silent"):
        check_not_silent(torch.full((800,), level), "a.wav")


def test_the_dither_of_an_empty_recording_is_silence_here_as_in_the_check() -> None:
    dither = torch.randint(-2, 3, (800,), generator=torch.Generator().manual_seed(0)) / 2**15
    with pytest.raises(AudioError, match=r"a\.wav: is silent"):
        check_not_silent(dither, "a.wav")
    check_not_silent(100 * dither, "a.wav")


def test_a_clip_shorter_than_the_upstream_needs_is_refused_with_both_lengths() -> None:
    upstream = FakeUpstream()
    upstream.grid = FrameGrid(465, 160, 465)
    with pytest.raises(
        AudioError,
        match="utterance 1 of the batch: is too short for fake: 464 samples.*at least 465",
    ):
        encode_batch(upstream, random_waveforms(465, 464), ExtractionSettings())


class WholeUpstream(FakeUpstream):
    """Wants whole recordings, and has a vector of its own for them: their first three samples."""

    needs_whole = True

    def summarise(self, waveform_S: torch.Tensor) -> torch.Tensor:
        return waveform_S[:3]


def test_an_upstream_that_needs_whole_recordings_is_given_no_windows() -> None:
    upstream = WholeUpstream()
    (waveform,) = random_waveforms(16_000)
    (joined,) = encode_long(upstream, waveform, ExtractionSettings(window=WINDOWS))
    assert upstream.longest == 16_000
    assert len(joined) == num_frames(16_000)


@pytest.mark.parametrize(("layers", "shape"), [("last", (1, 3)), ("all", (1, 1, 3))])
def test_an_upstream_may_make_the_utterances_vector_itself(layers: str, shape: tuple) -> None:
    waveforms = random_waveforms(4000, 7000)
    settings = ExtractionSettings("utterance", LayerSelection(layers), window=WINDOWS)
    vectors = encode_batch(WholeUpstream(num_states=1), waveforms, settings)
    for waveform, vector in zip(waveforms, vectors, strict=True):
        assert vector.shape == shape
        assert vector.ravel().tolist() == waveform[:3].tolist()
    (long,) = encode_long(WholeUpstream(num_states=1), waveforms[1], settings)
    np.testing.assert_array_equal(long, vectors[1])


@pytest.mark.parametrize("tile_frames", [1, 7, 128])
def test_the_feature_extractor_in_tiles_gives_the_features_of_whole_clips(tile_frames: int) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(tiny_config()).double().eval()
    lengths = (6000, 400, 9000, 3333)
    waveform_BS = torch.nn.utils.rnn.pad_sequence(random_waveforms(*lengths), batch_first=True)
    padding_BS = padding_from_lengths(torch.tensor(lengths), waveform_BS.shape[1])
    for padding in (None, padding_BS):
        whole = encoder.extract(waveform_BS.double(), padding)
        tiled = encoder.extract(waveform_BS.double(), padding, tile_frames=tile_frames)
        for row, length in enumerate(lengths):
            frames = num_frames(length)
            for one, other in zip(whole.layers, tiled.layers, strict=True):
                torch.testing.assert_close(one[row, :frames], other[row, :frames])


def test_features_in_bfloat16_point_where_those_in_float32_do() -> None:
    waveforms = random_waveforms(16_000, 9000)
    exact = encode_batch(tiny_upstream(), waveforms, ExtractionSettings())
    narrow = encode_batch(tiny_upstream("bfloat16"), waveforms, ExtractionSettings())
    for one, other in zip(exact, narrow, strict=True):
        cosine = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
        assert cosine.min() >= 0.999
