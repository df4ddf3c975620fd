"""Log-mel energies from their definition; MFCC against torchaudio."""

import math

import numpy as np
import pytest
import torch

from emotion2vec.audio.torchaudio_compat import import_torchaudio
from emotion2vec.features.baselines.spectral import LogMelUpstream, mel_filters
from emotion2vec.features.encode import encode_batch, encode_long
from emotion2vec.features.settings import ExtractionSettings, WindowPlan
from emotion2vec.features.upstreams import load_upstream
from emotion2vec.structs import num_frames
from tests.features.fakes import random_waveforms


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


@pytest.mark.parametrize("num_samples", [400, 559, 560, 16_000])
def test_mfcc_are_those_of_torchaudio_with_their_differences(num_samples: int) -> None:
    import_torchaudio()
    from torchaudio.compliance import kaldi
    from torchaudio.transforms import ComputeDeltas

    upstream = load_upstream("mfcc")
    (waveform,) = random_waveforms(num_samples)
    (layer,) = upstream.encode(waveform[None], None).layers
    static = kaldi.mfcc(waveform[None], num_ceps=13, frame_length=25, frame_shift=10, dither=0)
    first = ComputeDeltas()(static.T)
    second = ComputeDeltas()(first)
    assert layer.shape == (1, upstream.grid.num_frames(num_samples), 39)
    torch.testing.assert_close(layer[0], torch.cat([static.T, first, second]).T)


def test_mfcc_of_an_utterance_do_not_depend_on_the_batch() -> None:
    upstream = load_upstream("mfcc")
    waveforms = random_waveforms(6000, 400, 9000, 3333)
    together = encode_batch(upstream, waveforms, ExtractionSettings())
    for waveform, features in zip(waveforms, together, strict=True):
        alone = encode_batch(upstream, [waveform], ExtractionSettings())[0]
        np.testing.assert_array_equal(features, alone)


def test_windows_at_100_frames_a_second_join_to_the_frames_of_one_piece() -> None:
    upstream = load_upstream("mfcc")
    (waveform,) = random_waveforms(20_000)
    plan = WindowPlan(longest_s=0.4, core_s=0.32, context_s=0.1)
    whole = encode_batch(upstream, [waveform], ExtractionSettings())[0]
    joined = np.concatenate(list(encode_long(upstream, waveform, ExtractionSettings(window=plan))))
    assert len(whole) == 1 + (20_000 - 400) // 160
    np.testing.assert_allclose(joined, whole, atol=1e-4)
