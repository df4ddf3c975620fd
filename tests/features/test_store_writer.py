"""A store that is killed goes on; a store of something else stays untouched."""

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotion2vec.data.manifest import Manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import FeatureStoreError
from emotion2vec.features.partial import Block
from emotion2vec.features.pipeline import ExtractionReport, extract_manifest
from emotion2vec.features.settings import ExtractionSettings, LayerSelection
from emotion2vec.features.store import CheckpointIdentity, FeatureStore, StorePaths, StoreSettings
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter
from tests.features.fakes import FakeUpstream, make_manifest, same_stores

SMALL = ExtractionSettings(batch_seconds=1.0)


def extract(
    manifest: Manifest, out: Path, upstream: FakeUpstream | None = None, **options: object
) -> ExtractionReport:
    return extract_manifest(
        upstream or FakeUpstream(), manifest, out, **{"settings": SMALL, **options}
    )


def killed(manifest: Manifest, out: Path, *, after: int) -> None:
    """Extract and die in the batch after the given number of batches."""
    upstream = FakeUpstream()
    upstream.fail_after = after
    with pytest.raises(KeyboardInterrupt):
        extract(manifest, out, upstream)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path, after: int) -> None:
    manifest = make_manifest(tmp_path)
    extract(manifest, tmp_path / "whole")
    killed(manifest, tmp_path / "resumed", after=after)
    upstream = FakeUpstream()
    extract(manifest, tmp_path / "resumed", upstream)
    assert same_stores(tmp_path / "whole", tmp_path / "resumed")
    assert sum(upstream.batch_sizes) < 9 or after == 0


def _tear_rows(paths: StorePaths) -> None:
    with paths.partial_rows.open("ab") as file:
        file.write(b"\x01" * 37)


def _tear_journal(paths: StorePaths) -> None:
    text = paths.partial_journal.read_text()
    paths.partial_journal.write_text(text[:-9])


@pytest.mark.parametrize("tear", [_tear_rows, _tear_journal])
def test_a_batch_that_was_cut_short_is_done_again(
    tmp_path: Path, tear: Callable[[StorePaths], None]
) -> None:
    manifest = make_manifest(tmp_path)
    extract(manifest, tmp_path / "whole")
    killed(manifest, tmp_path / "resumed", after=2)
    tear(StorePaths(tmp_path / "resumed", "all"))
    extract(manifest, tmp_path / "resumed")
    assert same_stores(tmp_path / "whole", tmp_path / "resumed")


@pytest.mark.parametrize("removed", [False, True])
def test_rows_that_are_gone_are_not_taken_for_zeros(tmp_path: Path, removed: bool) -> None:
    manifest = make_manifest(tmp_path)
    killed(manifest, tmp_path / "out", after=2)
    rows = StorePaths(tmp_path / "out", "all").partial_rows
    data = rows.read_bytes()
    rows.unlink()
    if not removed:
        rows.write_bytes(data[:-8])
    left = 0 if removed else len(data) - 8
    message = rf"all\.partial\.f32: holds {left} bytes, .* tells of {len(data)}.*--overwrite"
    with pytest.raises(FeatureStoreError, match=message):
        extract(manifest, tmp_path / "out")
    extract(manifest, tmp_path / "out", overwrite=True)


