"""MSP-Podcast: the label table of several releases, and what is wrong with a copy."""

import json
import shutil
from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import get_corpus
from emotion2vec.errors import CorpusError
from tests.corpora.parsed import parse
from tests.corpora.releases.files import write_files
from tests.corpora.releases.msp_podcast import COLUMNS, ROWS, build_miniature, write_table

_TABLE = "labels_concensus.csv"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build_miniature(tmp_path / "root")
    return tmp_path / "root"


def _json_table(root: Path) -> None:
    columns = COLUMNS.split(",")
    records = {
        f"{name}.wav": dict(zip(columns[1:], (row[0], 4.2, 3.4, 5.0, *row[1:]), strict=True))
        for name, row in ROWS.items()
    }
    (root / "Labels" / _TABLE).unlink()
    (root / "Labels" / "labels_consensus.json").write_text(json.dumps(records), encoding="utf-8")


def test_label_speaker_gender_podcast_and_split_come_from_table_and_name(root: Path) -> None:
    taken = parse("msp_podcast", root).taken
    row = taken["MSP-PODCAST_0001_0008"]
    assert row.path == "Audio/MSP-PODCAST_0001_0008.wav"
    assert (row.label, row.speaker, row.gender, row.session) == ("neutral", "127", "male", "0001")
    assert taken["MSP-PODCAST_0047_0295_0001"].session == "0047"
    assert {name: row.split for name, row in taken.items()} == {
        "MSP-PODCAST_0001_0008": "test",
        "MSP-PODCAST_0001_0009": "test",
        "MSP-PODCAST_0002_0033": "train",
        "MSP-PODCAST_0002_0039": "train",
        "MSP-PODCAST_0003_0001": "train",
        "MSP-PODCAST_0003_0002": "train",
        "MSP-PODCAST_0004_0001": "valid",
        "MSP-PODCAST_0004_0002": "valid",
        "MSP-PODCAST_0047_0295_0001": "test",
        "MSP-PODCAST_0047_0295_0002": "test",
    }


def test_unknown_speakers_and_genders_are_unknown(root: Path) -> None:
    taken = parse("msp_podcast", root).taken
    unknown = taken["MSP-PODCAST_0003_0001"]
    assert (unknown.speaker, unknown.gender) == (None, None)
    assert (taken["MSP-PODCAST_0003_0002"].speaker, taken["MSP-PODCAST_0003_0002"].gender) == (
        None,
        "male",
    )


def test_files_and_rows_without_each_other_are_left_out(root: Path) -> None:
    assert parse("msp_podcast", root).left_out == {
        "Audio/MSP-PODCAST_9999_0001.wav": f"no row in {_TABLE}",
        "Audio/MSP-PODCAST_0005_0001.wav": f"missing: has a row in {_TABLE}",
    }


def test_one_test_set_can_be_chosen(root: Path) -> None:
    taken = parse("msp_podcast", root, test="Test1").taken
    assert taken["MSP-PODCAST_0001_0008"].split == "test"
    assert taken["MSP-PODCAST_0001_0009"].split is None
    assert taken["MSP-PODCAST_0047_0295_0001"].split is None
    assert taken["MSP-PODCAST_0002_0033"].split == "train"


def test_case_does_not_matter_in_names_and_sets(root: Path) -> None:
    path = root / "Labels" / _TABLE
    text = path.read_text(encoding="utf-8").replace(".wav", ".WAV").replace("Test1", "test1")
    expected = parse("msp_podcast", root, test="Test1")
    path.write_text(text, encoding="utf-8")
    assert parse("msp_podcast", root, test="Test1") == expected


def test_files_that_a_later_release_dropped_are_known_not_to_belong() -> None:
    dropped = (
        "Previous_releases_information/files_removed_from_prev_versions/v1.8_removed_files/a.wav"
    )
    assert any(Path(dropped).match(text) for text in get_corpus("msp_podcast").card.ignored)


def test_the_json_table_of_a_release_gives_the_same(root: Path) -> None:
    from_csv = parse("msp_podcast", root).taken
    _json_table(root)
    assert parse("msp_podcast", root).taken == from_csv


def test_the_table_of_an_earlier_release_chooses_its_files(root: Path, tmp_path: Path) -> None:
    name = "MSP-PODCAST_0002_0033"
    write_table(tmp_path, [f"{name}.wav,H,4,4,4,8,Female,Train"], name="v1.8.csv")
    taken = parse("msp_podcast", root, labels=tmp_path / "Labels" / "v1.8.csv").taken
    assert {row.id: row.label for row in taken.values()} == {name: "happy"}


def test_folders_may_be_named_audios_and_be_nested(root: Path) -> None:
    expected = set(parse("msp_podcast", root).taken)
    shutil.move(root / "Audio", root / "Audios" / "Audios")
    shutil.move(root / "Labels", root / "moved")
    shutil.move(root / "moved", root / "Labels" / "Labels")
    assert set(parse("msp_podcast", root).taken) == expected


def test_the_same_files_in_two_folders_are_refused(root: Path, tmp_path: Path) -> None:
    write_files(root, ["Audios/MSP-PODCAST_0001_0008.wav"])
    with pytest.raises(CorpusError, match="lie below .* more than once"):
        prepare_corpus("msp_podcast", root, tmp_path / "out")


def test_audio_without_a_table_is_refused(root: Path) -> None:
    shutil.rmtree(root / "Labels")
    with pytest.raises(
        CorpusError, match=r"no label table of msp_podcast below .*expected Labels/labels_consensus"
    ):
        parse("msp_podcast", root)


def test_a_named_table_must_exist(root: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no label table '.*none.csv'; expected labels_consensu"):
        parse("msp_podcast", root, labels=tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("row", "match"),
    [
        (
            "MSP-PODCAST_0001_0008.wav,Q,4,4,4,8,Male,Train",
            r":2: label code 'Q' is not one of msp_podcast's \['A', 'C', ",
        ),
        (
            "MSP-PODCAST_0001_0008.wav,A,4,4,4,8,Male,Test9",
            r":2: Split_Set must be one of Train, Development, .* but is 'Test9'",
        ),
        (
            "MSP-PODCAST_0001_0008.wav,A,4,4,4,8,Male,Train\n"
            "MSP-PODCAST_0001_0008.wav,A,4,4,4,8,Male,Train",
            r":3: a second row for MSP-PODCAST_0001_0008; keep one of them",
        ),
        ("MSP-PODCAST_0001_0008.wav,A", r":2: expected 8 cells, but found 2"),
    ],
)
def test_a_malformed_row_is_named_with_its_line(root: Path, row: str, match: str) -> None:
    write_table(root, [row])
    with pytest.raises(CorpusError, match=rf"labels_concensus\.csv{match}"):
        parse("msp_podcast", root)


def test_a_table_without_the_columns_is_refused(root: Path) -> None:
    (root / "Labels" / _TABLE).write_text("FileName,Label\na.wav,A\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"csv:1: the header .* lacks \['EmoClass', 'Split_Set'"):
        parse("msp_podcast", root)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", r"labels_consensus\.json: not valid JSON"),
        ("[1]", r"expected a JSON object that maps each file to its labels"),
        ('{"a.wav": {"EmoClass": "A"}}', r"a\.wav: lacks \['Split_Set'\]"),
    ],
)
def test_a_malformed_json_table_is_refused(root: Path, text: str, match: str) -> None:
    _json_table(root)
    (root / "Labels" / "labels_consensus.json").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=match):
        parse("msp_podcast", root)
