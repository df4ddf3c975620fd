"""Resampling: exact lengths, tones that stay, and agreement of the two ways."""

import math
import subprocess
import sys

import pytest
import torch

from emotion2vec.audio import resample
from emotion2vec.audio.torchaudio_compat import import_torchaudio


def _tone(rate: int, *, hertz: float, seconds: float = 1.0) -> torch.Tensor:
    time = torch.arange(round(rate * seconds), dtype=torch.float64) / rate
    return torch.sin(2 * math.pi * hertz * time).float()


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 15999])
def test_a_tone_stays_the_same_tone(rate: int) -> None:
    result_S = resample.resample_to_16k(_tone(rate, hertz=440), rate)
    expected_S = _tone(16000, hertz=440)
    torch.testing.assert_close(result_S[500:-500], expected_S[500:-500], atol=4e-3, rtol=0)


def test_a_tone_above_8_khz_is_removed() -> None:
    result_S = resample.resample_to_16k(_tone(48000, hertz=11000), 48000)
    assert result_S[500:-500].abs().max() < 0.01


@pytest.mark.parametrize("rate", [8000, 24000, 44100])
def test_the_direct_way_equals_torchaudios(rate: int) -> None:
    waveform_S = 0.3 * torch.randn(4000, generator=torch.Generator().manual_seed(0))
    length = resample.resampled_length(4000, rate)
    direct_S = resample._resample_any_ratio(waveform_S, rate, length)
    torch.testing.assert_close(
        direct_S, resample.resample_to_16k(waveform_S, rate), atol=2e-5, rtol=0
    )


@pytest.mark.parametrize("num_samples", [1, 440, 441, 442, 9999])
def test_lengths_are_rounded_up(num_samples: int) -> None:
    expected = math.ceil(num_samples * 16000 / 44100)
    assert resample.resampled_length(num_samples, 44100) == expected
    assert resample.resample_to_16k(torch.ones(num_samples), 44100).numel() == expected


def test_torchaudio_is_imported_whatever_its_wheel_was_built_for() -> None:
    program = (
        "from emotion2vec.audio.torchaudio_compat import import_torchaudio\n"
        "torchaudio = import_torchaudio()\n"
        "import torch\n"
        "assert torchaudio.functional.resample(torch.ones(480), 48000, 16000).shape == (160,)\n"
        "assert import_torchaudio() is torchaudio\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_function_that_needs_torchaudios_extension_says_so_only_when_called() -> None:
    from emotion2vec.audio.torchaudio_compat import _fail_if_no_align

    assert import_torchaudio() is not None
    replaced = _fail_if_no_align(_tone)
    with pytest.raises(RuntimeError, match="torchaudio's _tone needs its compiled extension"):
        replaced()
