"""Reading rows of a store: layers, utterances, averages, against plain indexing."""

from pathlib import Path

import numpy as np
import pytest

from emotion2vec.errors import FeatureStoreError
from emotion2vec.features import rows as module
from emotion2vec.features.rows import StoredRows

LENGTHS = np.array([2, 1, 3, 1, 4, 2])
IDS = [f"u{number}" for number in range(6)]
ORDERS = [np.arange(6), np.array([4, 1, 2, 0]), np.array([5, 5, 3])]


def stored(num_layers: int = 6, *, layers: str = "all") -> StoredRows:
    shape = (int(LENGTHS.sum()), num_layers, 3) if num_layers else (int(LENGTHS.sum()), 3)
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return StoredRows(Path("all.npy"), values, LENGTHS, IDS, layers)


def parts(rows: np.ndarray, positions: np.ndarray) -> list[np.ndarray]:
    every = np.split(rows, np.cumsum(LENGTHS)[:-1])
    return [every[position] for position in positions]


EXPECTED = {
    "last": lambda rows: rows[:, -1],
    "mean": lambda rows: rows.mean(1),
    "last4": lambda rows: rows[:, -4:].mean(1),
    "weighted": lambda rows: rows,
    "2": lambda rows: rows[:, 2],
}


@pytest.mark.parametrize("values", [1, 20, 10_000])
@pytest.mark.parametrize("positions", ORDERS, ids=str)
@pytest.mark.parametrize("layer", EXPECTED)
def test_rows_are_those_of_plain_indexing(
    monkeypatch: pytest.MonkeyPatch, layer: str, positions: np.ndarray, values: int
) -> None:
    monkeypatch.setattr(module, "_PIECE_VALUES", values)
    store = stored()
    chosen = parts(EXPECTED[layer](store.rows), positions)
    found = store.read(layer, positions, average=False)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.concatenate(chosen), rtol=1e-6)
    means = store.read(layer, positions, average=True)
    np.testing.assert_allclose(means, np.stack([part.mean(0) for part in chosen]), rtol=1e-5)


@pytest.mark.parametrize("layer", ["last4", "0"])
def test_the_mean_of_the_last_four_can_be_stored_as_one_layer(layer: str) -> None:
    store = stored(0, layers="last4")
    found = store.read(layer, np.arange(6), average=False)
    assert np.array_equal(found, store.rows)


@pytest.mark.parametrize(
    ("layers", "num_layers", "layer", "hint"),
    [
        ("last4", 0, "last", "say layer=last4"),
        ("last4", 0, "mean", "say layer=last4"),
        ("3", 0, "last", "say layer=0"),
        ("0,4,8,12", 4, "last", "say layer=0"),
        ("0,4,8,12", 4, "last4", "say layer=0"),
        ("0,4,8,12", 4, "mean", "say layer=0"),
    ],
)
def test_no_layer_goes_under_the_name_of_another(
    layers: str, num_layers: int, layer: str, hint: str
) -> None:
    store = stored(num_layers, layers=layers)
    message = f"layer={layer} is wanted, but the store was extracted with --layers {layers}; {hint}"
    with pytest.raises(FeatureStoreError, match=message):
        store.read(layer, np.arange(6), average=False)
    assert len(store.read("0", np.arange(6), average=False)) == LENGTHS.sum()


@pytest.mark.parametrize(
    ("num_layers", "layer", "message"),
    [
        (
            0,
            "last4",
            r"last four layers is wanted, but the store has 1 \(layers last\).*--layers last4",
        ),
        (3, "last4", "the store has 3"),
        (0, "weighted", r"a weighted sum needs several layers.*--layers all"),
        (3, "3", "layer 3 is not there, the store has the positions 0 to 2"),
        (0, "1", "layer 1 is not there, the store has the positions 0 to 0"),
        (0, "mean", r"the mean of all layers is wanted, but the store has one.*--layers all"),
    ],
)
def test_a_layer_that_is_not_there_is_explained(num_layers: int, layer: str, message: str) -> None:
    with pytest.raises(FeatureStoreError, match=message):
        stored(num_layers, layers="last").read(layer, np.arange(6), average=False)


@pytest.mark.parametrize("average", [False, True])
def test_values_that_are_not_finite_are_counted_over_all_pieces(
    monkeypatch: pytest.MonkeyPatch, average: bool
) -> None:
    monkeypatch.setattr(module, "_PIECE_VALUES", 1)
    store = stored()
    store.rows[4, -1, 0], store.rows[9, -1, 1] = np.nan, np.inf
    with pytest.raises(FeatureStoreError, match="2 of 13 rows hold NaN or infinity.*'u2'"):
        store.read("last", np.arange(6), average=average)
    store.read("0", np.arange(6), average=average)  # only what is read is judged


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_reading_a_mapped_file_takes_the_memory_of_the_result_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resident() -> int:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("RssFile:"))

    lengths = np.full(64, 1000)
    values = np.ones((64_000, 128), dtype=np.float32)  # 31 MiB
    np.save(tmp_path / "all.npy", values)
    mapped = np.load(tmp_path / "all.npy", mmap_mode="r")
    store = StoredRows(tmp_path / "all.npy", mapped, lengths, [f"u{n}" for n in range(64)], "last")
    monkeypatch.setattr(module, "_PIECE_VALUES", 1_000_000)
    before = resident()
    found = store.read("last", np.arange(64)[::-1], average=False)
    assert np.array_equal(found, values)
    assert resident() - before < 8_000, "KiB of the file that are still mapped"
