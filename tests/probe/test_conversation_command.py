"""`train_probe.py` with a protocol of conversations, as a user meets it."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotion2vec.cli.main import main
from emotion2vec.probe.predictions import read_predictions
from emotion2vec.probe.run import compose_config
from tests.probe.conversations import (
    OTHER,
    make_conversations,
    write_features,
    write_manifest,
)
from tests.probe.fakes import LABELS

NUMBER = r"\d+\.\d\d\+-\d+\.\d\d"
PROTOCOL = """defaults: [conversation_schema, _self_]
labels: [angry, happy, neutral, sad]
rule: leave_one_speaker_out
"""
SMALL = ("hidden_dim=16", "epochs=3", "seeds=[1,2]", "device=cpu", "batch_size=32")
LEARNING = ("epochs=25", "lr=0.001", "max_lr=0.004", "seeds=[1]", "dropout=0")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with a manifest, features, text features and the protocol."""
    utterances, sounds = make_conversations()
    write_manifest(tmp_path / "manifest", utterances)
    write_features(tmp_path / "speech", utterances, sounds)
    write_features(tmp_path / "text", utterances[::-1], sounds[::-1], granularity="utterance")
    (tmp_path / "protocols").mkdir()
    (tmp_path / "protocols" / "toy_epc.yaml").write_text(PROTOCOL)
    return tmp_path


def predict(folder: Path, *overrides: object, run: str = "run", features: bool = True) -> int:
    stores = [f"features={folder}/speech"] if features else []
    settings = [*SMALL, f"manifest={folder}/manifest/all.tsv", *stores, f"hydra.run.dir={folder}/{run}"]  # fmt: skip
    command = ["probe", "--config-dir", str(folder / "protocols"), "--config-name", "toy_epc"]
    return main([*command, *settings, *map(str, overrides)])


def result(folder: Path, run: str = "run") -> dict:
    return json.loads((folder / run / "result.json").read_text())


