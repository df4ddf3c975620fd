"""CMU-MOSEI: segments, their scores and splits, and what is wrong with a copy."""

import csv
import gzip
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from emotion2vec.corpora.cmu import FACTS, official_splits
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.manifest import read_card, read_manifest
from emotion2vec.errors import CorpusError
from tests.corpora.parsed import parse
from tests.corpora.releases.cmu_mosei import AUDIO, TRANSCRIPTS, build_miniature, write_transcript
from tests.helpers.shared_data import require_shared
from tests.helpers.wav import write_wav

_SIGNS = {"-1": "negative", "0": "neutral", "1": "positive"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build_miniature(tmp_path / "root")
    return tmp_path / "root"


def test_all_segments_are_utterances_and_the_scored_ones_have_a_label(root: Path) -> None:
    taken = parse("cmu_mosei", root).taken
    assert {name: (row.label, row.score, row.split) for name, row in taken.items()} == {
        "266366_0": ("positive", 1.0, "train"),
        "266366_1": (None, None, "train"),
        "266366_2": (None, None, "train"),
        "46495_0": ("negative", -1.0, "test"),
        "180971_3": ("neutral", 0.0, "test"),
        "_aZDaIfGfPo_7": ("neutral", 0.0, "valid"),
        "a__b__10": (None, None, None),
        "a__b__2": (None, None, None),
        "a__b__3": (None, None, None),
    }


def test_a_segment_is_a_stretch_of_its_video_in_samples_at_16_khz(root: Path) -> None:
    taken = parse("cmu_mosei", root).taken
    segment = taken["266366_1"]
    assert (segment.path, segment.session) == (f"{AUDIO}/266366.wav", "266366")
    assert (segment.start_sample, segment.end_sample) == (14400, 30400)
    assert taken["46495_0"].path == f"{AUDIO}/46495.flac"
    assert all(row.speaker is None and row.language == "en" for row in taken.values())


def test_a_segment_that_starts_before_its_video_starts_at_0(root: Path) -> None:
    segment = parse("cmu_mosei", root).taken["a__b__10"]
    assert (segment.start_sample, segment.end_sample) == (0, 8000)


def test_a_score_is_found_where_both_ends_of_a_segment_start_before_the_video(
    root: Path,
) -> None:
    write_wav(root / AUDIO / "-9YyBTjo1zo.wav", seconds=2.0)
    write_transcript(root, "-9YyBTjo1zo", ["4___0.0___1.7795___Cut at 0 by whoever copied it."])
    row = parse("cmu_mosei", root).taken["-9YyBTjo1zo_4"]
    assert (row.label, row.start_sample, row.split) == ("negative", 0, None)


def test_texts_are_on_one_line_and_may_hold_the_separator(root: Path) -> None:
    taken = parse("cmu_mosei", root).taken
    assert taken["266366_1"].text == "Words___and more."
    assert taken["180971_3"].text == "Tab and spaces."
    assert taken["46495_0"].text == "Other words."
    assert taken["a__b__3"].text is None


def test_a_transcript_that_is_not_utf_8_is_read(root: Path) -> None:
    (root / TRANSCRIPTS / "46495.txt").write_bytes(b"46495___0___0.0___0.662___It\x92s \x81.\n")
    assert parse("cmu_mosei", root).taken["46495_0"].text == "It\u2019s \ufffd."


def test_what_is_no_segment_is_left_out_with_its_line(root: Path) -> None:
    left_out = parse("cmu_mosei", root).left_out
    form = "line is not of the form video___index___start___end___text"
    assert left_out[f"{TRANSCRIPTS}/a__b_.txt:4"] == form
    assert left_out[f"{TRANSCRIPTS}/a__b_.txt:5"] == form
    assert "shorter than 25 ms" in left_out[f"{TRANSCRIPTS}/a__b_.txt:6"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("9___0.8___0.2___Backwards.", "segment is shorter than 25 ms, or ends before it starts"),
        ("9___0.2___nan___Endless.", "line is not of the form video___index___"),
        ("0___0.7___0.9___Again.", "second segment of this number in its transcript"),
    ],
)
def test_a_segment_that_cannot_be_used_is_left_out(root: Path, line: str, reason: str) -> None:
    write_transcript(root, "46495", ["0___0.0___0.662___Words.", line])
    assert reason in parse("cmu_mosei", root).left_out[f"{TRANSCRIPTS}/46495.txt:2"]


def test_the_line_of_another_video_is_not_a_segment(root: Path) -> None:
    path = root / TRANSCRIPTS / "46495.txt"
    path.write_text("180971___0___0.0___0.662___Words.\n", encoding="utf-8")
    assert "not of the form" in parse("cmu_mosei", root).left_out[f"{TRANSCRIPTS}/46495.txt:1"]


def test_audio_and_transcripts_without_each_other_are_left_out(root: Path) -> None:
    left_out = parse("cmu_mosei", root).left_out
    assert left_out[f"{AUDIO}/alone.wav"] == "there is no transcript for this audio"
    assert left_out[f"{TRANSCRIPTS}/text_only.txt"] == "there is no audio for this transcript"


