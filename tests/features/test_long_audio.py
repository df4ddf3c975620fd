"""Hours of audio: the statistics and features of the whole, without holding it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from emotion2vec.audio.io import is_silent, read_audio
from emotion2vec.audio.source import AudioFile
from emotion2vec.errors import AudioError
from emotion2vec.features import long_audio
from emotion2vec.features.encode import encode_batch, encode_long
from emotion2vec.features.long_audio import HeldAudio, StoredAudio, examine, to_waveform
from emotion2vec.features.pipeline import extract_manifest, manifest_of_files
from emotion2vec.features.settings import ExtractionSettings, WindowPlan
from emotion2vec.features.store import FeatureStore
from tests.features.fakes import FakeUpstream, random_waveforms

WINDOWS = WindowPlan(longest_s=0.4, core_s=0.32, context_s=0.1)
LONG = ExtractionSettings(window=WINDOWS)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_audio, "_PIECE_SAMPLES", 3000)


def write_noise(path: Path, num_samples: int, rate: int = 16_000, offset: float = 0.0) -> Path:
    (waveform,) = random_waveforms(num_samples)
    samples = (0.1 * waveform + offset).numpy()
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def stored(path: Path, start: int, end: int) -> StoredAudio:
    with AudioFile(path) as file:
        return examine(file, start, end)


@pytest.mark.parametrize("num_samples", [3000, 3001, 9000, 20_011])
def test_statistics_in_pieces_are_those_of_the_whole(num_samples: int) -> None:
    (waveform,) = random_waveforms(num_samples)
    waveform = waveform + 100.0  # an offset far above the signal
    known = HeldAudio(waveform).statistics()
    double = waveform.double()
    assert known.mean == pytest.approx(float(double.mean()), rel=1e-12)
    assert known.variance == pytest.approx(float(double.var(correction=0)), rel=1e-9)
    assert (known.low, known.high) == (float(waveform.min()), float(waveform.max()))


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("format_", ["wav", "flac"])
def test_a_file_read_window_by_window_gives_the_features_of_its_waveform(
    tmp_path: Path, rate: int, format_: str
) -> None:
    path = write_noise(tmp_path / f"a.{format_}", 3 * rate, rate, offset=0.05)
    waveform = read_audio(path)
    whole = encode_batch(FakeUpstream(), [waveform], LONG)[0]
    held = np.concatenate(list(encode_long(FakeUpstream(), waveform, LONG)))
    read = np.concatenate(list(encode_long(FakeUpstream(), stored(path, 0, len(waveform)), LONG)))
    np.testing.assert_allclose(read, held, atol=1e-6)
    np.testing.assert_allclose(read, whole, atol=1e-4)


def test_a_segment_is_counted_from_its_own_start(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "a.wav", 40_000)
    segment = stored(path, 10_007, 31_013)
    waveform = read_audio(path, start_sample=10_007, end_sample=31_013)
    assert len(segment) == len(waveform)
    assert torch.equal(to_waveform(segment), waveform)
    with segment.opened() as read:
        assert torch.equal(read(500, 1700), waveform[500:1700])


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_long_silence_is_refused_by_name(tmp_path: Path, level: float) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(8000, level, dtype=np.float32), 16_000)
    assert is_silent(read_audio(tmp_path / "a.wav"))
    with pytest.raises(AudioError, match=r"a\.wav: is silent \(peak below -72 dB"):
        stored(tmp_path / "a.wav", 0, 8000)


def test_the_pipeline_never_holds_a_long_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = 0
    read = AudioFile.read

    def watched(self: AudioFile, start: int, end: int) -> torch.Tensor:
        nonlocal longest
        longest = max(longest, end - start)
        return read(self, start, end)

    monkeypatch.setattr(AudioFile, "read", watched)
    path = write_noise(tmp_path / "a.wav", 100_000)
    extract_manifest(FakeUpstream(), manifest_of_files([path]), tmp_path / "out", settings=LONG)
    assert longest <= (16 + 2 * 5) * 320 + 80  # the largest window
    assert FeatureStore.open(tmp_path / "out").lengths_N.tolist() == [312]


def test_a_long_file_that_breaks_off_is_skipped_by_name(tmp_path: Path) -> None:
    good, bad = write_noise(tmp_path / "a.flac", 60_000), write_noise(tmp_path / "b.flac", 60_000)
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    manifest = manifest_of_files([good, bad])
    report = extract_manifest(FakeUpstream(), manifest, tmp_path / "out", settings=LONG)
    assert [path for path, _ in report.skipped] == [bad.as_posix()]
