"""What the heads see: labels that are missing, layers, a second store of utterance vectors, memory."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion2vec.data.manifest import Manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import Emotion2VecError, FeatureStoreError, ProtocolError
from emotion2vec.features.store import CheckpointIdentity, FeatureStore, StoreSettings
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter
from emotion2vec.probe import inputs as module
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.inputs import Inputs, load_inputs
from emotion2vec.probe.run import evaluate, open_features
from tests.probe.fakes import LABELS, config, make_store, make_utterances


def write_store(
    folder: Path,
    utterances: list[Utterance],
    *,
    num_layers: int = 0,
    granularity: str = "frame",
    dim: int = 6,
    corpus: str = "toy",
) -> Path:
    """Write a store whose layer l is l times the first, its label told by the mean."""
    layers = "all" if num_layers else "last"
    settings = StoreSettings("toy", CheckpointIdentity(None, None, "fake"), layers, granularity,
                             "tokens", "float32", 50.0)  # fmt: skip
    manifest = Manifest("all", Path(), tuple(utterances))
    writer = FeatureStoreWriter(
        folder, manifest=manifest, settings=settings, card={"name": corpus, "synthetic": True}
    )
    rng = np.random.default_rng(3)
    for index, utterance in enumerate(utterances):
        length = 1 if granularity == "utterance" else 1 + index % 4
        centre = LABELS.index(utterance.label) if utterance.label in LABELS else 0
        rows = centre + rng.standard_normal((length, dim)).astype(np.float32)
        if num_layers:
            rows = np.stack([(layer + 1) * rows for layer in range(num_layers)], axis=1)
        writer.append([Computed(index, [rows.astype(np.float32)])])
    writer.finish()
    return folder


def inputs(store: Path, **changes: object) -> Inputs:
    settings = config(features=str(store), **changes)
    opened, chosen = open_features(settings)
    return load_inputs(opened, chosen, settings)


def run(store: Path, out: Path, **changes: object) -> dict:
    settings: ProbeConfig = config(**{"features": str(store), "num_folds": 5, **changes})
    evaluate(settings, out, config_dir=store, on_fold=lambda *_: None)
    return json.loads((out / "result.json").read_text())


def test_utterances_without_a_label_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_store(tmp_path, make_utterances(40, labels=(*LABELS, None)))
    loaded = inputs(store)
    whole = FeatureStore.open(store)
    kept = np.flatnonzero([label is not None for label in whole.labels])
    assert len(loaded.features.lengths_N) == 32
    assert np.array_equal(loaded.features.frames.numpy(), whole.load("last", kept))
    assert "8 of 40 utterances are left out: without a label 8" in caplog.text


def test_superbs_head_gets_the_mean_of_each_utterance_and_all_layers(tmp_path: Path) -> None:
    store = write_store(tmp_path, make_utterances(12), num_layers=3)
    features = inputs(store, head="superb", layer="weighted").features
    assert features.frames.shape == (12, 3, 6)
    assert features.lengths_N.tolist() == [1] * 12
    rows = FeatureStore.open(store).rows()[1:3]  # the second utterance has two frames
    np.testing.assert_allclose(features.frames[1].numpy(), rows.mean(0), rtol=1e-6)


def test_own_vectors_follow_the_utterances(tmp_path: Path) -> None:
    utterances = make_utterances(20)
    frames = write_store(tmp_path / "frames", utterances)
    own = write_store(tmp_path / "own", utterances[::-1], granularity="utterance", dim=2)
    features = inputs(frames, utterance_features=str(own)).features
    assert features.utterance_dim == 2
    assert torch.equal(
        features.utterances_NU, torch.from_numpy(FeatureStore.open(own).load()[::-1].copy())
    )


def test_both_inputs_give_a_result_that_names_both(tmp_path: Path) -> None:
    utterances = make_utterances(40)
    frames = write_store(tmp_path / "frames", utterances)
    own = write_store(tmp_path / "own", utterances, granularity="utterance", dim=2)
    both = run(frames, tmp_path / "both", utterance_features=str(own))
    alone = run(frames, tmp_path / "alone")
    assert both["utterance_features"]["granularity"] == "utterance"
    assert alone["utterance_features"] is None
    assert both["probe"]["num_parameters"] - alone["probe"]["num_parameters"] == 2 * 8
    assert both["identity"] != alone["identity"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"granularity": "frame"}, r"several rows an utterance \(granularity frame\).*--granularity utterance"),
        ({"corpus": "other"}, r"a protocol of toy, but the features in .*own are of other"),
        ({"drop": 2}, r"lacks 2 of the 20 utterances of .*frames.*u18"),
    ],
)  # fmt: skip
def test_a_second_store_that_does_not_fit_is_explained(
    tmp_path: Path, change: dict, message: str
) -> None:
    utterances = make_utterances(20)
    frames = write_store(tmp_path / "frames", utterances)
    kept = utterances[: 20 - change.pop("drop", 0)]
    own = write_store(tmp_path / "own", kept, **{"granularity": "utterance", **change})
    with pytest.raises(ProtocolError, match=message):
        inputs(frames, utterance_features=str(own), corpus="toy")


def test_features_larger_than_the_memory_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = write_store(tmp_path, make_utterances(12), num_layers=3)
    monkeypatch.setattr(module, "_available_bytes", lambda: 400)
    with pytest.raises(
        FeatureStoreError, match=r"30 frames with layer=weighted take 0\.0 GB.*head=superb"
    ):
        inputs(store, layer="weighted")
    assert inputs(store, layer="weighted", head="superb").features.num_layers == 3


def test_the_machine_tells_its_free_memory() -> None:
    assert module._available_bytes() > 10**7


def relabelled(label_of: Callable[[int, Utterance], str]) -> list[Utterance]:
    return [replace(one, label=label_of(i, one)) for i, one in enumerate(make_utterances(40))]


def test_a_label_that_a_test_part_lacks_is_no_error(tmp_path: Path) -> None:
    utterances = relabelled(lambda i, one: LABELS[i % (3 if one.speaker == "s0" else 4)])
    store = make_store(tmp_path / "s", utterances)
    result = run(store, tmp_path / "out", rule="leave_one_group_out")
    tested = [np.array(entry["confusion"]).sum(axis=1) for entry in result["runs"]]
    assert any(row.min() == 0 for row in tested), "the case is not there"
    assert all(np.isfinite(entry["UA"]) for entry in result["runs"])


def test_a_label_that_a_training_part_lacks_names_the_fold(tmp_path: Path) -> None:
    utterances = relabelled(lambda i, one: "sad" if one.speaker == "s0" else LABELS[i % 3])
    store = make_store(tmp_path / "s", utterances)
    with pytest.raises(Emotion2VecError, match="fold 1: no training utterance has the label sad"):
        run(store, tmp_path / "out", rule="leave_one_group_out")
