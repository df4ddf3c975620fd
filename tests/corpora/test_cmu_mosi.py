"""CMU-MOSI: scores from either table, splits by video, and what is wrong with a copy."""

import json
from collections import Counter
from pathlib import Path

import pytest

from emotion2vec.corpora.cmu import official_splits
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.manifest import read_card, read_manifest
from emotion2vec.errors import CorpusError
from tests.corpora.parsed import parse
from tests.corpora.releases.cmu_mosi import (
    AUDIO,
    SCORES,
    build_miniature,
    write_label_csv,
    write_opinion_csv,
)
from tests.corpora.releases.files import write_files
from tests.helpers.shared_data import require_shared


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build_miniature(tmp_path / "root")
    return tmp_path / "root"


def test_the_label_is_the_sign_of_the_score(root: Path) -> None:
    taken = parse("cmu_mosi", root).taken
    assert {name: row.score for name, row in taken.items()} == SCORES
    labels = Counter(row.label for row in taken.values())
    assert labels == {"positive": 5, "negative": 4, "neutral": 1}
    assert taken["03bSnISJMiM_11"].label == "neutral"


def test_splits_are_the_authors_and_by_video(root: Path) -> None:
    taken = parse("cmu_mosi", root).taken
    assert {(row.session, row.split) for row in taken.values()} == {
        ("03bSnISJMiM", "train"),
        ("Ci-AH39fi3Y", "train"),
        ("c5xsKMxpXnc", "valid"),
        ("_dI--eQ6qVU", "valid"),
        ("tmZoasNr4rU", "test"),
    }


def test_the_folds_are_the_authors() -> None:
    splits = official_splits("cmu_mosi")
    assert Counter(splits.values()) == {"train": 52, "valid": 10, "test": 31}
    folds = json.loads(require_shared("corpora/folds/cmu_mosi.json").read_text())
    for split in ("train", "valid", "test"):
        assert all(splits[video] == split for video in folds[f"standard_{split}_fold"])


def test_texts_come_from_the_transcripts(root: Path) -> None:
    taken = parse("cmu_mosi", root).taken
    assert taken["03bSnISJMiM_1"].text == "FIRST WORDS"
    assert taken["03bSnISJMiM_2"].text is None
    assert taken["03bSnISJMiM_11"].text == "LAST WORDS"
    assert taken["c5xsKMxpXnc_1"].text is None


def test_seven_classes_round_the_score(root: Path, tmp_path: Path) -> None:
    prepare_corpus("cmu_mosi", root, tmp_path / "out", classes="7")
    rows = read_manifest(tmp_path / "out" / "all.tsv").utterances
    labels = {row.id: row.label for row in rows}
    assert labels["c5xsKMxpXnc_1"] == "highly_positive"
    assert labels["tmZoasNr4rU_1"] == "neutral"
    assert labels["tmZoasNr4rU_2"] == "negative"
    assert labels["03bSnISJMiM_2"] == "weakly_negative"
    assert set(labels.values()) <= set(read_card(tmp_path / "out")["labels"])


def test_segments_and_scores_without_each_other_are_left_out(root: Path) -> None:
    left_out = parse("cmu_mosi", root).left_out
    assert left_out == {
        f"{AUDIO}/03bSnISJMiM_99.wav": "no score in label.csv",
        f"{AUDIO}/notes.wav": "name is not of the form 03bSnISJMiM_1",
        f"{AUDIO}/tmZoasNr4rU_77.wav": "missing: has a score in label.csv",
    }


def test_a_video_of_no_fold_is_left_out(root: Path) -> None:
    write_files(root / AUDIO, ["stranger_1.wav"])
    reason = parse("cmu_mosi", root).left_out[f"{AUDIO}/stranger_1.wav"]
    assert reason == "its video is in none of the official folds"


def test_the_authors_table_comes_first(root: Path) -> None:
    write_opinion_csv(root / "Raw/Labels/OpinionLevelSentiment.csv", {"03bSnISJMiM_1": -1.5})
    taken = parse("cmu_mosi", root).taken
    assert {name: row.score for name, row in taken.items()} == {"03bSnISJMiM_1": -1.5}


def test_a_named_table_is_taken_instead(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    write_opinion_csv(table, SCORES)
    (root / "label.csv").unlink()
    assert len(parse("cmu_mosi", root, labels=table).taken) == len(SCORES)


def test_blanks_around_the_cells_of_a_table_do_not_matter(root: Path) -> None:
    table = "\ufeffvideo_id, clip_id, label\n 03bSnISJMiM , 1 , 1.5 \n"
    (root / "label.csv").write_text(table, encoding="utf-8")
    taken = parse("cmu_mosi", root).taken
    assert {name: row.score for name, row in taken.items()} == {"03bSnISJMiM_1": 1.5}


def test_raw_itself_may_be_the_root(root: Path) -> None:
    (root / "label.csv").rename(root / "Raw" / "label.csv")
    assert len(parse("cmu_mosi", root / "Raw").taken) == len(SCORES)
    assert len(parse("cmu_mosi", root).taken) == len(SCORES)


def test_a_release_without_scores_names_the_tables_to_get(root: Path) -> None:
    (root / "label.csv").unlink()
    with pytest.raises(
        CorpusError,
        match=r"no sentiment scores of cmu_mosi below .*get label.csv \(of the MMSA project\) or "
        r"OpinionLevelSentiment.csv \(of the authors\) and name it with --labels FILE",
    ):
        parse("cmu_mosi", root)


def test_a_named_table_must_exist(root: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no label table '.*none.csv'; expected label.csv or"):
        parse("cmu_mosi", root, labels=tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r":1: expected a header with video_id,clip_id,label, or rows of start,end"),
        ("name,score\na,1\n", r":1: expected a header with .*, but found 'name,score'"),
        ("video_id,clip_id,label\nv,1,4\n", r":2: the score must be a number from -3 to 3, but is"),
        ("video_id,clip_id,label\nv,1,nan\n", r":2: the score must be .*, but is 'nan'"),
        ("video_id,clip_id,label\nv,1\n", r":2: expected at least 3 columns, found 2"),
        ("0,1,v,1,2\n0,1,v,1,x\n", r":2: the score must be a number from -3 to 3, but is 'x'"),
        ("0,1,v,1,2\n\n0,1,v,1,1\n", r":3: segment v_1 has a second, different score"),
    ],
)
def test_a_malformed_table_is_named_with_its_line(root: Path, text: str, match: str) -> None:
    (root / "label.csv").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=rf"label\.csv{match}"):
        parse("cmu_mosi", root)


def test_a_table_of_the_second_kind_may_have_its_scores_in_any_split_of_its_own(root: Path) -> None:
    write_label_csv(root / "label.csv", {"tmZoasNr4rU_1": 0.2})  # the table says train
    assert parse("cmu_mosi", root).taken["tmZoasNr4rU_1"].split == "test"
