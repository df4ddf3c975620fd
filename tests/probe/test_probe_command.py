"""`train_probe.py` as a user meets it."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.cli.main import main
from tests.helpers.wav import make_manifest_folder
from tests.probe.fakes import make_store, make_utterances

NUMBER = r"\d+\.\d\d\+-\d+\.\d\d"
SMALL = ("hidden_dim=8", "epochs=5", "device=cpu")
TOY = """defaults: [probe_schema, _self_]
rule: {rule}
num_folds: 5
{more}
"""


def write_protocol(
    folder: Path, *, name: str = "toy_10fold", rule: str = "random_kfold", more: str = ""
) -> Path:
    (folder / "protocols").mkdir(exist_ok=True)
    (folder / "protocols" / f"{name}.yaml").write_text(TOY.format(rule=rule, more=more))
    return folder / "protocols"


def probe(protocols: Path, *overrides: object, name: str = "toy_10fold") -> int:
    return main(
        [
            "probe",
            "--config-dir",
            str(protocols),
            "--config-name",
            name,
            *map(str, [*SMALL, *overrides]),
        ]
    )


def test_the_last_line_is_the_one_of_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = make_store(tmp_path / "store")
    assert (
        probe(
            write_protocol(tmp_path),
            f"features={store}",
            "num_folds=10",
            f"hydra.run.dir={tmp_path}/run",
        )
        == 0
    )
    lines = capsys.readouterr().out.strip().splitlines()
    assert len([line for line in lines if line.startswith("fold ")]) == 10
    assert re.fullmatch(rf"WA {NUMBER} UA {NUMBER} WF1 {NUMBER} folds=10 seeds=3", lines[-1])


def test_the_result_holds_what_a_reader_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, run = make_store(tmp_path / "store"), tmp_path / "run"
    probe(
        write_protocol(tmp_path, rule="group_kfold"),
        f"features={store}",
        "seeds=[4,9]",
        f"hydra.run.dir={run}",
    )
    result = json.loads((run / "result.json").read_text())
    expected = {"schema_version": 1, "protocol": "toy_10fold", "corpus": "toy", "synthetic": True, "num_folds": 5,
                "num_seeds": 2, "labels": ["angry", "happy", "neutral", "sad"]}  # fmt: skip
    assert expected.items() <= result.items()
    assert [(run["fold"], run["seed"]) for run in result["runs"]] == [
        (f, s) for f in range(5) for s in (4, 9)
    ]
    means = [np.mean([r["WA"] for r in result["runs"] if r["seed"] == seed]) for seed in (4, 9)]
    assert result["summary"]["WA"]["mean"] == pytest.approx(np.mean(means), abs=1e-3)
    assert result["summary"]["WA"]["std"] == pytest.approx(np.std(means, ddof=1), abs=1e-3)
    assert np.sum(result["confusion"]) == 40
    assert result["folds"]["shared_speakers"] == [0] * 5
    assert len(result["curves"]["fold0 seed4"]) == 5
    assert result["probe"]["num_parameters"] == 6 * 8 + 8 + 8 * 4 + 4
    assert f"WA {result['summary']['WA']['mean']:.2f}" in capsys.readouterr().out.splitlines()[-1]


def test_confusion_and_embeddings_are_files_of_their_own(tmp_path: Path) -> None:
    store, run = make_store(tmp_path / "store"), tmp_path / "run"
    probe(write_protocol(tmp_path), f"features={store}", f"hydra.run.dir={run}")
    table = list(csv.reader((run / "confusion.csv").open()))
    result = json.loads((run / "result.json").read_text())
    assert [[int(cell) for cell in row[1:]] for row in table[1:]] == result["confusion"]
    arrays = np.load(run / "embeddings.npz")
    assert arrays["x"].shape == (40, 8)
    assert sorted(arrays["id"]) == [f"u{index:02d}" for index in range(40)]
    assert [int(name[1:]) % 4 for name in arrays["id"]] == arrays["label_index"].tolist()
    assert np.bincount(arrays["fold"]).tolist() == [8] * 5


def test_the_same_command_gives_the_same_result_twice(tmp_path: Path) -> None:
    store, protocols = make_store(tmp_path / "store"), write_protocol(tmp_path)
    results = []
    for jobs in (1, 2):
        probe(
            protocols, f"features={store}", f"jobs={jobs}", f"hydra.run.dir={tmp_path / str(jobs)}"
        )
        results.append(json.loads((tmp_path / str(jobs) / "result.json").read_text()))
    assert results[0]["runs"] == results[1]["runs"]
    first, second = (np.load(tmp_path / name / "embeddings.npz")["x"] for name in ("1", "2"))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_features_that_tell_the_label_are_learned(tmp_path: Path, precision: str) -> None:
    store, run = make_store(tmp_path / "store"), tmp_path / "run"
    probe(write_protocol(tmp_path), f"features={store}", "epochs=60", "hidden_dim=32", "standardise=true",
          f"precision={precision}", f"hydra.run.dir={run}")  # fmt: skip
    assert json.loads((run / "result.json").read_text())["summary"]["UA"]["mean"] > 80


def test_a_fold_file_is_written_from_a_manifest_and_used(tmp_path: Path) -> None:
    manifest = make_manifest_folder(
        tmp_path, num_utts=40, seconds=0.05, speakers=[f"s{i}" for i in range(5)]
    )
    protocols = write_protocol(tmp_path, rule="group_kfold", more="fold_file: folds/toy.json")
    command = ["probe", "--config-dir", str(protocols), "--config-name", "toy_10fold"]
    assert main([*command, "--write-folds", str(manifest / "all.tsv")]) == 0
    utterances = [replace(u, id=f"utt{index:03d}") for index, u in enumerate(make_utterances(40))]
    store, run = make_store(tmp_path / "store", utterances), tmp_path / "run"
    assert probe(protocols, f"features={store}", f"hydra.run.dir={run}") == 0
    assert json.loads((run / "result.json").read_text())["folds"]["source"] == "toy.json"
    written = json.loads((protocols / "folds" / "toy.json").read_text())
    assert json.loads((run / "folds.json").read_text())["folds"] == written["folds"]


@pytest.mark.parametrize(
    "override", ["num_folds=4", "fold_seed=2", "rule=random_kfold", "valid_fraction=0.3"]
)
def test_an_override_that_a_fold_file_would_swallow_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], override: str
) -> None:
    manifest = make_manifest_folder(
        tmp_path, num_utts=40, seconds=0.05, speakers=[f"s{i}" for i in range(5)]
    )
    protocols = write_protocol(tmp_path, rule="group_kfold", more="fold_file: folds/toy.json")
    command = ["probe", "--config-dir", str(protocols), "--config-name", "toy_10fold"]
    main([*command, "--write-folds", str(manifest / "all.tsv")])
    utterances = [replace(u, id=f"utt{index:03d}") for index, u in enumerate(make_utterances(40))]
    store, run = make_store(tmp_path / "store", utterances), tmp_path / "run"
    assert probe(protocols, f"features={store}", f"hydra.run.dir={run}", override) == 1
    assert f"toy.json was made in another way than {override} (" in capsys.readouterr().err
    assert (
        probe(protocols, f"features={store}", f"hydra.run.dir={run}", override, "fold_file=null")
        == 0
    )


MISTAKES = {
    "no features": ([], "no features given; say features=DIR"),
    "wrong folder": (["features=nowhere"], "no feature store 'nowhere'"),
    "unknown setting": (["epoch=1"], "epoch"),
    "absent label": (["labels=[angry,joyful]"], "no utterance has the label joyful"),
    "too many folds": (
        ["num_folds=41"],
        "41 folds need at least as many utterances, but there are 40",
    ),
    "no sessions": (
        ["rule=group_kfold", "group_by=session"],
        "the session of 40 of 40 utterances is unknown",
    ),
    "no official split": (["rule=official"], "are in no part of the corpus' partition"),
    "features of another corpus": (
        ["corpus=emodb"],
        "toy_10fold is a protocol of emodb, but the features in",
    ),
    "no such layer": (["layer=3"], "layer 3 is not there"),
    "missing fold file": (["fold_file=folds/no.json"], "no fold file"),
    "no such split": (["split=test"], "test.json: no such file"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_get_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    overrides, words = MISTAKES[name]
    given = any(word.startswith("features=") for word in overrides) or name == "no features"
    features = [] if given else [f"features={make_store(tmp_path / 'store')}"]
    status = probe(
        write_protocol(tmp_path), *features, *overrides, f"hydra.run.dir={tmp_path / 'run'}"
    )
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert status == 1
    assert len(errors) == 1
    assert words in errors[0]
    assert not (tmp_path / "run").exists()


def test_a_protocol_that_is_not_yaml_gets_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe(write_protocol(tmp_path, more="labels: [sad"), "features=x") == 1
    assert "error: toy_10fold: " in capsys.readouterr().err


def test_features_without_labels_get_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = make_store(tmp_path / "store", make_utterances(labels=(None,)))
    assert probe(write_protocol(tmp_path), f"features={store}") == 1
    assert (
        "no utterance has a label; extract from a manifest with a .emo file"
        in capsys.readouterr().err
    )


def test_features_of_a_corpus_without_a_name_can_be_reported(tmp_path: Path) -> None:
    store, run = make_store(tmp_path / "store"), tmp_path / "run"
    header = json.loads((store / "all.json").read_text())
    (store / "all.json").write_text(json.dumps(header | {"corpus": None}))
    assert probe(write_protocol(tmp_path), f"features={store}", f"hydra.run.dir={run}") == 0
    assert main(["report", str(run), "--out", str(tmp_path / "page.html")]) == 0
    assert "unnamed: toy_10fold" in (tmp_path / "page.html").read_text()


def test_nan_features_get_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = make_store(tmp_path / "store")
    rows = np.load(store / "all.npy")
    rows[0] = np.inf
    np.save(store / "all.npy", rows)
    assert probe(write_protocol(tmp_path), f"features={store}") == 1
    assert "rows hold NaN or infinity, the first of utterance 'u00'" in capsys.readouterr().err


def test_help_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["probe", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(f"  {name}=" in text for name in ("features", "epochs", "seeds", "starred"))
