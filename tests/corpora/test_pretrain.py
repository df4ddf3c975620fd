"""Joining the manifests of several corpora into the pre-training set."""

import json
from pathlib import Path

import pytest

from emotion2vec.corpora import pretrain
from emotion2vec.corpora.pretrain import PRETRAINING_CORPORA, join_corpora, joined_table
from emotion2vec.data.manifest import read_manifest
from emotion2vec.errors import CorpusError
from tests.helpers.wav import make_manifest_folder


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """The five corpora as manifest folders of 4 utterances each, their audio in different places."""
    folder = tmp_path / "manifests"
    for name in PRETRAINING_CORPORA:
        made = make_manifest_folder(tmp_path / "speech" / name, num_utts=4)
        folder.mkdir(exist_ok=True)
        made.rename(folder / name)
    return folder


def test_all_utterances_are_there_without_their_labels(manifests: Path, tmp_path: Path) -> None:
    join_corpora(manifests, tmp_path / "out")
    manifest = read_manifest(tmp_path / "out" / "all.tsv")
    assert len(manifest.utterances) == 20
    assert all((manifest.root / row.path).is_file() for row in manifest.utterances)
    assert {row.label for row in manifest.utterances} == {None}
    assert not (tmp_path / "out" / "all.emo").exists()


def test_names_stay_apart(manifests: Path, tmp_path: Path) -> None:
    join_corpora(manifests, tmp_path / "out")
    rows = read_manifest(tmp_path / "out" / "all.tsv").utterances
    assert (rows[0].id, rows[0].speaker) == ("iemocap/utt000", "iemocap/s1")
    assert rows[-1].id == "msp_podcast/utt003"


def test_the_table_has_the_papers_totals_beside_the_found_ones(
    manifests: Path, tmp_path: Path
) -> None:
    header, *parts, total = joined_table(join_corpora(manifests, tmp_path / "out"))
    assert header == ("corpus", "utterances", "Table 1", "hours", "Table 1")
    assert [row[0] for row in parts] == list(PRETRAINING_CORPORA)
    assert total == ("total", "20", "169053", "0.0", "262.0")


def test_the_card_keeps_licence_and_counts_of_each_part(manifests: Path, tmp_path: Path) -> None:
    card = manifests / "meld" / "corpus.json"
    card.write_text(json.dumps({"licence": "GPL-3.0", "citation": "Poria"}))
    join_corpora(manifests, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "corpus.json").read_text())
    assert written["expected"]["utterances"] == 169053
    assert written["parts"]["meld"]["licence"] == "GPL-3.0"
    assert written["parts"]["meld"]["found"]["utterances"] == 4
    assert written["synthetic"] is True


def test_a_subset_has_no_total_of_the_paper(manifests: Path, tmp_path: Path) -> None:
    joined = join_corpora(manifests, tmp_path / "out", corpora=["mead", "meld"])
    assert joined.total.utterances == 8
    assert joined_table(joined)[-1][2] == "-"


def test_a_part_that_is_not_prepared_is_named_with_those_that_are(
    manifests: Path, tmp_path: Path
) -> None:
    (manifests / "mead" / "all.tsv").unlink()
    (manifests / "cmu_mosei" / "all.tsv").unlink()
    with pytest.raises(
        CorpusError,
        match=r"no manifest '.*cmu_mosei/all\.tsv': prepare cmu_mosei .*corpora=iemocap,meld,msp_podcast",
    ):
        join_corpora(manifests, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_part_must_be_named_once(manifests: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="one or more different names"):
        join_corpora(manifests, tmp_path / "out", corpora=["mead", "mead"])


def test_a_part_is_not_overwritten(manifests: Path) -> None:
    with pytest.raises(CorpusError, match="is one of the parts"):
        join_corpora(manifests, manifests / "mead")


def test_the_papers_total_is_that_of_its_rows_with_mead_as_released() -> None:
    """169,053 is the printed total; Table 1's rows, with MEAD's 31,729 released files for the 31,792 it prints."""
    assert pretrain.CARD.paper.utterances == 5531 + 13847 + 44977 + 31729 + 72969
