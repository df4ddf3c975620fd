"""Reading a store: what it holds, and a sentence for each way it can be broken."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.errors import FeatureStoreError
from emotion2vec.features.pipeline import extract_manifest
from emotion2vec.features.settings import ExtractionSettings, LayerSelection
from emotion2vec.features.store import FeatureStore
from tests.features.fakes import FakeUpstream, make_manifest


@pytest.fixture
def store_dir(tmp_path: Path) -> Path:
    manifest = make_manifest(tmp_path)
    card = {"name": "toy", "synthetic": True}
    extract_manifest(
        FakeUpstream(), manifest, tmp_path / "out", settings=ExtractionSettings(), card=card
    )
    return tmp_path / "out"


def test_a_store_tells_where_it_comes_from(store_dir: Path) -> None:
    store = FeatureStore.open(store_dir)
    assert store.rows().dtype == np.float32
    assert store.labels[:2] == ("angry", "happy")
    assert store.speakers[:5] == ("s1", "s1", "s1", "s1", "s2")
    expected = {
        "corpus": "toy",
        "synthetic": True,
        "name": "fake",
        "layers": "last",
        "dim": 2,
        "num_layers": 1,
    }
    assert expected.items() <= store.header.items()
    assert store.header["checkpoint"]["sha256"] == "0" * 64


def _rewrite(name: str, change: Callable[[str], str]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(change((folder / name).read_text()))


def _cut_npy(folder: Path) -> None:
    content = (folder / "all.npy").read_bytes()
    (folder / "all.npy").write_bytes(content[: len(content) // 2])


BREAKAGES = {
    "no such folder": (
        lambda folder: folder.rename(folder.with_name("moved")),
        "no feature store .*no such folder",
    ),
    "no json": (lambda folder: (folder / "all.json").unlink(), "holds no feature store"),
    "no npy": (
        lambda folder: (folder / "all.npy").write_bytes(b""),
        "all.npy: is damaged or cut short",
    ),
    "cut npy": (_cut_npy, "all.npy: is damaged or cut short"),
    "no lengths": (lambda folder: (folder / "all.lengths").unlink(), "all.lengths: is missing"),
    "wrong lengths": (
        _rewrite("all.lengths", lambda text: text.replace("24", "25", 1)),
        r"up to 172 rows.*\(171, 2\)",
    ),
    "fewer lengths": (
        _rewrite("all.lengths", lambda text: text.split("\n", 1)[1]),
        "8 lines, but all.json has 9 ids",
    ),
    "text in lengths": (
        _rewrite("all.lengths", lambda text: "x\n" + text),
        r"one number > 0 a line.*\['x'\]",
    ),
    "another emo": (
        _rewrite("all.emo", lambda text: text.replace("utt003", "utt999")),
        "not the 9 ids of all.json",
    ),
    "no JSON in json": (_rewrite("all.json", lambda text: text[:40]), "all.json: not valid JSON"),
    "other json": (_rewrite("all.json", lambda text: "[]"), "not a feature store's description"),
    "other version": (
        _rewrite("all.json", lambda text: json.dumps({**json.loads(text), "schema_version": 9})),
        "schema_version is 9, but this version reads 1",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_store_is_explained(store_dir: Path, name: str) -> None:
    breakage, message = BREAKAGES[name]
    breakage(store_dir)
    with pytest.raises(FeatureStoreError, match=message):
        FeatureStore.open(store_dir)


def test_nan_names_the_utterance(store_dir: Path) -> None:
    rows = np.load(store_dir / "all.npy")
    rows[40] = np.nan
    np.save(store_dir / "all.npy", rows)
    with pytest.raises(FeatureStoreError, match=r"1 of 171 rows hold NaN.*utterance 'utt002'"):
        FeatureStore.open(store_dir).load()


def test_an_unfinished_store_says_how_to_finish_it(store_dir: Path) -> None:
    for path in store_dir.iterdir():
        path.unlink()
    (store_dir / "all.partial.jsonl").write_text("{}\n")
    with pytest.raises(FeatureStoreError, match=r"extraction of \['all'\] has not finished"):
        FeatureStore.open(store_dir)


def test_several_splits_must_be_chosen_from(store_dir: Path) -> None:
    for suffix in (".npy", ".lengths", ".emo", ".json"):
        (store_dir / f"all{suffix}").rename(store_dir / f"train{suffix}")
        (store_dir / f"test{suffix}").write_bytes((store_dir / f"train{suffix}").read_bytes())
    with pytest.raises(FeatureStoreError, match=r"holds the splits \['test', 'train'\]"):
        FeatureStore.open(store_dir)
    assert len(FeatureStore.open(store_dir, "train").ids) == 9


def test_a_layer_of_a_store_with_several_is_picked(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    settings = ExtractionSettings(layers=LayerSelection("all"))
    extract_manifest(FakeUpstream(), manifest, tmp_path / "out", settings=settings)
    store = FeatureStore.open(tmp_path / "out")
    rows = store.rows()
    assert store.header["num_layers"] == 5
    np.testing.assert_array_equal(store.load("last"), rows[:, 4])
    np.testing.assert_array_equal(store.load("1"), rows[:, 1])
    np.testing.assert_allclose(store.load("mean"), rows.mean(1), rtol=1e-6)
    with pytest.raises(
        FeatureStoreError, match="layer 5 is not there, the store has the positions 0 to 4"
    ):
        store.load("5")