def test_lines_and_files_are_those_of_every_protocol(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(corpus) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert len([line for line in lines if line.startswith("fold ")]) == 6
    assert re.fullmatch(rf"UAR {NUMBER} macro_F1 {NUMBER}", lines[-3])
    assert re.fullmatch(rf"WA {NUMBER} UA {NUMBER} WF1 {NUMBER} folds=6 seeds=2", lines[-1])
    found = result(corpus)
    expected = {"protocol": "toy_epc", "corpus": "toy", "synthetic": True, "modality": "speech"}
    assert expected.items() <= found.items()
    # each turn but the first two of a dialogue has one of the four labels
    assert np.sum(found["confusion"]) == found["num_utterances"] == 3 * 4 * 14
    assert found["folds"]["shared_speakers"] == [0] * 6
    width = 16
    grus = 3 * width * (6 + width + 2) + 3 * width * (width + 2 + width + 2)
    assert found["probe"]["num_parameters"] == grus + width * 4 + 4
    assert str(corpus) not in json.dumps(found)
    assert main(["report", str(corpus / "run"), "--out", str(corpus / "page.html")]) == 0


def test_what_was_heard_before_is_learned(corpus: Path) -> None:
    assert predict(corpus, *LEARNING) == 0
    assert result(corpus)["summary"]["UAR"]["mean"] > 70


@pytest.mark.parametrize("change", ["shuffled", "one turn"])
def test_without_the_history_that_tells_it_nothing_is_learned(corpus: Path, change: str) -> None:
    utterances, sounds = make_conversations()
    if change == "shuffled":
        sounds = np.random.default_rng(5).permutation(sounds)
    write_features(corpus / "other", utterances, sounds)
    turns = 1 if change == "one turn" else 6
    assert predict(corpus, *LEARNING, f"features={corpus}/other", f"history_turns={turns}") == 0
    assert result(corpus)["summary"]["UAR"]["mean"] < 40


def test_the_same_command_gives_the_same_result_twice(corpus: Path) -> None:
    for jobs in (1, 2):
        assert predict(corpus, f"jobs={jobs}", run=f"run{jobs}") == 0
    first, second = (result(corpus, f"run{jobs}") for jobs in (1, 2))
    assert first["runs"] == second["runs"]
    assert first["curves"] == second["curves"]


def test_a_run_is_known_by_what_is_heard_not_by_where_the_manifest_lies(corpus: Path) -> None:
    assert predict(corpus, run="first") == 0
    shutil.copytree(corpus / "manifest", corpus / "moved")
    assert predict(corpus, f"manifest={corpus}/moved/all.tsv", run="moved") == 0
    utterances, _ = make_conversations()
    heard = next(one for one in utterances if one.label == OTHER)  # heard, and in no fold
    said_by = {one.speaker for one in utterances if one.dialogue == heard.dialogue}
    (other,) = said_by - {heard.speaker}
    turn = (heard.dialogue, heard.turn)
    changed = [
        replace(one, speaker=other) if (one.dialogue, one.turn) == turn else one
        for one in utterances
    ]
    write_manifest(corpus / "manifest", changed)
    assert predict(corpus, run="changed") == 0
    first, moved, then = (result(corpus, run)["identity"] for run in ("first", "moved", "changed"))
    assert first == moved != then


def test_the_best_epoch_is_the_one_of_the_validation_uar(corpus: Path) -> None:
    assert predict(corpus) == 0
    assert all(
        run["valid_UAR"] > 0 and 1 <= run["best_epoch"] <= 3 for run in result(corpus)["runs"]
    )


def test_every_answer_is_kept_with_its_utterance(corpus: Path) -> None:
    assert predict(corpus) == 0
    found = result(corpus)
    stored = read_predictions(corpus / "run" / found["predictions"], tuple(found["labels"]))
    utterances = {u.id: u for u in make_conversations()[0]}
    labels = [stored.labels[index] for index in stored.answers.label_N]
    assert labels == [utterances[name].label for name in stored.ids]
    assert list(stored.speakers) == [utterances[name].speaker for name in stored.ids]
    right = (stored.answers.predicted_SN[0] == stored.answers.label_N).sum()
    assert right == np.trace(found["confusion"])


def test_speech_and_text_are_joined_by_id(corpus: Path) -> None:
    assert predict(corpus, f"text_features={corpus}/text") == 0
    both = result(corpus)
    assert (both["modality"], both["features"]["name"]) == ("speech+text", "toy.pt + toy.pt")
    # the text store lists the utterances backwards: its vectors are right only if joined by id
    assert predict(corpus, *LEARNING, f"text_features={corpus}/text", features=False) == 0
    alone = result(corpus)
    assert alone["modality"] == "text"
    assert alone["summary"]["UAR"]["mean"] > 70


def test_a_fold_file_of_more_utterances_than_are_predicted_is_used(corpus: Path) -> None:
    (corpus / "protocols" / "flat.yaml").write_text(
        PROTOCOL.replace("conversation_schema", "probe_schema") + "fold_file: folds.json\n"
    )
    manifest = str(corpus / "manifest" / "all.tsv")
    write = ["probe", "--config-dir", str(corpus / "protocols"), "--config-name", "flat"]
    assert main([*write, "--write-folds", manifest]) == 0
    assert predict(corpus, "fold_file=folds.json") == 0
    assert predict(corpus, run="by_rule") == 0
    assert result(corpus)["folds"]["source"] == "folds.json"
    assert result(corpus)["runs"] == result(corpus, "by_rule")["runs"]


def test_the_folds_of_another_protocol_are_not_overwritten(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = str(corpus / "manifest" / "all.tsv")
    assert predict(corpus, "fold_file=folds.json", "--write-folds", manifest) == 1
    assert "toy_epc uses the folds of another protocol" in capsys.readouterr().err
    assert not (corpus / "protocols" / "folds.json").exists()


def test_iemocap_has_the_folds_of_table_2() -> None:
    folder = Path(__file__).resolve().parents[2] / "config" / "probe"
    config, _ = compose_config(folder, "iemocap_epc", [])
    speech, _ = compose_config(folder, "iemocap_10fold", [])
    same = ("corpus", "labels", "label_map", "rule", "fold_file")
    assert all(getattr(config, name) == getattr(speech, name) for name in same)
    assert config.history_turns == 6


def spoil(folder: Path, name: str) -> None:
    """Make the manifest or the features unusable."""
    utterances, sounds = make_conversations()
    if name == "no dialogues":
        plain = {"dialogue": None, "order": None, "turn": None}
        write_manifest(folder / "manifest", [replace(u, **plain) for u in utterances])
    elif name == "no labels":
        write_manifest(folder / "manifest", [replace(u, label=None) for u in utterances])
    elif name == "a label is missing":
        changed = [replace(u, label=OTHER) if u.label == "sad" else u for u in utterances]
        write_manifest(folder / "manifest", changed)
    elif name == "one session":
        kept = [u for u in utterances if u.session == "Session1"]
        write_manifest(folder / "manifest", kept)
        write_features(folder / "one", kept, sounds[: len(kept)])
    elif name == "other text":
        other = [replace(u, id=f"x{u.id}") for u in utterances]
        write_features(folder / "other", other, sounds)
    elif name == "NaN":
        rows = np.load(folder / "speech" / "all.npy")
        rows[0] = np.nan
        np.save(folder / "speech" / "all.npy", rows)


MISTAKES = {
    "no dialogues": ([], "utterances is unknown, e.g. ['Ses1_0_000'"),
    "no labels": ([], "no utterance has a label"),
    "a label is missing": ([], "no utterance has the label sad"),
    "one session": (["features={}/one"], "needs at least two, but there is ['Session1']"),
    "other text": (["text_features={}/other"], "the text features lack"),
    "other speech": (["features={}/other"], "ids are not in"),
    "NaN": ([], "rows hold NaN or infinity, the first of utterance 'Ses1_0_000'"),
    "another corpus": (["corpus=iemocap"], "toy_epc is a protocol of iemocap, but the features"),
    "random folds": (["rule=random_kfold", "num_folds=5"], "are in training and test; use rule="),
    "no manifest": (["manifest=''"], "no manifest given; say manifest=DIR/all.tsv"),
    "no features": (["features=''"], "no features given; say manifest=DIR/all.tsv"),
    "tested in training": (["starred=true"], "starred must be false"),
    "no history": (["history_turns=0"], "history_turns must be at least 1"),
    "bfloat16": (["precision=bfloat16"], "precision must be float32"),
    "diverging": (["lr=1e38", "max_lr=1e38"], "the loss is"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_get_one_sentence(
    corpus: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    overrides, words = MISTAKES[name]
    spoil(corpus, "other text" if name == "other speech" else name)
    status = predict(corpus, *(override.format(corpus) for override in overrides))
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert status == 1
    assert len(errors) == 1
    assert words in errors[0]
    assert not (corpus / "run" / "result.json").exists()


def test_utterances_without_features_are_counted(
    corpus: Path, caplog: pytest.LogCaptureFixture
) -> None:
    utterances, sounds = make_conversations()
    write_features(corpus / "fewer", utterances[:-3], sounds[:-3])
    assert predict(corpus, f"features={corpus}/fewer") == 0
    assert f"3 of {len(utterances)} utterances have no features" in caplog.text


def test_the_four_labels_are_predicted_and_the_others_heard(corpus: Path) -> None:
    assert predict(corpus) == 0
    utterances, _ = make_conversations()
    found = result(corpus)
    assert found["labels"] == list(LABELS)
    assert found["num_utterances_heard"] == len(utterances)
