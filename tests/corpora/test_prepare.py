"""Measuring, converting and reporting, alike for every corpus."""

import json
from pathlib import Path

import pytest

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.labels import sort_labels
from emotion2vec.data.manifest import read_card, read_manifest
from emotion2vec.errors import AudioError, CorpusError
from tests.corpora.releases import BUILDERS
from tests.helpers.wav import write_wav


@pytest.fixture
def root(tmp_path: Path) -> Path:
    BUILDERS["urdu"](tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def foreign(root: Path) -> Path:
    """The corpus with one file at 44.1 kHz and one in stereo."""
    write_wav(root / "Sad" / "SF10_F1_S01.wav", seconds=0.1, sample_rate_hz=44100)
    write_wav(root / "Sad" / "SM27_F4_S04.wav", seconds=0.1, channels=2)
    return root


def test_a_release_of_16_khz_mono_is_used_where_it_is(root: Path, tmp_path: Path) -> None:
    prepare_corpus("urdu", root, tmp_path / "out", audio_out=tmp_path / "flac")
    assert read_manifest(tmp_path / "out" / "all.tsv").root == root
    assert not (tmp_path / "flac").exists()


def test_an_unreadable_file_is_named_counted_and_left_out(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = root / "Sad" / "SM27_F4_S04.wav"
    bad.write_bytes(b"RIFF not audio")
    done = prepare_corpus("urdu", root, tmp_path / "out")
    assert (done.found.utterances, len(done.unreadable)) == (7, 1)
    assert f"left out: {bad}: cannot be read as audio" in caplog.text
    assert read_card(tmp_path / "out")["unreadable"] == [
        {"path": "Sad/SM27_F4_S04.wav", "reason": "cannot be read as audio (Format not recognised)"}
    ]


def test_of_very_many_unreadable_files_corpus_json_lists_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_wav(tmp_path / "root" / "sad" / "good.wav", seconds=0.1)
    for index in range(60):
        (tmp_path / "root" / "sad" / f"{index:02d}.wav").write_bytes(b"RIFF not audio")
    done = prepare_corpus("folder", tmp_path / "root", tmp_path / "out")
    assert len(done.unreadable) == len(read_card(tmp_path / "out")["unreadable"]) == 60
    assert caplog.text.count("cannot be read as audio") == 50
    assert "left out: 10 more files that cannot be read; corpus.json lists all" in caplog.text


def test_an_unreadable_file_does_not_stop_a_conversion(foreign: Path, tmp_path: Path) -> None:
    (foreign / "Angry" / "SM1_F10_A010.wav").write_bytes(b"")
    done = prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=tmp_path / "flac")
    assert isinstance(done.unreadable[0], AudioError)
    assert done.unreadable[0].reason == "is empty (0 bytes)"
    assert done.found.utterances == 7


def test_a_release_without_one_readable_file_is_refused(root: Path, tmp_path: Path) -> None:
    for path in root.rglob("*.wav"):
        path.write_bytes(b"RIFF not audio")
    with pytest.raises(
        CorpusError, match=r"none of the 8 files below .* the first: .*SM1_F10_A010"
    ):
        prepare_corpus("urdu", root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_card_in_the_manifest_folder_has_found_and_expected_counts(
    root: Path, tmp_path: Path
) -> None:
    prepare_corpus("urdu", root, tmp_path / "out")
    card = json.loads((tmp_path / "out" / "corpus.json").read_text())
    assert card["expected"] == {"utterances": 400, "speakers": 38, "hours": 0.3}
    assert card["found"]["label_counts"] == {"angry": 2, "happy": 2, "neutral": 2, "sad": 2}
    assert card["seconds"] == pytest.approx(0.8)
    assert card["synthetic"] is False
    assert {"licence", "citation", "preparer"} <= set(card)


def test_the_card_stores_options_and_how_the_copies_were_made(
    foreign: Path, tmp_path: Path
) -> None:
    BUILDERS["iemocap"](tmp_path / "iemocap")
    prepare_corpus("iemocap", tmp_path / "iemocap", tmp_path / "out", all_emotions="true")
    card = read_card(tmp_path / "out")
    assert (card["options"], card["converted"]) == ({"all_emotions": "true"}, None)
    prepare_corpus("urdu", foreign, tmp_path / "out2", audio_out=tmp_path / "wav", channel=0)
    card = read_card(tmp_path / "out2")
    assert (card["options"], card["converted"]) == ({}, {"channel": "0", "format": "flac"})


def test_labels_beyond_the_cards_own_are_stored_in_the_usual_order(tmp_path: Path) -> None:
    BUILDERS["iemocap"](tmp_path / "root")
    prepare_corpus("iemocap", tmp_path / "root", tmp_path / "out", all_emotions="true")
    labels = read_card(tmp_path / "out")["labels"]
    assert set(labels) > {"angry", "happy", "neutral", "sad", "frustrated"}
    assert tuple(labels) == sort_labels(labels)


def test_a_label_beyond_those_of_the_users_own_card_stays_a_finding_of_the_doctor(
    tmp_path: Path,
) -> None:
    for name in ("angry/a.wav", "typo/b.wav"):
        write_wav(tmp_path / "root" / name, seconds=0.1)
    (tmp_path / "root" / "card.json").write_text('{"labels": ["angry"]}')
    prepare_corpus("folder", tmp_path / "root", tmp_path / "out")
    assert read_card(tmp_path / "out")["labels"] == ["angry"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channel": "left"}, "channel must be 'mean' or a number from 0, but is 'left'"),
        ({"audio_format": "mp3"}, r"audio format must be one of \['flac', 'wav'\], but is 'mp3'"),
    ],
)
def test_an_impossible_channel_or_format_is_refused(
    root: Path, tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        prepare_corpus("urdu", root, tmp_path / "out", **settings)


def test_a_card_keeps_facts_that_it_does_not_know() -> None:
    card = CorpusCard(
        "x", "X", "CC0", "", "", "en", ("sad",), "", paper=Counts(utterances=3), extra={"mic": "a"}
    )
    stored = card.to_json()
    assert (stored["mic"], stored["expected"]["utterances"]) == ("a", 3)
    assert "extra" not in stored
