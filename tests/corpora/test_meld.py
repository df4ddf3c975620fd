"""MELD: splits, dialogues, the layouts of its copies, and what is wrong with a copy."""

import logging
from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.manifest import read_manifest
from emotion2vec.errors import CorpusError
from tests.corpora.parsed import parse
from tests.corpora.releases.files import write_files
from tests.corpora.releases.meld import HEADER, LINES, build_miniature, table, write_tables

_TRAIN = Path("train/train_sent_emo.csv")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The three splits as wav files, which need no video reader."""
    root = tmp_path / "root"
    for split, folder in (
        ("train", "train/train_splits"),
        ("valid", "dev_splits_complete"),
        ("test", "output_repeated_splits_test"),
    ):
        write_files(root / folder, [f"dia{line[3]}_utt{line[4]}.wav" for line in LINES[split]])
    write_tables(root, LINES, dev="cp1252")
    return root


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_ids_and_dialogues_begin_with_the_split_because_their_numbers_repeat(root: Path) -> None:
    taken = parse("meld", root).taken
    assert len(taken) == sum(len(lines) for lines in LINES.values())
    first = [taken[f"{split}/dia0_utt0"] for split in ("train", "valid", "test")]
    assert [row.split for row in first] == ["train", "valid", "test"]
    assert [row.dialogue for row in first] == ["train_dia0", "valid_dia0", "test_dia0"]
    assert [row.label for row in first] == ["neutral", "sad", "fear"]


def test_speaker_session_words_and_start_come_from_the_table(root: Path) -> None:
    taken = parse("meld", root).taken
    row = taken["train/dia0_utt1"]
    assert (row.speaker, row.session) == ("The Interviewer", "S08E21")
    assert row.text == 'He said \u201cno\u201d, "no"! Twice.'
    assert row.start_s == pytest.approx(981.94)
    assert taken["train/dia0_utt2"].speaker == "Chandler"


def test_a_table_in_windows_1252_keeps_its_quotes(root: Path) -> None:
    assert parse("meld", root).taken["valid/dia0_utt0"].text == "Oh my God, he\u2019s lost it."


def test_the_numbers_decide_the_order_even_where_the_times_do_not_grow(root: Path) -> None:
    taken = parse("meld", root).taken
    rows = [taken[f"train/dia0_utt{number}"] for number in (0, 1, 2, 10)]
    assert [(row.order, row.turn) for row in rows] == [(0, 0), (1, 1), (2, 2), (3, 2)]


def test_a_missing_clip_is_counted_in_the_order_and_named(root: Path) -> None:
    (root / "train/train_splits/dia0_utt1.wav").unlink()
    parsed = parse("meld", root)
    assert parsed.taken["train/dia0_utt2"].order == 2
    assert parsed.left_out == {
        "train/train_splits/dia0_utt1.mp4": "listed in train_sent_emo.csv, but there is no such clip"
    }


def test_a_time_that_is_none_stays_empty_with_a_warning(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert parse("meld", root).taken["train/dia1_utt0"].start_s is None
    assert "1 start times are not of the form 00:14:38,127" in caplog.text
    assert "'noon'" in caplog.text


def test_the_real_release_s_damaged_and_missing_clips_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build_miniature(tmp_path / "root")
    with caplog.at_level(logging.WARNING):
        prepared = prepare_corpus(
            "meld",
            tmp_path / "root",
            tmp_path / "out",
            audio_out=tmp_path / "audio",
            num_jobs=1,
        )
    assert [Path(error.source).name for error in prepared.unreadable] == ["dia125_utt3.mp4"]
    assert "dev_splits_complete/dia110_utt7.mp4" in caplog.text
    assert len(read_manifest(tmp_path / "out" / "valid.tsv").utterances) == 2


def test_clips_without_a_row_are_left_out_or_taken_without_a_label(root: Path) -> None:
    names = ["dia66_utt9.wav", "final_videos_testdia101_utt0.wav"]
    write_files(root / "output_repeated_splits_test", names)
    parsed = parse("meld", root)
    assert parsed.left_out == {
        f"output_repeated_splits_test/{name}": "no row in test_sent_emo.csv" for name in names
    }
    more = parse("meld", root, unlabelled="true")
    assert more.left_out == {}
    row = more.taken["test/final_videos_testdia101_utt0"]
    assert (row.label, row.dialogue, row.split) == (None, None, "test")
    assert len(more.taken) == len(parsed.taken) + 2


def test_the_long_name_of_a_test_clip_counts_where_the_short_one_is_missing(root: Path) -> None:
    folder = root / "output_repeated_splits_test"
    (folder / "dia0_utt0.wav").rename(folder / "final_videos_testdia0_utt0.wav")
    write_files(folder, ["final_videos_testdia0_utt1.wav"])
    parsed = parse("meld", root)
    paths = [parsed.taken[f"test/dia0_utt{number}"].path for number in (0, 1)]
    assert paths == [
        "output_repeated_splits_test/final_videos_testdia0_utt0.wav",
        "output_repeated_splits_test/dia0_utt1.wav",
    ]
    reason = parsed.left_out["output_repeated_splits_test/final_videos_testdia0_utt1.wav"]
    assert reason == "the clip of its row under the short name is taken"
    more = parse("meld", root, unlabelled="true")
    assert more.taken["test/final_videos_testdia0_utt1"].label is None


def test_a_mac_s_files_are_left_out(root: Path) -> None:
    (root / "dev_splits_complete/._dia0_utt0.mp4").write_bytes(b"\x00\x05\x16\x07")
    reason = parse("meld", root).left_out["dev_splits_complete/._dia0_utt0.mp4"]
    assert "hidden file" in reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("output_repeated_splits_test", "final_videos_test"),
        ("output_repeated_splits_test", "test/output_repeated_splits_test"),
        ("dev_splits_complete", "MELD.Raw/dev/dev_splits_complete"),
        ("train/train_splits", "train_splits/train_splits"),
        ("train", "MELD.Raw/train"),
    ],
)
def test_the_folders_of_other_copies_are_found(root: Path, old: str, new: str) -> None:
    expected = set(parse("meld", root).taken)
    if old == "train/train_splits":
        (root / _TRAIN).rename(root / _TRAIN.name)
    (root / new).parent.mkdir(parents=True, exist_ok=True)
    (root / old).rename(root / new)
    assert set(parse("meld", root).taken) == expected


@pytest.mark.parametrize("place", [".", "train/train_splits", "data/MELD"])
def test_a_table_may_lie_in_several_places(root: Path, place: str) -> None:
    (root / place).mkdir(parents=True, exist_ok=True)
    (root / _TRAIN).rename(root / place / _TRAIN.name)
    assert "train/dia0_utt0" in parse("meld", root).taken


def test_the_table_nearest_to_the_clips_wins(root: Path) -> None:
    lines = [(*line[:2], "joy", *line[3:]) for line in LINES["train"]]
    (root / _TRAIN.name).write_text(table(lines), encoding="utf-8")
    assert parse("meld", root).taken["train/dia0_utt0"].label == "neutral"


def test_a_missing_table_is_named(root: Path) -> None:
    (root / "dev_sent_emo.csv").unlink()
    with pytest.raises(CorpusError, match=r"no dev_sent_emo.csv for the clips in '.*complete'"):
        parse("meld", root)


def test_a_missing_split_is_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "dev_splits_complete").rename(root / "elsewhere")
    assert {row.split for row in parse("meld", root).taken.values()} == {"train", "test"}
    assert "no folder dev_splits_complete with clips below" in caplog.text


def test_two_copies_in_one_folder_are_named(root: Path) -> None:
    write_files(root / "copy" / "dev_splits_complete", ["dia0_utt0.wav"])
    with pytest.raises(CorpusError, match=r"both '.*copy.*' and '.*complete' hold MELD's valid"):
        parse("meld", root)


def test_an_unknown_emotion_names_file_and_line(root: Path) -> None:
    _replace(root / _TRAIN, ",joy,", ",bliss,")
    with pytest.raises(CorpusError, match=r"train_sent_emo.csv:5: label code 'bliss' is not one"):
        parse("meld", root)


def test_an_utterance_listed_twice_names_both_lines(root: Path) -> None:
    _replace(root / _TRAIN, ",0,10,", ",0,0,")
    with pytest.raises(CorpusError, match=r":6: dia0_utt0 is listed twice, first in .*emo.csv:2"):
        parse("meld", root)


def test_a_number_that_is_none_names_file_and_line(root: Path) -> None:
    _replace(root / _TRAIN, ",0,10,", ",0,x,")
    with pytest.raises(CorpusError, match=r"emo.csv:6: Dialogue_ID and Utterance_ID must be whole"):
        parse("meld", root)


def test_a_table_of_another_corpus_is_refused(root: Path) -> None:
    _replace(root / _TRAIN, HEADER, HEADER.replace("Emotion", "Class"))
    with pytest.raises(CorpusError, match=r"train_sent_emo.csv:1: the header .* lacks \['Emotion'"):
        parse("meld", root)


def test_an_empty_table_leaves_every_clip_out(root: Path) -> None:
    (root / _TRAIN).write_text(f"{HEADER}\n", encoding="utf-8")
    parsed = parse("meld", root)
    assert sum(reason == "no row in train_sent_emo.csv" for reason in parsed.left_out.values()) == 6