def test_rows_stand_in_the_manifests_order_whatever_the_batches(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    extract(manifest, tmp_path / "one", settings=ExtractionSettings(batch_seconds=0.1))
    extract(manifest, tmp_path / "many", settings=ExtractionSettings(batch_seconds=1000))
    one, many = FeatureStore.open(tmp_path / "one"), FeatureStore.open(tmp_path / "many")
    assert one.ids == many.ids == tuple(f"utt{index:03d}" for index in range(9))
    assert one.lengths_N.tolist() == [24, 14, 19] * 3
    np.testing.assert_allclose(one.load(), many.load(), atol=1e-5)


class _Unwalked(dict[int, Block]):
    """Blocks that count how often somebody goes through all of them."""

    walks = 0

    def __iter__(self) -> Iterator[int]:
        self.walks += 1
        return super().__iter__()

    def keys(self) -> Any:
        self.walks += 1
        return super().keys()

    def items(self) -> Any:
        self.walks += 1
        return super().items()

    def values(self) -> Any:
        self.walks += 1
        return super().values()


def test_a_batch_costs_the_same_however_many_went_before(tmp_path: Path) -> None:
    identity = CheckpointIdentity("fake.pt", "0" * 64, "fake")
    settings = StoreSettings("fake", identity, "last", "frame", "frames", "float32", 50.0)
    manifest = Manifest(
        "all", tmp_path, tuple(Utterance(f"u{i}", f"u{i}.wav", 1) for i in range(50))
    )
    writer = FeatureStoreWriter(tmp_path / "out", manifest=manifest, settings=settings)
    writer._blocks = blocks = _Unwalked()
    calls = []
    for index in range(50):
        counter = Counter[str]()
        sys.setprofile(lambda frame, event, argument, counter=counter: counter.update([event]))
        writer.append([Computed(index, [np.ones((2, 3), np.float32)])])
        sys.setprofile(None)
        calls.append(counter.total())
    assert len(blocks) == 50
    assert blocks.walks == 0
    assert calls[-1] == calls[1]
    writer.close()


def test_a_complete_store_is_left_as_it_is(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    extract(manifest, tmp_path / "out")
    upstream = FakeUpstream()
    extract(manifest, tmp_path / "out", upstream)
    assert upstream.batch_sizes == []


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("change", ["layers", "checkpoint", "manifest", "root"])
def test_a_store_of_something_else_is_refused_unless_overwritten(
    tmp_path: Path, change: str, complete: bool
) -> None:
    manifest = make_manifest(tmp_path)
    if complete:
        extract(manifest, tmp_path / "out")
    else:
        killed(manifest, tmp_path / "out", after=1)
    options: dict[str, object] = {}
    if change == "layers":
        options["settings"] = ExtractionSettings(layers=LayerSelection("all"))
    if change == "checkpoint":
        options["upstream"] = FakeUpstream(digest="1" * 64)
    other = manifest
    if change == "manifest":
        other = replace(manifest, utterances=manifest.utterances[:-1])
    if change == "root":  # the same names and lengths, as a denoised copy of a corpus has
        other = replace(manifest, root=Path(shutil.copytree(manifest.root, tmp_path / "copy")))
    with pytest.raises(
        FeatureStoreError, match=r"holds features of fake.*give another --out, or --overwrite"
    ):
        extract(other, tmp_path / "out", **options)
    extract(other, tmp_path / "out", overwrite=True, **options)
    extract(other, tmp_path / "fresh", **options)
    assert same_stores(tmp_path / "out", tmp_path / "fresh")


def test_files_of_another_program_are_refused(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "all.npy").write_bytes(b"precious")
    with pytest.raises(FeatureStoreError, match="not written by this program"):
        extract(manifest, tmp_path / "out")
    assert (tmp_path / "out" / "all.npy").read_bytes() == b"precious"


def test_bad_files_are_skipped_by_name_and_the_rest_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = make_manifest(tmp_path)
    (manifest.root / "utt004.wav").write_bytes(b"RIFF not audio")
    (manifest.root / "utt007.wav").unlink()
    report = extract(manifest, tmp_path / "out")
    store = FeatureStore.open(tmp_path / "out")
    assert [path for path, _ in report.skipped] == ["utt004.wav", "utt007.wav"]
    assert [entry["path"] for entry in store.header["skipped"]] == ["utt004.wav", "utt007.wav"]
    assert store.ids == tuple(f"utt{index:03d}" for index in (0, 1, 2, 3, 5, 6, 8))
    assert "skipped utt007.wav: " in caplog.text
    with pytest.raises(
        FeatureStoreError, match=r"2 of 9 utterances were skipped, e\.g\. utt004\.wav"
    ):
        report.raise_if_skipped()


def test_skipped_files_are_reported_again_when_a_run_goes_on(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    (manifest.root / "utt001.wav").write_bytes(b"")
    killed(manifest, tmp_path / "out", after=2)
    report = extract(manifest, tmp_path / "out")
    assert [path for path, _ in report.skipped] == ["utt001.wav"]
    assert extract(manifest, tmp_path / "out").skipped == report.skipped


def test_a_manifest_without_one_good_file_is_an_error(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    for path in manifest.root.glob("*.wav"):
        path.write_bytes(b"")
    with pytest.raises(
        FeatureStoreError, match=r"none of 9 utterances could be used, e\.g\. utt000\.wav"
    ):
        extract(manifest, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_features_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    class Broken(FakeUpstream):
        def encode(self, waveform_BS, padding_BS):
            return super().encode(waveform_BS * float("nan"), padding_BS)

    with pytest.raises(FeatureStoreError, match="gives NaN or infinity; the checkpoint is damaged"):
        extract(make_manifest(tmp_path), tmp_path / "out", Broken())


def test_the_labels_that_are_known_are_kept_beside_unknown_ones(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    first = replace(manifest.utterances[0], label=None)
    extract(replace(manifest, utterances=(first, *manifest.utterances[1:])), tmp_path / "out")
    assert FeatureStore.open(tmp_path / "out").labels[:3] == (None, "happy", "neutral")


def test_a_complete_store_without_its_array_is_not_called_complete(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    extract(manifest, tmp_path / "out")
    (tmp_path / "out" / "all.npy").unlink()
    with pytest.raises(FeatureStoreError, match=r"all\.npy: is missing, though all\.json calls"):
        extract(manifest, tmp_path / "out")


def test_unlabelled_utterances_leave_no_emo_file(tmp_path: Path) -> None:
    extract(make_manifest(tmp_path, labels=()), tmp_path / "out")
    assert not (tmp_path / "out" / "all.emo").exists()
    assert set(FeatureStore.open(tmp_path / "out").labels) == {None}
