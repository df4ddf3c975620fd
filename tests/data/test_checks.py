"""The doctor: each illness is found and named, and the clean copy is healthy."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotion2vec.data.checks import check_folder, write_clean_copy
from emotion2vec.data.manifest import read_card, read_manifest, write_manifest_folder
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import ManifestError
from tests.helpers.wav import make_manifest_folder, speech_like, write_wav


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_manifest_folder(tmp_path, num_utts=8)


@pytest.fixture
def wav(folder: Path) -> Path:
    """Path of the recording that a test spoils."""
    return folder.parent / "audio" / "utt003.wav"


def _only_finding(folder: Path) -> tuple[str, str, bool]:
    (finding,) = check_folder(folder, num_jobs=2).findings
    return finding.kind, finding.message, finding.is_error


def test_a_healthy_folder_has_no_findings(folder: Path) -> None:
    report = check_folder(folder, num_jobs=2)
    assert (report.num_utterances, report.seconds, report.findings) == (8, 4.0, ())


def test_a_missing_file_is_an_error(folder: Path, wav: Path) -> None:
    wav.unlink()
    assert _only_finding(folder) == ("missing", f"{wav}: does not exist", True)


def test_an_unreadable_file_is_an_error(folder: Path, wav: Path) -> None:
    wav.write_bytes(b"RIFF not audio")
    kind, message, is_error = _only_finding(folder)
    assert (kind, is_error) == ("unreadable", True)
    assert message == f"{wav}: cannot be read as audio (Format not recognised)"


def test_a_truncated_file_is_an_error(folder: Path, wav: Path) -> None:
    wav.write_bytes(wav.read_bytes()[:-2000])
    kind, message, _ = _only_finding(folder)
    assert kind == "unreadable"
    assert "truncated: the header promises 2000 bytes more" in message


@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (16000, 2)])
def test_another_rate_or_more_channels_are_an_error(
    folder: Path, wav: Path, rate: int, channels: int
) -> None:
    write_wav(wav, seconds=0.5, sample_rate_hz=rate, channels=channels)
    kind, message, is_error = _only_finding(folder)
    assert (kind, is_error) == ("wrong rate", True)
    assert f"has {rate} Hz and {channels} channels" in message
    assert "--audio-out" in message


def test_another_length_than_the_manifests_is_an_error(folder: Path, wav: Path) -> None:
    write_wav(wav, seconds=0.4, seed=77)
    kind, message, is_error = _only_finding(folder)
    assert (kind, is_error) == ("wrong length", True)
    assert message == f"{wav}: holds 6400 samples at 16 kHz, but the manifest says 8000"


def test_silence_is_an_error(folder: Path, wav: Path) -> None:
    soundfile.write(wav, np.zeros(8000), 16000)
    assert _only_finding(folder) == ("silent", f"{wav}: is silent", True)


def test_clipping_is_a_warning(folder: Path, wav: Path) -> None:
    soundfile.write(wav, np.clip(10 * speech_like(seconds=0.5, seed=5), -1, 1), 16000)
    kind, message, is_error = _only_finding(folder)
    assert (kind, is_error) == ("clipped", False)
    assert "% of the samples are clipped" in message


def test_the_same_audio_twice_is_a_warning_that_shows_contradicting_labels(
    folder: Path, wav: Path
) -> None:
    wav.write_bytes((wav.parent / "utt000.wav").read_bytes())
    kind, message, is_error = _only_finding(folder)
    assert (kind, is_error) == ("duplicate audio", False)
    assert message == (
        "the same audio 2 times: utt000.wav, utt003.wav; with different labels ['angry', 'sad']"
    )


def test_a_speaker_in_two_splits_is_a_warning(tmp_path: Path) -> None:
    folder = make_manifest_folder(tmp_path, num_utts=8, splits=("train", "test"))
    kind, message, is_error = _only_finding(folder)
    assert (kind, is_error) == ("speaker leakage", False)
    assert message == "2 speakers occur in both test and train, e.g. s1, s2"


def test_a_label_outside_of_the_cards_set_is_an_error(tmp_path: Path) -> None:
    folder = make_manifest_folder(
        tmp_path, num_utts=4, card={"labels": ["angry", "happy", "neutral"]}
    )
    kind, message, is_error = _only_finding(folder)
    assert (kind, is_error) == ("unknown label", True)
    assert message.startswith("label 'sad' of 1 utterances is not in the corpus' set")


def test_other_counts_than_the_papers_are_a_warning(tmp_path: Path) -> None:
    expected = {"utterances": 400, "speakers": 2, "hours": None}
    folder = make_manifest_folder(tmp_path, num_utts=8, card={"expected": expected})
    assert _only_finding(folder) == (
        "counts",
        "8 utterances, but Table 1 of the paper has 400",
        False,
    )


@pytest.mark.parametrize(
    ("release", "paper", "message"),
    [
        (
            {"utterances": 400},
            {"utterances": 400},
            "8 utterances, but the complete release has 400 and Table 1 of the paper has 400",
        ),
        ({"utterances": 400}, {"utterances": 8}, "8 utterances, but the complete release has 400"),
        ({"speakers": 2}, {"speakers": 9}, "2 speakers, but Table 1 of the paper has 9"),
        ({"hours": 30.2}, {"hours": 30.0}, "29.90 hours, but Table 1 of the paper has 30.0"),
        ({"hours": 31.0}, {"hours": 29.9}, "29.90 hours, but the complete release has 31.0"),
    ],
)
def test_release_and_paper_are_compared_also_in_hours(
    tmp_path: Path, release: dict[str, float], paper: dict[str, float], message: str
) -> None:
    folder = make_manifest_folder(
        tmp_path, num_utts=8, card={"release": release, "expected": paper}
    )
    if "hours" in release:
        _pretend_hours(folder, 29.9)
    findings = [f for f in check_folder(folder).findings if f.kind == "counts"]
    assert [finding.message for finding in findings] == [message]


def _pretend_hours(folder: Path, hours: float) -> None:
    """Let the manifest say so many hours, though its audio is short."""
    number = round(hours * 3600 * 16000 / 8)
    for name in ("all.tsv", "utterances.tsv"):
        text = (folder / name).read_text().replace("\t8000", f"\t{number}")
        (folder / name).write_text(text)


def test_hours_that_only_rounding_sets_apart_are_no_finding(tmp_path: Path) -> None:
    card = {"release": {"hours": 30.1}, "expected": {"hours": 29.9}}
    folder = make_manifest_folder(tmp_path, num_utts=8, card=card)
    _pretend_hours(folder, 29.94)
    assert {finding.kind for finding in check_folder(folder).findings} == {"wrong length"}


def test_splits_that_share_speakers_by_design_say_so(tmp_path: Path) -> None:
    folder = make_manifest_folder(
        tmp_path, num_utts=8, splits=("train", "test"), card={"splits_share_speakers": True}
    )
    assert _only_finding(folder)[1].endswith("s1, s2; so it is in the corpus' own division")


@pytest.mark.parametrize("num_jobs", [1, 2])
def test_the_report_does_not_depend_on_the_number_of_processes(
    tmp_path: Path, num_jobs: int
) -> None:
    folder = make_manifest_folder(tmp_path, num_utts=40, seconds=(0.1, 0.2, 0.3))
    (folder.parent / "audio" / "utt017.wav").unlink()
    write_wav(folder.parent / "audio" / "utt030.wav", seconds=0.4)
    report = check_folder(folder, num_jobs=num_jobs)
    assert [finding.ids for finding in report.errors] == [("utt017",), ("utt030",)]
    assert list(report.lengths) == [f"utt{i:03d}" for i in range(40) if i != 17]


def test_segments_of_a_long_file_are_examined_one_by_one(tmp_path: Path) -> None:
    write_wav(tmp_path / "audio" / "long.wav", seconds=2.0)
    rows = [
        Utterance(f"s{at}", "long.wav", 8000, start_sample=at, end_sample=at + 8000)
        for at in (0, 8000, 16000)
    ]
    write_manifest_folder(tmp_path / "m", root=tmp_path / "audio", utterances=rows, card={})
    assert check_folder(tmp_path / "m").findings == ()


def test_every_split_is_checked_and_each_utterance_once(folder: Path, wav: Path) -> None:
    extra = wav.with_name("extra.wav")
    (folder / "mine.tsv").write_text(f"{wav.parent}\nutt000.wav\t8000\nextra.wav\t8000\n")
    report = check_folder(folder)
    assert report.num_utterances == 9
    assert [finding.message for finding in report.errors] == [f"{extra}: does not exist"]


def test_errors_come_before_warnings(folder: Path, wav: Path) -> None:
    (wav.parent / "utt001.wav").write_bytes((wav.parent / "utt000.wav").read_bytes())
    wav.unlink()
    report = check_folder(folder)
    assert [finding.kind for finding in report.findings] == ["missing", "duplicate audio"]
    assert (len(report.errors), len(report.warnings)) == (1, 1)


def test_the_clean_copy_leaves_out_what_cannot_be_used_and_mends_lengths(
    folder: Path, wav: Path, tmp_path: Path
) -> None:
    wav.unlink()
    write_wav(wav.with_name("utt004.wav"), seconds=0.4, seed=77)
    kept, left_out = write_clean_copy(check_folder(folder), tmp_path / "clean")
    rows = read_manifest(tmp_path / "clean" / "all.tsv").utterances
    assert (kept, left_out, len(rows)) == (7, 1, 7)
    assert {row.id: row.num_samples for row in rows}["utt004"] == 6400
    assert read_card(tmp_path / "clean")["cleaned"] == "1 of 8 left out"
    assert check_folder(tmp_path / "clean").findings == ()


def test_the_clean_copy_counts_what_it_holds_and_keeps_splits_made_by_hand(
    folder: Path, wav: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wav.unlink()
    for name, rows in {
        "train": ("utt000", "utt003"),
        "valid": ("utt001",),
        "mine": ("utt002",),
    }.items():
        lines = [str(wav.parent), *(f"{row}.wav\t8000" for row in rows)]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    write_clean_copy(check_folder(folder), tmp_path / "clean")
    assert read_card(tmp_path / "clean")["found"]["utterances"] == 7
    assert read_card(tmp_path / "clean")["seconds"] == 3.5
    splits = {
        name: [row.id for row in read_manifest(tmp_path / "clean" / f"{name}.tsv").utterances]
        for name in ("train", "valid")
    }
    assert splits == {"train": ["utt000"], "valid": ["utt001"]}
    assert "not in the clean copy: mine.tsv" in caplog.text


def test_the_clean_copy_must_be_another_folder(folder: Path) -> None:
    with pytest.raises(ManifestError, match="--fix must name another folder"):
        write_clean_copy(check_folder(folder), folder)


def test_a_folder_without_any_usable_file_has_no_clean_copy(folder: Path, tmp_path: Path) -> None:
    for path in (folder.parent / "audio").iterdir():
        path.unlink()
    with pytest.raises(ManifestError, match="no utterance is fit to keep"):
        write_clean_copy(check_folder(folder), tmp_path / "clean")


def test_a_folder_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no manifest folder '.*none'; .*prepare_corpus\.py"):
        check_folder(tmp_path / "none")


def test_a_folder_without_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ManifestError, match=r"holds no \.tsv of a split; expected at least all\.tsv"
    ):
        check_folder(tmp_path)
