"""Baselines, and the sentences for names that mean nothing."""

import math
from pathlib import Path

import pytest
import torch

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.features.upstreams import (
    LogMelUpstream,
    load_upstream,
    mel_filters,
    resolve_device,
)
from emotion2vec.structs import num_frames
from tests.features.fakes import random_waveforms
from tests.helpers.checkpoints import write_checkpoint


def log_mel_loops(waveform: list[float], frame: int) -> list[float]:
    """Log-mel energies of one frame from the definition: DFT sums, triangles on the mel scale."""
    window = [0.5 - 0.5 * math.cos(2 * math.pi * i / 400) for i in range(400)]
    samples = [waveform[320 * frame + i] * window[i] for i in range(400)]
    power = []
    for k in range(257):
        real = sum(x * math.cos(2 * math.pi * k * i / 512) for i, x in enumerate(samples))
        imaginary = sum(x * math.sin(2 * math.pi * k * i / 512) for i, x in enumerate(samples))
        power.append(real * real + imaginary * imaginary)
    top = 2595 * math.log10(1 + 8000 / 700)
    edges = [700 * (10 ** (top * m / 81 / 2595) - 1) for m in range(82)]
    result = []
    for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
        energy = 0.0
        for k, value in enumerate(power):
            hertz = k * 8000 / 256
            weight = min((hertz - low) / (centre - low), (high - hertz) / (high - centre))
            energy += max(0.0, weight) * value
        result.append((math.log(energy + 1e-6) + 4) / 4)
    return result


def test_logmel_agrees_with_its_definition() -> None:
    upstream = LogMelUpstream(device=torch.device("cpu"))
    (waveform,) = random_waveforms(1100)
    (layer,) = upstream.encode(0.1 * waveform[None], None).layers
    assert layer.shape == (1, num_frames(1100), 80)
    expected = torch.tensor([log_mel_loops((0.1 * waveform).tolist(), frame) for frame in (0, 2)])
    torch.testing.assert_close(layer[0, [0, 2]], expected, atol=1e-3, rtol=1e-4)


def test_every_mel_band_hears_something() -> None:
    assert bool((mel_filters(80, 512).sum(0) > 0).all())


@pytest.mark.parametrize("name", ["no_such.pt", "wavlm_huge", "untrained:no_such.pt"])
def test_an_unknown_checkpoint_is_refused_by_name(name: str) -> None:
    with pytest.raises(
        CheckpointError, match=rf"no checkpoint '{name.removeprefix('untrained:')}'.*logmel"
    ):
        load_upstream(name)


def test_untrained_has_the_architecture_and_other_weights_the_same_each_time(
    tmp_path: Path,
) -> None:
    path = write_checkpoint(tmp_path / "a.pt")
    trained, first, second = (
        load_upstream(name) for name in (path, f"untrained:{path}", f"untrained:{path}")
    )
    (waveform,) = random_waveforms(2000)
    states = [
        upstream.encode(waveform[None], None).layers[-1] for upstream in (trained, first, second)
    ]
    assert torch.equal(states[1], states[2])
    assert not torch.allclose(states[0], states[1])
    assert first.identity.kind == "untrained"
    assert first.name == "untrained (a.pt)"


def test_untrained_leaves_the_random_numbers_of_the_program_alone(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_upstream(path)
    assert torch.equal(torch.rand(1), expected)


def test_device_words_are_checked() -> None:
    with pytest.raises(ConfigError, match="device must be auto, cpu or cuda, but is 'tpu'"):
        resolve_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConfigError, match="finds no CUDA device"):
        resolve_device("cuda")


def test_a_folder_called_like_a_baseline_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logmel").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_upstream("logmel").name == "logmel"


def test_logmel_refuses_bfloat16() -> None:
    with pytest.raises(ConfigError, match="float32 only"):
        load_upstream("logmel", dtype="bfloat16")
