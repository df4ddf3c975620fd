"""The length of a run and its learning rate follow from the data."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from emotion2vec.errors import ConfigError
from tests.helpers.wav import make_manifest_folder

pytestmark = pytest.mark.fairseq


def _settings(data: Path, **changes: object) -> SimpleNamespace:
    values = {
        "data": str(data), "train_subset": "all", "min_sample_size": 8000, "max_sample_size": 32000,
        "length_multiple": 1,
        "max_tokens": 64000, "batch_size": None, "seed": 1, "max_epoch": 3, "max_update": 0,
        "num_devices": 1, "update_freq": [1],
    }  # fmt: skip
    return SimpleNamespace(**{**values, **changes})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # 13 utterances of one second, four to a batch of 64,000 samples: 4 batches
    return make_manifest_folder(tmp_path_factory.mktemp("data"), num_utts=13, seconds=1.0)


@pytest.mark.parametrize(
    ("changes", "updates"),
    [
        ({}, 12),
        ({"update_freq": [4]}, 3),
        ({"update_freq": [3]}, 6),
        ({"num_devices": 2, "update_freq": [2]}, 3),
        ({"num_devices": 3}, 6),
        ({"update_freq": [1, 2]}, 4 + 2 + 2),
        ({"max_update": 7}, 7),
        ({"length_multiple": 10000}, 9),  # six of 10,000 samples to a batch
    ],
)
def test_updates_are_counted_from_the_data(
    changes: dict[str, object], updates: int, data: Path
) -> None:
    from emotion2vec.fairseq_plugin.schedule import count_updates

    assert count_updates(_settings(data, **changes)) == updates


def test_run_without_an_end_is_refused(data: Path) -> None:
    from emotion2vec.fairseq_plugin.schedule import count_updates

    with pytest.raises(ConfigError, match="max_epoch and max_update are both 0"):
        count_updates(_settings(data, max_epoch=0))


def test_learning_rate_rises_to_its_peak_and_falls_to_its_end() -> None:
    from emotion2vec.fairseq_plugin.schedule import learning_rate

    shape = {"peak": 1.0, "final": 0.1, "warmup_updates": 5, "total_updates": 100}
    rates = [learning_rate(update, **shape) for update in range(1, 101)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[4:]))
    assert rates[5] == pytest.approx(1.0)
    assert 0.1 < rates[-1] < 0.102


@pytest.mark.parametrize("total", [1, 2])
def test_learning_rate_of_the_shortest_runs_is_positive(total: int) -> None:
    from emotion2vec.fairseq_plugin.schedule import learning_rate

    for warmup in range(total + 1):
        shape = {"peak": 1.0, "final": 0.0, "warmup_updates": warmup, "total_updates": total}
        assert all(learning_rate(update, **shape) > 0 for update in range(1, total + 1))
