"""The three real corpora that a developer may have: counts, labels and speakers of their own tables."""

import csv
import importlib.util
from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.checks import check_folder
from emotion2vec.data.manifest import read_manifest
from tests.helpers.shared_data import require_shared

CORPORA = [
    ("urdu", "URDU", 400, 29),
    ("ravdess_speech", "RAVDESS-Speech-mini", 120, 2),
    ("emodb", "EmoDB-2spk", 92, 2),
]

pytestmark = pytest.mark.shared_data


@pytest.mark.parametrize(("name", "folder", "utterances", "speakers"), CORPORA)
def test_a_real_corpus_is_found_whole_with_its_labels(
    tmp_path: Path, name: str, folder: str, utterances: int, speakers: int
) -> None:
    root = require_shared(f"data/{folder}")
    done = prepare_corpus(name, root, tmp_path)
    assert (done.found.utterances, done.found.speakers) == (utterances, speakers)
    with (root / "labels.tsv").open(encoding="utf-8") as file:
        truth = {row["utt_id"]: row for row in csv.DictReader(file, delimiter="\t")}
    rows = read_manifest(tmp_path / "all.tsv").utterances
    assert {row.id: row.label for row in rows} == {key: row["label"] for key, row in truth.items()}
    assert all(row.num_samples == int(truth[row.id]["n_samples"]) for row in rows)


@pytest.mark.parametrize(("name", "folder", "utterances", "speakers"), CORPORA)
def test_the_doctor_finds_no_error_in_a_real_corpus(
    tmp_path: Path, name: str, folder: str, utterances: int, speakers: int
) -> None:
    prepare_corpus(name, require_shared(f"data/{folder}"), tmp_path)
    report = check_folder(tmp_path)
    assert report.errors == ()
    assert report.num_utterances == utterances


def _unpack(out: Path) -> Path:
    """Restore the release's own `.wav` names and folders with the script beside the data."""
    script = require_shared("data/unpack.py")
    spec = importlib.util.spec_from_file_location("unpack", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["unpack.py", str(out)])
        module.main()
    return out


def test_the_restored_release_gives_the_same_utterances_as_the_flac_copy(tmp_path: Path) -> None:
    released = _unpack(tmp_path / "speech")
    for name, folder, _, _ in CORPORA:
        prepare_corpus(name, released / folder, tmp_path / "wav")
        prepare_corpus(name, require_shared(f"data/{folder}"), tmp_path / "flac")
        wav, flac = (read_manifest(tmp_path / kind / "all.tsv") for kind in ("wav", "flac"))
        rows = [(row.id, row.num_samples, row.label, row.speaker) for row in wav.utterances]
        expected = [(row.id, row.num_samples, row.label, row.speaker) for row in flac.utterances]
        assert rows == expected


@pytest.mark.parametrize(
    ("name", "folder", "number"), [("urdu", "URDU", 4), ("ravdess_speech", "RAVDESS", 3)]
)
def test_files_as_released_are_converted_to_the_lengths_of_the_prepared_ones(
    tmp_path: Path, name: str, folder: str, number: int
) -> None:
    root = require_shared(f"data/original_format_samples/{folder}")
    prepare_corpus(name, root, tmp_path / "out", audio_out=tmp_path / "flac")
    rows = read_manifest(tmp_path / "out" / "all.tsv").utterances
    assert len(rows) == number
    prepared = require_shared(f"data/{folder if name == 'urdu' else 'RAVDESS-Speech-mini'}")
    with (prepared / "labels.tsv").open(encoding="utf-8") as file:
        lengths = {
            row["utt_id"]: int(row["n_samples"]) for row in csv.DictReader(file, delimiter="\t")
        }
    assert all(abs(row.num_samples - lengths[row.id]) <= 1 for row in rows)
