"""The per-layer curve: an ordinary result for each layer, the best chosen on validation, resumed layer by layer."""

import json
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.cli.main import main
from emotion2vec.errors import FeatureStoreError
from emotion2vec.probe import trainer
from emotion2vec.probe.layers import LayerCurve, evaluate_layers
from emotion2vec.probe.run import evaluate
from emotion2vec.report.html import render_report
from emotion2vec.report.layer_curves import read_layer_curve
from emotion2vec.report.tables import OPTIMISTIC_BADGE
from tests.probe.fakes import config, make_store, make_utterances
from tests.probe.test_inputs import write_store


def curve(store: Path, out: Path, **changes: object) -> LayerCurve:
    settings = config(features=str(store), num_folds=5, layer="each", **changes)
    return evaluate_layers(
        settings, out, config_dir=store, on_fold=lambda *_: None, on_layer=lambda *_: None
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_store(tmp_path / "store", make_utterances(40), num_layers=3)


def test_each_layers_result_is_that_of_the_layer_alone(store: Path, tmp_path: Path) -> None:
    found = curve(store, tmp_path / "out")
    settings = config(features=str(store), num_folds=5, layer="1")
    evaluate(settings, tmp_path / "alone", config_dir=store, on_fold=lambda *_: None)
    alone = json.loads((tmp_path / "alone" / "result.json").read_text())
    joined = json.loads((tmp_path / "out" / "layers.json").read_text())
    assert [entry["layer"] for entry in joined["layers"]] == [0, 1, 2]
    assert joined["layers"][1]["summary"] == {
        name: alone["summary"][name] for name in alone["summary"]
    }
    assert joined["layers"][1]["valid_WA"] == pytest.approx(
        np.mean([run["valid_WA"] for run in alone["runs"]]), abs=1e-3
    )
    valid = [entry["valid_WA"] for entry in joined["layers"]]
    assert joined["best"] == found.best == int(np.argmax(valid))
    assert (joined["protocol"], joined["synthetic"]) == ("toy", True)
    assert found.last_line.endswith("folds=5 seeds=2")


@pytest.mark.parametrize("starred", [False, True])
def test_a_curve_tells_whether_epochs_were_chosen_on_the_test_part(
    starred: bool, store: Path, tmp_path: Path
) -> None:
    curve(store, tmp_path / "out", starred=starred, epochs=1)
    found = read_layer_curve(tmp_path / "out")
    assert found.starred == starred
    page = render_report([], title="t", curves=[found])
    assert (OPTIMISTIC_BADGE in page) == starred


def test_an_interrupted_curve_goes_on(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = curve(store, tmp_path / "whole")
    calls: list[int] = []
    train_group = trainer.train_group

    def stopping(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 15:
            raise KeyboardInterrupt
        return train_group(*arguments)

    monkeypatch.setattr(trainer, "train_group", stopping)
    with pytest.raises(KeyboardInterrupt):
        curve(store, tmp_path / "cut")
    assert curve(store, tmp_path / "cut") == whole
    assert len(calls) <= 30 + 3, "of 30 runs at most those that were under way are trained twice"
    assert not list((tmp_path / "cut").rglob("unfinished_runs"))


def test_a_store_of_one_layer_has_no_curve(tmp_path: Path) -> None:
    with pytest.raises(FeatureStoreError, match="layer=each needs several layers.*--layers all"):
        curve(make_store(tmp_path / "store"), tmp_path / "out")


def test_the_command_prints_the_curve_and_ends_with_the_best_layer(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    overrides = [f"features={store}", f"hydra.run.dir={tmp_path / 'out'}", "layer=each", "epochs=2",
                 "seeds=[1]", "hidden_dim=4", "num_folds=3"]  # fmt: skip
    assert main(["probe", "--config-name", "folder_5fold", *overrides]) == 0
    lines = capsys.readouterr().out.splitlines()
    best = int(lines[-2].removeprefix("best layer by validation WA: "))
    shown = [line for line in lines if line.startswith(f"layer {best} WA")]
    assert lines[-1].removesuffix(" folds=3 seeds=1") in shown[0]
