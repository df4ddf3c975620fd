"""The benchmarks of extraction, in miniature."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.extraction import compare, main, make_clips, operations
from benchmarks.long_audio import main as measure_long_audio
from benchmarks.long_audio import make_file
from emotion2vec.model.config import ModelConfig

NEEDS_FUNASR = pytest.mark.skipif(
    importlib.util.find_spec("funasr") is None,
    reason="FunASR is not installed: pip install 'emotion2vec[funasr]'",
)


def test_clips_are_the_same_for_the_same_arguments_and_within_the_range(tmp_path: Path) -> None:
    first, second = (make_clips(tmp_path / name, 5, 0.1, 0.4) for name in ("a", "b"))
    for one, other in zip(first, second, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()
        assert 0.1 <= soundfile.info(one).duration <= 0.4


def test_features_are_compared_by_the_worst_row() -> None:
    ours = [np.array([[1.0, 0.0], [0.0, 2.0]])]
    theirs = [np.array([[1.0, 0.0], [1.5, 2.0]])]
    assert compare(ours, theirs) == [1.5, pytest.approx(0.8)]


def test_features_of_another_shape_end_the_benchmark() -> None:
    with pytest.raises(SystemExit, match=r"our features have the shape \(2, 3\), theirs \(1, 3\)"):
        compare([np.ones((2, 3))], [np.ones((1, 3))])


def test_operations_of_the_base_model_are_those_of_its_parts() -> None:
    # 12 x 7.08 M weights of the layers, seven convolutions at their rates, five grouped ones, per frame
    layers = 12 * 12 * 768**2
    taps = 3 * (1600 + 800 + 400 + 200) / 50 + 2 * (100 + 50) / 50
    frontend, positions = taps * 512**2 + 512 * 768, 5 * 19 * 768**2 / 16
    assert operations(ModelConfig(), 2.0) == pytest.approx(
        2 * 100 * (layers + frontend + positions)
    )


@NEEDS_FUNASR
@pytest.mark.slow
def test_the_benchmark_runs_and_finds_equal_features(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "result.json"
    main(["--small", "--clips", "4", "--seconds-range", "0.3", "0.6", "--rounds", "2",
          "--threads", "1", "--json", str(result)])  # fmt: skip
    found = json.loads(result.read_text())
    assert set(found["ways"]) == {"ours", "funasr", "loop"}
    assert all(len(way["rounds"]) == 2 for way in found["ways"].values())
    assert set(found["differences"]) == {"funasr", "loop", "funasr, utterance", "loop, utterance"}
    for largest, cosine in found["differences"].values():
        assert largest < 1e-4
        assert cosine > 0.99999
    assert "| authors' loop |" in capsys.readouterr().out


def test_a_long_file_has_exactly_its_length(tmp_path: Path) -> None:
    make_file(tmp_path / "a.flac", 1.3 / 60, 8000)
    assert soundfile.info(tmp_path / "a.flac").frames == (78 * 8000)


@pytest.mark.slow
def test_the_benchmark_of_long_audio_tells_the_peak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "result.json"
    measure_long_audio(
        ["--hours", "0.018", "--base-hours", "--threads", "1", "--json", str(result)]
    )
    (row,) = json.loads(result.read_text())["rows"]
    assert 0.1 < row["peak_anonymous_gib"] <= row["peak_gib"] < 3
    assert row["store_gib"] == pytest.approx((3239 * 768 * 4 + 128) / 2**30)
    assert "peak below 3 GB everywhere: yes" in capsys.readouterr().out
