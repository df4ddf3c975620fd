"""Choice of layers, windows and batches."""

import pytest
import torch

from emotion2vec.errors import ConfigError
from emotion2vec.features.settings import (
    ExtractionSettings,
    LayerSelection,
    WindowPlan,
    plan_batches,
)

STATES = [torch.full((2, 3, 4), float(layer)) for layer in range(6)]


@pytest.mark.parametrize(
    ("name", "shape", "first"),
    [
        ("last", (2, 3, 4), 5.0),
        ("last4", (2, 3, 4), 3.5),
        ("all", (2, 3, 6, 4), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        ("2", (2, 3, 4), 2.0),
        ("4,0", (2, 3, 2, 4), [4.0, 0.0]),
    ],
)
def test_layers_are_picked_and_shaped_as_documented(name: str, shape: tuple, first: object) -> None:
    selected = LayerSelection(name).select(STATES)
    assert selected.shape == shape
    assert selected[0, 0, ..., 0].tolist() == first


@pytest.mark.parametrize("name", ["", "first", "1;2", "-1", "1.5"])
def test_layers_refuse_other_words(name: str) -> None:
    with pytest.raises(ConfigError, match="layers must be 'last', 'all', 'last4' or numbers"):
        LayerSelection(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("3,9", r"layers \[9\] do not exist: m has 0 to 3"),
        ("last4", "needs 4 transformer layers, but m has 3"),
    ],
)
def test_layers_refuse_what_the_model_lacks(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LayerSelection(name).check(4, "m")


def test_settings_list_every_problem() -> None:
    with pytest.raises(ConfigError, match=r"granularity.*utterance_from.*batch_seconds"):
        ExtractionSettings(granularity="word", utterance_from="x", batch_seconds=0)


@pytest.mark.parametrize("total", [1, 99, 100, 101, 250, 300, 1234])
@pytest.mark.parametrize("rate_hz", [50.0, 100.0])
def test_windows_keep_every_frame_once_and_see_the_context(total: int, rate_hz: float) -> None:
    plan = WindowPlan(longest_s=1.0, core_s=100 / rate_hz, context_s=7 / rate_hz)
    kept = []
    for seen_start, start, end, seen_end in plan.windows(total, rate_hz):
        assert seen_start == max(0, start - 7)
        assert seen_end == min(total, end + 7)
        kept += range(start, end)
    assert kept == list(range(total))


@pytest.mark.parametrize("limit", [1, 7, 20, 1000])
def test_batches_hold_every_utterance_once_within_the_limit(limit: int) -> None:
    lengths = [3, 9, 1, 4, 4, 12, 2, 7]
    batches = plan_batches(lengths, limit)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    padded = [
        len(batch) * max(lengths[index] for index in batch) for batch in batches if len(batch) > 1
    ]
    assert all(size <= limit for size in padded)


def test_audio_is_long_from_the_first_sample_beyond_the_limit() -> None:
    assert not WindowPlan(longest_s=2.0).is_long(32_000)
    assert WindowPlan(longest_s=2.0).is_long(32_001)


def test_a_batch_on_a_cpu_holds_little_padding_and_about_20_s() -> None:
    settings = ExtractionSettings()
    second = 16_000
    lengths = [round(second * seconds) for seconds in (1.0, 1.2, 1.3, 7.0, 6.0, 8.0)]
    assert settings.plan(lengths, "cpu") == [[0, 1], [2], [4, 3], [5]]
    assert settings.plan(lengths, "cuda") == [[0, 1, 2, 4, 3, 5]]
    assert len(settings.plan([4 * second] * 11, "cpu")) == 3
    assert ExtractionSettings(batch_seconds=4).plan([2 * second] * 4, "cpu") == [[0, 1], [2, 3]]


@pytest.mark.parametrize("fill", [0.5, 0.8, 1.0])
def test_the_shortest_of_a_batch_is_nearly_as_long_as_the_longest(fill: float) -> None:
    lengths = [3, 9, 1, 4, 4, 12, 2, 7]
    batches = plan_batches(lengths, 1000, least_fill=fill)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        used = [lengths[index] for index in batch]
        assert min(used) >= fill * max(used)
