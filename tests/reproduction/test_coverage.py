"""When a corpus is complete, what becomes of one that is not, and where its folds come from."""

from pathlib import Path

from emotion2vec.corpora.registry import get_corpus
from emotion2vec.probe.fold_file import read_fold_file
from emotion2vec.probe.run import compose_config
from emotion2vec.reproduction.coverage import measure_coverage
from emotion2vec.reproduction.library import open_library
from tests.reproduction.plans import CONFIG_DIR, plan_of
from tests.reproduction.stores import write_manifest, write_store


def urdu_ids() -> list[str]:
    fold = read_fold_file(CONFIG_DIR / "folds" / "urdu_10fold.json").folds[0]
    return [*fold.train, *fold.valid, *fold.test]


def test_an_incomplete_corpus_needs_partial_and_is_marked(tmp_path: Path) -> None:
    store = write_store(tmp_path / "part", "urdu", ids=urdu_ids()[:120], synthetic=False)
    refused = plan_of("4", features=[store]).cells["urdu_10fold/emotion2vec"]
    assert refused.config is None
    assert refused.reason == (
        f"{store} holds only 120 of 400 utterances of urdu; extract the whole corpus, or give --partial to evaluate "
        "what is there with folds by rule"
    )
    taken = plan_of("4", features=[store], partial=True).cells["urdu_10fold/emotion2vec"]
    assert taken.badges == ("PARTIAL 120 of 400 utterances",)
    assert taken.config is not None
    assert taken.config.fold_file is None


def test_a_complete_corpus_has_the_stored_folds_and_no_badge(tmp_path: Path) -> None:
    store = write_store(tmp_path / "whole", "urdu", ids=urdu_ids(), synthetic=False)
    cell = plan_of("4", features=[store], partial=True).cells["urdu_10fold/emotion2vec"]
    assert cell.badges == ()
    assert cell.config is not None
    assert cell.config.fold_file == "folds/urdu_10fold.json"


def test_without_a_fold_file_the_card_says_how_many_there_are(tmp_path: Path) -> None:
    expected = get_corpus("emovo").card.release.utterances
    ids = [f"e{index}" for index in range(expected or 0)]
    part = write_store(tmp_path / "part", "emovo", ids=ids[:-1], synthetic=False)
    cell = plan_of("4", features=[part]).cells["emovo_10fold/emotion2vec"]
    assert f"holds only {len(ids) - 1} of {len(ids)} utterances of emovo" in cell.reason
    complete = write_store(tmp_path / "whole", "emovo", ids=ids, synthetic=False)
    cell = plan_of("4", features=[complete]).cells["emovo_10fold/emotion2vec"]
    assert (cell.reason, cell.badges) == ("", ())


def test_cmu_mosei_is_complete_with_all_labelled_segments_and_m3ed_without_two_too_short(
    tmp_path: Path,
) -> None:
    for corpus, number in (("cmu_mosei", 23259), ("m3ed", 24435)):
        for missing in (0, 1):
            folder, ids = (
                tmp_path / f"{corpus}{missing}",
                [f"u{i}" for i in range(number - missing)],
            )
            layers = "last4" if corpus == "cmu_mosei" else "last"
            store = write_store(folder, corpus, ids=ids, synthetic=False, layers=layers)
            table = "7" if corpus == "cmu_mosei" else "4"
            cell = plan_of(table, features=[store]).cells[f"{corpus}/emotion2vec"]
            assert (cell.config is None) == bool(missing), cell.reason
            assert not missing or f"holds only {number - 1} of {number} utterances" in cell.reason


def test_a_part_that_gives_no_folds_is_skipped_and_says_why(tmp_path: Path) -> None:
    ids = urdu_ids()[:24]  # of six speakers
    store = write_store(tmp_path / "part", "urdu", ids=ids, synthetic=False)
    cells = plan_of("4", "speaker", features=[store], partial=True).cells
    assert cells["urdu_10fold/emotion2vec"].config is not None
    apart = cells["urdu_10fold_speaker/emotion2vec"]
    assert apart.config is None
    assert apart.reason == (
        "the utterances that are there give no folds: 10 folds need at least as many groups, but there are 6; extract "
        "more of the corpus"
    )


def test_conversations_need_all_emotions_and_keep_the_stored_folds(tmp_path: Path) -> None:
    folds = read_fold_file(CONFIG_DIR / "folds" / "iemocap_10fold.json").folds
    ids = sorted({name for fold in folds for name in fold.test})
    assert len(ids) == 5531
    store = write_store(tmp_path / "part", "urdu", ids=ids, synthetic=False)
    header = store / "all.json"
    header.write_text(header.read_text().replace('"corpus": "urdu"', '"corpus": "iemocap"'))
    manifest = write_manifest(tmp_path / "manifest")
    given = {"features": [store], "manifests": [manifest]}
    cell = plan_of("6", **given).cells["iemocap_epc+speech/emotion2vec"]
    assert "holds only 5531 of 10039 utterances of iemocap" in cell.reason
    taken = plan_of("6", **given, partial=True).cells["iemocap_epc+speech/emotion2vec"]
    assert taken.badges == ("PARTIAL 5531 of 10039 utterances",)
    assert taken.config is not None
    assert taken.config.fold_file == "folds/iemocap_10fold.json"
    assert plan_of("2", features=[store]).cells["iemocap_10fold/emotion2vec"].badges == ()


def test_the_store_that_lacks_most_decides(tmp_path: Path) -> None:
    ids = urdu_ids()
    whole = write_store(tmp_path / "whole", "urdu", ids=ids, synthetic=False)
    part = write_store(
        tmp_path / "part",
        "urdu",
        ids=ids[:100],
        synthetic=False,
        granularity="utterance",
        utterance_from="tokens",
    )
    entries = open_library([str(whole), str(part)], [], []).speech
    config, _ = compose_config(CONFIG_DIR, "urdu_10fold", [])
    for order in (entries, entries[::-1]):
        coverage = measure_coverage(config, order, CONFIG_DIR)
        assert (coverage.entry.folder, coverage.found, coverage.folds_fit) == (part, 100, False)
