"""Which cells tables and figures have, what each needs, and why one cannot run."""

import json
import os
import shutil
from pathlib import Path

import pytest

from emotion2vec.errors import ConfigError, FeatureStoreError, ManifestError
from emotion2vec.probe.conversation_config import ConversationConfig
from emotion2vec.report.paper import paper_tables
from emotion2vec.reproduction.cells import Plan
from emotion2vec.reproduction.library import open_library
from tests.reproduction.plans import plan_of
from tests.reproduction.stores import SENTIMENT_CORPORA, SPEECH_CORPORA, write_manifest, write_store


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of all corpora for emotion2vec, of IEMOCAP for every ablation, text and a manifest."""
    root = tmp_path_factory.mktemp("everything")
    for corpus in SPEECH_CORPORA:
        write_store(root / "features" / corpus, corpus)
    for corpus in SENTIMENT_CORPORA:
        write_store(root / "features" / corpus, corpus, layers="last4")
    write_store(root / "features" / "iemocap", "iemocap", layers="all")
    tokens = {"granularity": "utterance", "utterance_from": "tokens"}
    write_store(root / "features" / "iemocap_tokens", "iemocap", **tokens)
    for row in (
        "cold_start",
        "init_data2vec",
        "frame_only",
        "token",
        "global",
        "alpha_0.1",
        "alpha_10",
    ):
        write_store(root / "features" / row, "iemocap", name=row)
    write_store(root / "features" / "utterance_only", "iemocap", name="utterance_only", **tokens)
    write_store(root / "text", "iemocap", name="bert", granularity="utterance")
    write_manifest(root / "manifest")
    return root


@pytest.fixture(scope="module")
def whole(everything: Path) -> Plan:
    """The plan of the whole paper."""
    return plan_of(
        *paper_tables(), figures=("3", "4"), features=[everything / "features"],
        text=[everything / "text"], manifests=[everything / "manifest" / "all.tsv"],
    )  # fmt: skip


def test_every_table_and_figure_of_the_paper_composes(whole: Plan) -> None:
    for table, rows in whole.tables:
        ours = [row for row in rows if row.row.key == "emotion2vec"]
        assert ours, table.number
        for row in ours:
            cells = [whole.cells[name] for name in row.cells.values()]
            assert cells
            assert [cell.reason for cell in cells] == [""] * len(cells)
    for names in whole.figures.values():
        assert [name for name in names if whole.cells[name].config] == [names[2]]


def test_the_paper_has_45_cells_for_one_model_and_its_ablations(whole: Plan) -> None:
    assert sum(cell.config is not None for cell in whole.cells.values()) == 45


def test_every_figure_that_the_paper_prints_for_emotion2vec_has_a_cell(whole: Plan) -> None:
    for table, rows in whole.tables:
        for row in rows:
            if not row.row.reported_only:
                assert set(row.row.figures) <= set(row.cells), (table.number, row.row.key)


def test_a_cell_that_several_tables_share_is_one(whole: Plan) -> None:
    shared = "Table 2, Table 8, Table 9, Table 10, Table 11"
    assert whole.used_by("iemocap_5fold/emotion2vec") == shared
    assert whole.used_by("iemocap_5fold/frame_only") == "Table 9, Table 11"


def test_starred_rows_choose_on_the_test_part_and_say_so(whole: Plan) -> None:
    starred = whole.cells["iemocap_10fold+starred/emotion2vec"]
    assert starred.config is not None
    assert starred.config.starred
    assert "VALIDATED ON TEST" in starred.badges
    honest = whole.cells["iemocap_10fold/emotion2vec"]
    assert honest.config is not None
    assert not honest.config.starred


def test_the_rows_of_table_9_read_frames_tokens_or_both(whole: Plan) -> None:
    def stores(inputs: str) -> list[str]:
        return [
            entry.folder.name for entry in whole.cells[f"iemocap_5fold{inputs}/emotion2vec"].entries
        ]

    assert stores("") == ["iemocap"]
    assert stores("+utterance") == ["iemocap_tokens"]
    assert stores("+both") == ["iemocap", "iemocap_tokens"]
    both = whole.cells["iemocap_5fold+both/emotion2vec"].config
    assert both is not None
    assert Path(both.utterance_features).name == "iemocap_tokens"


def test_table_6_joins_manifest_speech_and_text(whole: Plan) -> None:
    both = whole.cells["iemocap_epc+speech+text/emotion2vec"].config
    assert isinstance(both, ConversationConfig)
    assert Path(both.manifest).name == "all.tsv"
    assert (Path(both.features).name, Path(both.text_features).name) == ("iemocap", "text")
    text = whole.cells["iemocap_epc+text/bert"].config
    assert isinstance(text, ConversationConfig)
    assert (text.features, Path(text.text_features).name) == ("", "text")


def test_a_row_of_an_ablation_is_in_no_table_of_models(whole: Plan) -> None:
    assert whole.used_by("iemocap_5fold/token") == "Table 10"
    assert "iemocap_10fold/token" not in whole.cells
    assert "superb_er/token" not in whole.cells


def test_a_missing_store_is_named_by_corpus_row_and_extraction(whole: Plan, tmp_path: Path) -> None:
    assert whole.cells["meld/data2vec2"].reason == "no features of meld for the row data2vec2"
    frames = write_store(tmp_path / "iemocap", "iemocap")
    reasons = {
        name: cell.reason
        for name, cell in plan_of("6", "9", "superb", features=[frames]).cells.items()
    }
    assert reasons["iemocap_5fold/emotion2vec"] == ""
    assert reasons["iemocap_5fold+both/emotion2vec"] == (
        "no utterance tokens of iemocap for the row emotion2vec (extract with --granularity utterance --utterance-from "
        "tokens); there are frame features of layers last"
    )
    assert reasons["superb_er/emotion2vec"].endswith(
        "(extract with --layers all); there are frame features of layers last"
    )
    assert reasons["iemocap_epc+speech/emotion2vec"].startswith("needs a manifest of iemocap with")
    assert reasons["iemocap_epc+speech+text/emotion2vec"].startswith("no text features of iemocap")


def test_table_7_wants_the_last_four_layers(tmp_path: Path) -> None:
    last = write_store(tmp_path / "last", "cmu_mosi")
    cell = plan_of("7", features=[last]).cells["cmu_mosi/emotion2vec"]
    assert "for the row emotion2vec (extract with --layers last4 or all); there are" in cell.reason
    four = write_store(tmp_path / "four", "cmu_mosi", layers="last4")
    cell = plan_of("7", features=[last, four]).cells["cmu_mosi/emotion2vec"]
    assert [entry.folder.name for entry in cell.entries] == ["four"]


@pytest.mark.parametrize(
    ("layer", "stores"),
    [("last", ["last", "all"]), ("last4", ["last4", "all"]), ("mean", ["all"]), ("weighted", ["all"]), ("2", ["all"]),
     ("5", [])],
)  # fmt: skip
def test_a_store_serves_the_layers_that_it_holds(
    tmp_path: Path, layer: str, stores: list[str]
) -> None:
    """A store of last4 has one layer, the mean of four: it is not the last one."""
    for layers in ("last", "last4", "all"):
        write_store(tmp_path / layers, "meld", layers=layers)
    entries = open_library([str(tmp_path)], [], []).speech
    assert {entry.layers for entry in entries if entry.serves(layer)} == set(stores)


def test_of_several_stores_that_fit_the_plainest_is_taken(tmp_path: Path) -> None:
    for layers in ("all", "last"):
        write_store(tmp_path / layers, "meld", layers=layers)
    cell = plan_of("3", features=[tmp_path]).cells["meld/emotion2vec"]
    assert [entry.folder.name for entry in cell.entries] == ["last"]


def test_frames_go_before_a_vector_an_utterance_which_is_marked(tmp_path: Path) -> None:
    pooled = write_store(tmp_path / "pooled", "meld", granularity="utterance")
    cell = plan_of("3", features=[pooled]).cells["meld/emotion2vec"]
    assert "ONE VECTOR AN UTTERANCE" in cell.badges
    frames = write_store(tmp_path / "frames", "meld")
    cell = plan_of("3", features=[pooled, frames]).cells["meld/emotion2vec"]
    assert [entry.folder.name for entry in cell.entries] == ["frames"]
    assert cell.badges == ("SYNTHETIC",)


def test_features_that_the_paper_has_not_become_a_row_of_their_own(tmp_path: Path) -> None:
    store = write_store(tmp_path / "x", "meld", name="logmel")
    ((_, rows),) = plan_of("3", features=[store]).tables
    assert (rows[-1].row.key, rows[-1].row.title) == ("logmel", "logmel")
    assert dict(rows[-1].cells)["meld"] == "meld/logmel"
    ((_, rows),) = plan_of("3", features=[f"untrained={store}"]).tables
    assert rows[-1].row.key == "untrained"


def test_own_rows_are_in_a_table_of_ablations_only_when_they_were_named(tmp_path: Path) -> None:
    store = write_store(tmp_path / "x", "iemocap", name="logmel")
    assert "iemocap_5fold/logmel" not in plan_of("11", features=[store]).cells
    assert "iemocap_5fold/alpha_0.5" in plan_of("11", features=[f"alpha_0.5={store}"]).cells


def test_names_of_baselines_and_of_the_released_model_are_rows_of_the_paper(tmp_path: Path) -> None:
    for name in ("wavlm_base_plus", "emotion2vec_base", "data2vec2"):
        write_store(tmp_path / name, "meld", name=name)
    cells = plan_of("3", features=[tmp_path]).cells
    ready = [name for name, cell in cells.items() if cell.config]
    assert ready == ["meld/wavlm_base_plus", "meld/data2vec2", "meld/emotion2vec"]


def test_other_rows_or_labels_are_another_store(tmp_path: Path) -> None:
    prints = []
    for shift, labels in ((0.0, ""), (0.0, "sad"), (1.0, "")):
        store = write_store(tmp_path / "store", "meld", shift=shift, overwrite=True)
        if labels:
            (store / "all.emo").write_text((store / "all.emo").read_text().replace("angry", labels))
        prints.append(open_library([str(store)], [], []).speech[0].fingerprint)
    again = write_store(tmp_path / "again", "meld")
    assert len(set(prints)) == 3
    assert open_library([str(again)], [], []).speech[0].fingerprint == prints[0]


def test_overrides_are_for_all_protocols_or_for_one(everything: Path) -> None:
    plan = plan_of(
        "2",
        "superb",
        features=[everything / "features"],
        overrides=("superb_er.steps=7", "seeds=[5]"),
    )
    superb = plan.cells["superb_er/emotion2vec"].config
    other = plan.cells["iemocap_5fold/emotion2vec"].config
    assert superb is not None
    assert other is not None
    assert (superb.steps, other.steps) == (7, 0)
    assert superb.seeds == other.seeds == [5]


def test_an_override_of_one_protocol_may_add_or_take_away(everything: Path) -> None:
    given = ("++iemocap_5fold.epochs=7", "~iemocap_5fold.fold_file")
    plan = plan_of("2", features=[everything / "features"], overrides=given)
    config = plan.cells["iemocap_5fold/emotion2vec"].config
    assert config is not None
    assert (config.epochs, config.fold_file) == (7, None)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("features=x", "the tables decide 'features'; say it with --features"),
        ("meld.starred=true", "the tables decide 'starred'; say it with --table 2"),
        ("nowhere.epochs=3", "'nowhere' is no protocol of"),
        ("epochs=0", "meld|epochs must be at least 1, but is 0"),
        ("layer=each", "layer=each has one result a layer and none for a table"),
    ],
)
def test_a_wrong_override_is_refused(tmp_path: Path, override: str, message: str) -> None:
    store = write_store(tmp_path / "x", "meld")
    with pytest.raises(ConfigError, match=message):
        plan_of("3", features=[store], overrides=(override,))


def test_unknown_tables_and_figures_are_refused(tmp_path: Path) -> None:
    store = write_store(tmp_path / "x", "meld")
    with pytest.raises(ConfigError, match=r"no table '12' to reproduce; expected one of \['2', "):
        plan_of("12", features=[store])
    with pytest.raises(
        ConfigError, match=r"no figure '5' to reproduce; expected one of \['3', '4'\]"
    ):
        plan_of(figures=("5",), features=[store])


def test_two_stores_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    first = write_store(tmp_path / "a", "meld")
    second = write_store(tmp_path / "b", "meld", ids=["x", "y"])
    with pytest.raises(
        ConfigError, match=r"a and .*b both hold frame features of meld for the row"
    ):
        open_library([str(first), str(second)], [], [])
    assert len(open_library([str(first), f"other={second}"], [], []).speech) == 2


def test_stores_of_another_program_are_copies_only_when_their_rows_were_written_at_once(
    tmp_path: Path,
) -> None:
    stores = [write_store(tmp_path / "a", "meld"), write_store(tmp_path / "b", "meld", shift=1.0)]
    for number, store in enumerate(stores):
        header = json.loads((store / "all.json").read_text())
        del header["fingerprint"]
        (store / "all.json").write_text(json.dumps(header))
        os.utime(store / "all.npy", (number, number))
    with pytest.raises(ConfigError, match="both hold frame features of meld"):
        open_library([str(store) for store in stores], [], [])
    copied = shutil.copytree(stores[0], tmp_path / "copied")  # with its times
    assert len(open_library([str(stores[0]), str(copied)], [], []).speech) == 1


def test_a_store_that_is_reached_twice_belongs_to_the_row_that_names_it(tmp_path: Path) -> None:
    store = write_store(tmp_path / "tree" / "a", "meld")
    (entry,) = open_library([str(tmp_path / "tree"), f"mine={store}"], [], []).speech
    assert entry.row == "mine"


def test_an_unfinished_extraction_is_left_out_by_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_store(tmp_path / "a", "meld")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "all.partial.jsonl").write_text("")
    assert len(open_library([str(tmp_path)], [], []).speech) == 1
    assert f"{tmp_path}/b: its extraction has not finished, so it is left out" in caplog.text


def test_a_folder_without_stores_and_a_wrong_row_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        FeatureStoreError, match="neither a feature store nor a folder that holds one"
    ):
        open_library([str(tmp_path / "empty")], [], [])
    with pytest.raises(FeatureStoreError, match="no features 'nowhere': no such folder"):
        open_library(["nowhere"], [], [])
    with pytest.raises(ConfigError, match="'a/b' cannot name a row; expected letters"):
        open_library([f"a/b={tmp_path}"], [], [])


def test_manifests_are_told_apart_by_their_corpus(tmp_path: Path) -> None:
    first = write_manifest(tmp_path / "a")
    second = write_manifest(tmp_path / "b")
    assert open_library([], [], [first]).manifests == {"iemocap": first}
    with pytest.raises(ManifestError, match="are both of iemocap; give one of them"):
        open_library([], [], [first, second])
    (tmp_path / "a" / "corpus.json").unlink()
    with pytest.raises(ManifestError, match=r"corpus\.json beside it does not name a corpus"):
        open_library([], [], [first])
    with pytest.raises(ManifestError, match="no manifest '.*none.tsv': no such file"):
        open_library([], [], [tmp_path / "none.tsv"])
