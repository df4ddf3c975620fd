"""Measuring, converting and reporting, alike for every corpus."""

import json
import os
import shutil
from pathlib import Path

import pytest
import soundfile

from emotion2vec.audio.io import read_audio
from emotion2vec.corpora import convert
from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.manifest import read_card, read_manifest
from emotion2vec.data.utterance import Utterance
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


def test_another_format_needs_a_folder_for_the_copies(foreign: Path, tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"2 of 8 files .* not 16 kHz mono .*give --audio-out DIR"
    ):
        prepare_corpus("urdu", foreign, tmp_path / "out")


def test_the_folder_for_the_copies_must_not_lie_in_the_release(
    foreign: Path, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match=r"--audio-out '.*flac' lies inside the root"):
        prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=foreign / "flac")


def test_all_files_are_converted_and_the_release_is_not_changed(
    foreign: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in foreign.rglob("*.wav")}
    prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=tmp_path / "flac", num_jobs=2)
    manifest = read_manifest(tmp_path / "out" / "all.tsv")
    assert manifest.root == tmp_path / "flac"
    for row in manifest.utterances:
        info = soundfile.info(manifest.root / row.path)
        assert (info.samplerate, info.channels, info.format) == (16000, 1, "FLAC")
        assert info.frames == row.num_samples == 1600
    assert before == {path: path.read_bytes() for path in foreign.rglob("*.wav")}


def test_the_copy_sounds_like_the_original(foreign: Path, tmp_path: Path) -> None:
    prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=tmp_path / "flac")
    original_S = read_audio(foreign / "Sad" / "SF10_F1_S01.wav")
    copy_S = read_audio(tmp_path / "flac" / "Sad" / "SF10_F1_S01.flac")
    assert float((original_S - copy_S).abs().max()) <= 2**-15


def test_a_second_run_keeps_complete_copies_and_makes_the_rest(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> None:
        prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=tmp_path / "flac", num_jobs=1)

    run()
    copies = sorted((tmp_path / "flac").rglob("*.flac"))
    copies[0].unlink()
    copies[1].write_bytes(b"cut short")
    source = foreign / copies[2].relative_to(tmp_path / "flac").with_suffix(".wav")
    newer = copies[2].stat().st_mtime_ns + 10**9
    os.utime(source, ns=(newer, newer))
    written = []
    write = convert._write_flac
    monkeypatch.setattr(
        convert,
        "_write_flac",
        lambda target, samples: (written.append(target), write(target, samples)),
    )
    run()
    assert sorted(written) == copies[:3]


def test_copies_of_another_release_are_not_taken_for_this_ones(
    foreign: Path, tmp_path: Path
) -> None:
    prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=tmp_path / "flac")
    other = Path(shutil.copytree(foreign, tmp_path / "other"))
    source = other / "Sad" / "SF10_F1_S01.wav"
    write_wav(source, seconds=0.2, sample_rate_hz=44100)
    os.utime(source, ns=(0, 0))
    prepare_corpus("urdu", other, tmp_path / "out", audio_out=tmp_path / "flac")
    assert soundfile.info(tmp_path / "flac" / "Sad" / "SF10_F1_S01.flac").frames == 3200


def test_the_folder_for_the_copies_must_not_hold_the_release(foreign: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"--audio-out '.*' holds the root"):
        prepare_corpus("urdu", foreign, tmp_path / "out", audio_out=foreign.parent)


def test_a_conversion_that_fails_leaves_no_file(tmp_path: Path, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(convert.soundfile, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        convert._write_flac(tmp_path / "x" / "a.flac", [0.0])
    assert list((tmp_path / "x").iterdir()) == []


def test_segments_of_a_long_file_become_files_of_their_own(tmp_path: Path) -> None:
    write_wav(tmp_path / "root" / "long.wav", seconds=1.0, sample_rate_hz=48000)
    rows = [
        Utterance("long/1", "long.wav", 0, start_sample=0, end_sample=4000),
        Utterance("long/2", "long.wav", 0, start_sample=4000, end_sample=9000),
    ]
    target, done = convert.measure_or_convert(tmp_path / "root", rows, tmp_path / "flac", 1)
    assert [row.path for row in done] == ["long/1.flac", "long/2.flac"]
    assert [row.num_samples for row in done] == [4000, 5000]
    assert [row.start_sample for row in done] == [None, None]
    assert all((target / row.path).is_file() for row in done)


def test_segments_of_a_16_khz_file_stay_segments(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", seconds=1.0)
    row = Utterance("b", "long.wav", 0, start_sample=4000, end_sample=9000)
    target, (done,) = convert.measure_or_convert(tmp_path, [row], None, 1)
    assert (target, done.num_samples, done.start_sample) == (tmp_path, 5000, 4000)


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


def test_a_card_keeps_facts_that_it_does_not_know() -> None:
    card = CorpusCard(
        "x", "X", "CC0", "", "", "en", ("sad",), "", paper=Counts(utterances=3), extra={"mic": "a"}
    )
    stored = card.to_json()
    assert (stored["mic"], stored["expected"]["utterances"]) == ("a", 3)
    assert "extra" not in stored
