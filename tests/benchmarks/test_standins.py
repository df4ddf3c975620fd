"""Synthetic stand-ins of the corpora: as many utterances, the stored folds' ids, every cell of the paper's tables."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import standins
from benchmarks.standin_corpora import CONFIG_DIR, corpus_names, standin_utterances
from emotion2vec.corpora.registry import get_corpus
from emotion2vec.data.labels import label_set
from emotion2vec.data.manifest import read_manifest
from emotion2vec.features.store import FeatureStore
from emotion2vec.probe.conversation import build_windows
from emotion2vec.probe.protocol import Rows, check_folds, index_folds, select_utterances
from emotion2vec.probe.run import compose_config, evaluate, load_folds
from emotion2vec.report.paper import paper_tables
from emotion2vec.reproduction.library import open_library

# the conversations' folds are those of iemocap_10fold
PROTOCOLS = sorted(
    path.stem
    for path in CONFIG_DIR.glob("*.yaml")
    if "\ncorpus: " in path.read_text("utf-8") and path.stem != "iemocap_epc"
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a hundredth of everything."""
    folder = tmp_path_factory.mktemp("standins")
    assert standins.main(["--out", str(folder), "--scale", "0.01", "--dim", "4"]) == 0
    return folder


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_stored_folds_of_every_protocol_fit_the_stand_in(protocol: str) -> None:
    config, _ = compose_config(CONFIG_DIR, protocol, [])
    utterances = standin_utterances(str(config.corpus))
    columns = ("id", "label", "speaker", "session", "split")
    rows = Rows(*([getattr(u, column) for u in utterances] for column in columns))
    chosen = select_utterances(rows, config, "stand-in")
    folds = load_folds(chosen.rows, config, CONFIG_DIR)
    check_folds(folds, chosen.rows)
    assert len(index_folds(folds, chosen, config)) == len(folds.folds) > 0


@pytest.mark.parametrize("corpus", corpus_names())
def test_a_stand_in_has_the_releases_number_of_utterances_and_its_labels(corpus: str) -> None:
    utterances = standin_utterances(corpus)
    known = get_corpus(corpus).card
    # CMU-MOSEI: the half that has a score; MOSI's and EMOVO's release was not counted
    expected = {"cmu_mosei": 22860, "cmu_mosi": 2199, "emovo": 588}
    assert len(utterances) == expected.get(corpus, known.release.utterances)
    assert {utterance.label for utterance in utterances} == set(known.labels or label_set(corpus))


def test_ids_tell_label_and_speaker_where_the_corpus_has_them_in_its_names() -> None:
    rows = {row.id: row for row in standin_utterances("emodb")}
    assert (rows["03a01Wa"].label, rows["03a01Wa"].speaker) == ("angry", "03")


def test_iemocaps_emotions_mostly_stay_with_their_speaker() -> None:
    by_speaker: dict[tuple[str, str], list[str]] = {}
    for row in sorted(standin_utterances("iemocap"), key=lambda row: row.order or 0):
        by_speaker.setdefault((str(row.dialogue), str(row.speaker)), []).append(str(row.label))
    pairs = [pair for labels in by_speaker.values() for pair in pairwise(labels)]
    assert 0.65 < np.mean([before == after for before, after in pairs]) < 0.85


def test_every_cell_of_the_papers_tables_finds_its_features(out: Path) -> None:
    library = open_library(
        [str(out / "features")], [str(out / "text")], [out / "manifests" / "iemocap" / "all.tsv"]
    )
    kinds = {"utterance": ["tokens"], "both": ["tokens"]}
    missing, found = [], 0
    for table in paper_tables().values():
        for column in table.columns:
            config, _ = compose_config(CONFIG_DIR, column.protocol, [])
            for row in table.rows:
                if not row.reported_only and row.inputs != "text":
                    kind = kinds.get(row.inputs, ["frame"])
                    entry = library.find(row.key, str(config.corpus), kind, config.layer)
                    found += entry is not None
                    missing += [] if entry else [(table.number, row.key, column.protocol)]
    assert missing == []
    assert found > 80
    assert [entry.row for entry in library.text] == ["bert"]
    assert library.find("emotion2vec", "iemocap", ["frame"], "weighted") is not None


def test_every_store_and_the_manifest_are_marked_synthetic(out: Path) -> None:
    headers = [json.loads(path.read_text("utf-8")) for path in out.glob("**/all.json")]
    assert Counter(header["synthetic"] for header in headers) == {True: len(headers)}
    assert {header["checkpoint"]["kind"] for header in headers} == {"synthetic"}
    card = json.loads((out / "manifests" / "iemocap" / "corpus.json").read_text("utf-8"))
    assert card["synthetic"] is True


def test_the_manifest_holds_iemocaps_dialogues_and_turns(out: Path) -> None:
    rows = read_manifest(out / "manifests" / "iemocap" / "all.tsv").utterances
    assert {row.dialogue for row in rows} >= {"Ses01F_impro01"}
    assert all(row.id.startswith(f"{row.dialogue}_") for row in rows)
    assert FeatureStore.open(out / "text" / "bert" / "iemocap").ids == tuple(row.id for row in rows)


def test_iemocaps_dialogues_give_predictions_for_every_speaker() -> None:
    utterances = standin_utterances("iemocap")
    windows = build_windows(utterances, history_turns=6, source="stand-in")
    assert len(windows) > 3000
    assert len({utterances[window.target].speaker for window in windows}) == 10


def test_the_same_command_writes_the_same_bytes(out: Path, tmp_path: Path) -> None:
    options = ["--scale", "0.01", "--dim", "4", "--models", "emotion2vec", "--corpora", "emodb"]
    assert standins.main(["--out", str(tmp_path), *options]) == 0
    for name in ("all.npy", "all.emo", "all.lengths", "all.json"):
        again = (tmp_path / "features" / "emotion2vec" / "emodb" / name).read_bytes()
        assert again == (out / "features" / "emotion2vec" / "emodb" / name).read_bytes()


def test_models_differ_in_how_well_their_labels_can_be_told(tmp_path: Path) -> None:
    scores = {}
    for model in ("emotion2vec", "wavlm_base"):
        utterances = standin_utterances("emodb")
        need = standins.Need(model, "emodb", "last")
        standins.write_store(tmp_path / model, utterances, need, dim=32)
        overrides = [f"features={tmp_path / model}", "seeds=[1]", "epochs=15", "device=cpu"]
        config, _ = compose_config(CONFIG_DIR, "emodb_10fold", overrides)
        found = evaluate(config, tmp_path / f"{model}_run", config_dir=CONFIG_DIR, on_fold=lambda *_: None)  # fmt: skip
        scores[model] = found.summary("WA").mean
    assert scores["emotion2vec"] > scores["wavlm_base"] + 3
    assert 25 < scores["wavlm_base"] < scores["emotion2vec"] < 95


def test_a_scale_beyond_the_corpus_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        standins.main(["--out", "nowhere", "--scale", "2"])
    assert "--scale must be in (0, 1]" in capsys.readouterr().err
