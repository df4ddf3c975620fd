"""eGeMAPS: what openSMILE says when it is called directly."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion2vec.cli.main import main
from emotion2vec.errors import ConfigError
from emotion2vec.features.encode import encode_batch, encode_long
from emotion2vec.features.settings import ExtractionSettings, WindowPlan
from emotion2vec.features.upstreams import load_upstream
from tests.helpers.wav import speech_like, write_wav

opensmile = pytest.importorskip("opensmile")


def smile(level: str, samples: np.ndarray) -> np.ndarray:
    """Run openSMILE's eGeMAPSv02, (S,) -> (T, D)."""
    extractor = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=getattr(opensmile.FeatureLevel, level),
    )
    return extractor.process_signal(samples, 16_000).to_numpy()


def test_frames_are_the_low_level_descriptors_whatever_is_in_the_batch() -> None:
    speech = [speech_like(seconds=seconds, seed=7) for seconds in (0.7, 0.06, 1.3)]
    upstream = load_upstream("egemaps")
    waveforms = [torch.from_numpy(samples) for samples in speech]
    together = encode_batch(upstream, waveforms, ExtractionSettings())
    for samples, features in zip(speech, together, strict=True):
        expected = smile("LowLevelDescriptors", samples)
        assert features.shape == (upstream.grid.num_frames(len(samples)), 25)
        np.testing.assert_array_equal(features, expected.astype(np.float32))


@pytest.mark.parametrize("num_samples", [960, 1119, 1120, 15_999, 16_000])
def test_frames_are_as_many_as_the_grid_says(num_samples: int) -> None:
    samples = speech_like(seconds=1, seed=0)[:num_samples]
    expected = load_upstream("egemaps").grid.num_frames(num_samples)
    assert len(smile("LowLevelDescriptors", samples)) == expected


@pytest.mark.filterwarnings("ignore:Segment too short")
def test_opensmile_says_nothing_of_audio_shorter_than_the_grid_allows() -> None:
    samples = speech_like(seconds=1, seed=0)[:959]
    assert load_upstream("egemaps").grid.min_samples == 960
    assert np.isnan(smile("LowLevelDescriptors", samples)).all()


@pytest.mark.parametrize("longest_s", [60.0, 0.5])
def test_an_utterance_is_its_88_functionals_however_long(longest_s: float) -> None:
    samples = speech_like(seconds=1.4, seed=3)
    settings = ExtractionSettings("utterance", window=WindowPlan(longest_s, 0.4, 0.1))
    encode = encode_batch if longest_s > 1.4 else lambda u, w, s: list(encode_long(u, w[0], s))
    (vector,) = encode(load_upstream("egemaps"), [torch.from_numpy(samples)], settings)
    assert vector.shape == (1, 88)
    np.testing.assert_array_equal(vector, smile("Functionals", samples).astype(np.float32))


def test_the_store_says_that_vectors_are_functionals_and_short_clips_are_skipped(
    tmp_path: Path,
) -> None:
    write_wav(tmp_path / "a.wav", seconds=1.0)
    write_wav(tmp_path / "short.wav", seconds=0.05)
    files = [str(tmp_path / name) for name in ("a.wav", "short.wav")]
    out = tmp_path / "out"
    options = ["--granularity", "utterance", "--out", str(out)]
    assert main(["extract", "--checkpoint", "egemaps", "--audio", *files, *options]) == 1
    header = json.loads((out / "all.json").read_text())
    assert header["utterance_from"] == "functionals"
    assert header["frame_rate_hz"] == 100.0
    assert header["dim"] == 88
    reason = "is too short for egemaps: 800 samples at 16 kHz, at least 960 are needed"
    assert reason in header["skipped"][0]["reason"]
    assert np.load(out / "all.npy").shape == (1, 88)


def test_without_the_package_one_sentence_names_the_extra_and_its_licence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(
        ConfigError,
        match=r"needs the package opensmile \(free for research.*emotion2vec\[egemaps\]",
    ):
        load_upstream("egemaps")