def test_labelled_videos_that_a_copy_lacks_are_named(root: Path) -> None:
    left_out = parse("cmu_mosei", root).left_out
    missing = [path for path, reason in left_out.items() if reason.startswith("missing: a video")]
    assert len(missing) == 3293 - 4
    assert f"{AUDIO}/--qXJuDtHPw.wav" in missing


def test_scores_that_fit_no_segment_are_named(root: Path) -> None:
    left_out = parse("cmu_mosei", root).left_out
    places = [path for path, reason in left_out.items() if "is not in the transcript" in reason]
    assert f"{TRANSCRIPTS}/_aZDaIfGfPo.txt: 0.012 to 7.964 s" in places


def test_a_segment_60_ms_off_has_no_score(root: Path) -> None:
    write_transcript(root, "46495", ["0___0.0___0.722___Words."])
    parsed = parse("cmu_mosei", root)
    assert parsed.taken["46495_0"].label is None
    assert f"{TRANSCRIPTS}/46495.txt: 0 to 0.662 s" in parsed.left_out


def test_seven_classes_are_an_option(root: Path, tmp_path: Path) -> None:
    prepare_corpus("cmu_mosei", root, tmp_path / "out", audio_out=tmp_path / "audio", classes="7")
    rows = read_manifest(tmp_path / "out" / "all.tsv").utterances
    labels = {row.id: row.label for row in rows if row.label is not None}
    assert labels["266366_0"] == "weakly_positive"
    assert labels["46495_0"] == "weakly_negative"
    assert set(labels.values()) <= set(read_card(tmp_path / "out")["labels"])


def test_segments_without_a_score_can_be_left_out(root: Path) -> None:
    parsed = parse("cmu_mosei", root, labelled_only="true")
    assert sorted(parsed.taken) == ["180971_3", "266366_0", "46495_0", "_aZDaIfGfPo_7"]
    reason = "segment has no score (option labelled_only)"
    assert parsed.left_out[f"{TRANSCRIPTS}/266366.txt:2"] == reason


def test_another_number_of_classes_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"classes must be one of \['2', '7'\], but is '3'"):
        prepare_corpus("cmu_mosei", root, tmp_path / "out", classes="3")


def test_raw_itself_may_be_the_root(root: Path) -> None:
    assert parse("cmu_mosei", root / "Raw").taken.keys() == parse("cmu_mosei", root).taken.keys()


@pytest.mark.parametrize(
    ("folder", "match"),
    [
        ("Transcript", r"audio, but no transcripts; expected the folder Raw/Transcript/Segmented"),
        ("Audio", r"transcripts, but no audio; expected the folder Raw/Audio/Full/WAV_16000"),
    ],
)
def test_half_a_corpus_is_refused(root: Path, folder: str, match: str) -> None:
    shutil.rmtree(root / "Raw" / folder)
    with pytest.raises(CorpusError, match=match):
        parse("cmu_mosei", root)


def test_the_folds_are_the_authors() -> None:
    splits = Counter(official_splits("cmu_mosei").values())
    assert splits == {"train": 2249, "valid": 300, "test": 678}


def test_the_scores_are_those_of_23259_segments_in_3293_videos() -> None:
    with gzip.open(FACTS / "cmu_mosei_labels.tsv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) == 23259
    assert len({row["video"] for row in rows}) == 3293
    assert {row["score"] for row in rows} == {"-3", "-2", "-1", "0", "1", "2", "3"}
    splits = official_splits("cmu_mosei")
    assert sum(row["video"] not in splits for row in rows) == 399


@pytest.mark.shared_data
@pytest.mark.slow
def test_every_labelled_segment_gets_its_times_score_and_split(tmp_path: Path) -> None:
    table = require_shared("corpora/folds/cmu_mosei_segment_labels.csv.gz")
    with gzip.open(table, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = _write_videos(tmp_path, rows)
    parsed = parse("cmu_mosei", tmp_path)
    assert parsed.left_out == {}
    assert len(expected) == len(rows) == 23259
    found = {
        name: (row.start_sample, row.end_sample, row.label, row.score, row.split)
        for name, row in parsed.taken.items()
    }
    assert found == expected


def _write_videos(root: Path, rows: list[dict[str, str]]) -> dict[str, tuple[object, ...]]:
    """Write a transcript, ordered and numbered by time, and an empty audio file for each video."""
    splits = {"0": "train", "1": "valid", "2": "test", "3": None}
    videos = defaultdict(list)
    for row in sorted(rows, key=lambda row: float(row["start"])):
        videos[row["file"]].append(row)
    expected: dict[str, tuple[object, ...]] = {}
    (root / AUDIO).mkdir(parents=True)
    for video, segments in videos.items():
        (root / AUDIO / f"{video}.wav").touch()
        lines = [f"{i}___{row['start']}___{row['end']}___Words" for i, row in enumerate(segments)]
        write_transcript(root, video, lines)
        for index, row in enumerate(segments):
            expected[f"{video}_{index}"] = (
                round(max(0.0, float(row["start"])) * 16000),
                round(float(row["end"]) * 16000),
                _SIGNS[row["label2b"]],
                float(row["label7"]),
                splits[row["split"]],
            )
    return expected
