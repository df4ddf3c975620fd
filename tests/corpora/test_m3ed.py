"""M3ED: splits by drama, dialogues, and what is wrong with a copy."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.errors import CorpusError
from tests.corpora.parsed import parse
from tests.corpora.releases.files import read_list
from tests.corpora.releases.m3ed import build_miniature, build_whole
from tests.helpers.shared_data import require_shared

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build_miniature(tmp_path / "root")
    return tmp_path / "root"


def _change(root: Path, change: Change) -> None:
    path = root / "annotation.json"
    annotation = json.loads(path.read_text(encoding="utf-8"))
    change(annotation)
    path.write_text(json.dumps(annotation), encoding="utf-8")


def _dialogue(annotation: dict[str, Any]) -> dict[str, Any]:
    dialogue = annotation["anjia"]["anjia_1"]
    assert isinstance(dialogue, dict)
    return dialogue


def test_the_drama_decides_the_split(root: Path) -> None:
    taken = parse("m3ed", root).taken
    assert taken["anjia_1_1"].split == "train"
    assert taken["humamaoba_3_1"].split == "valid"
    assert taken["woju_7_2"].split == "test"


def test_a_speaker_is_a_character_of_a_drama(root: Path) -> None:
    taken = parse("m3ed", root).taken
    row = taken["anjia_2_1"]
    assert (row.speaker, row.gender, row.session) == ("anjia_房似锦", "female", "anjia")
    assert taken["humamaoba_3_1"].speaker == "humamaoba_Jeanette Sue"
    assert taken["jimaofeishangtian_1_1"].speaker == "jimaofeishangtian_骆玉珠"


def test_order_turn_start_and_words_come_from_the_annotation(root: Path) -> None:
    taken = parse("m3ed", root).taken
    rows = [taken[f"anjia_1_{number}"] for number in (1, 2, 3, 10)]
    assert [(row.order, row.turn) for row in rows] == [(0, 0), (1, 1), (2, 1), (3, 2)]
    assert [row.start_s for row in rows] == [2.04, 4.04, 6.04, 20.04]
    assert rows[0].dialogue == "anjia_1"
    assert rows[0].text == "你先把衣服 换了"


def test_recordings_and_rows_that_do_not_match_are_named(root: Path) -> None:
    assert parse("m3ed", root).left_out == {
        "modality_speech/A_anjia_9_9.wav": "not in annotation.json",
        "modality_speech/A_woju_7_2.wav": "annotation.json names the other speaker of its dialogue",
        "modality_speech/B_anjia_2_2.wav": "listed in annotation.json, but there is no such file",
    }


def test_a_row_without_a_recording_counts_in_the_order(root: Path) -> None:
    (root / "modality_speech" / "B_anjia_1_2.wav").unlink()
    assert parse("m3ed", root).taken["anjia_1_3"].order == 2


def test_a_missing_annotation_is_named(root: Path) -> None:
    (root / "annotation.json").unlink()
    with pytest.raises(CorpusError, match=r"no annotation.json in '.*root'; put the release's"):
        parse("m3ed", root)


def test_an_annotation_that_is_no_json_is_named(root: Path) -> None:
    (root / "annotation.json").write_text('{"anjia": {', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"annotation.json: not valid JSON \(Expecting"):
        parse("m3ed", root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda all_: all_.update(friends=all_.pop("anjia")),
            r"the drama 'friends' is in none of M3ED's splits",
        ),
        (lambda all_: all_.update(anjia=[]), r"annotation.json: anjia must be a JSON object"),
        (lambda all_: _dialogue(all_).pop("Dialog"), r"anjia_1: 'Dialog' is missing"),
        (
            lambda all_: _dialogue(all_)["SpeakerInfo"].pop("B"),
            r"anjia_1: SpeakerInfo: 'B' is missing",
        ),
        (
            lambda all_: _dialogue(all_)["SpeakerInfo"]["A"].update(Name=" "),
            r"anjia_1: SpeakerInfo: A: Name must be text, but is ' '",
        ),
        (
            lambda all_: _dialogue(all_)["Dialog"]["anjia_1_2"].pop("EmoAnnotation"),
            r"anjia_1: anjia_1_2: 'EmoAnnotation' is missing",
        ),
        (
            lambda all_: _dialogue(all_)["Dialog"]["anjia_1_2"]["EmoAnnotation"].update(
                final_main_emo="Bored"
            ),
            r"anjia_1: anjia_1_2: label code 'Bored' is not one of m3ed's",
        ),
        (
            lambda all_: _dialogue(all_)["Dialog"].update(
                odd=_dialogue(all_)["Dialog"]["anjia_1_2"]
            ),
            r"anjia_1: odd: expected a name such as anjia_11_1",
        ),
        (
            lambda all_: all_["anjia"]["anjia_2"]["Dialog"].update(
                anjia_1_2=_dialogue(all_)["Dialog"]["anjia_1_2"]
            ),
            r"anjia_2: anjia_1_2: listed twice, also in anjia_1",
        ),
    ],
    ids=[
        "drama",
        "not an object",
        "no dialogue",
        "no speaker",
        "no name",
        "no emotion",
        "unknown emotion",
        "odd name",
        "twice",
    ],
)
def test_a_malformed_annotation_names_the_place(root: Path, change: Change, message: str) -> None:
    _change(root, change)
    with pytest.raises(CorpusError, match=message):
        parse("m3ed", root)


def test_a_key_that_json_has_twice_is_reported(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = root / "annotation.json"
    text = path.read_text(encoding="utf-8").replace('"anjia_2_2"', '"anjia_2_1"')
    path.write_text(text, encoding="utf-8")
    parse("m3ed", root)
    assert "'anjia_2_1' occurs 2 times, the last one counts" in caplog.text


def test_a_time_that_is_none_stays_empty_with_a_warning(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _change(root, lambda all_: _dialogue(all_)["Dialog"]["anjia_1_2"].update(StartTime="?"))
    row = parse("m3ed", root).taken["anjia_1_2"]
    assert (row.start_s, row.order) == (None, 1)
    assert "1 start times are not of the form 00:00:01:04" in caplog.text


def test_a_root_without_the_speech_folder_says_what_is_expected(root: Path, tmp_path: Path) -> None:
    (root / "modality_speech").rename(root / "wavs")
    with pytest.raises(CorpusError, match=r"modality_speech/ with files such as A_anjia_11_1.wav"):
        prepare_corpus("m3ed", root, tmp_path / "out")


@pytest.mark.slow
@pytest.mark.shared_data
def test_the_splits_have_the_sizes_that_the_drama_lists_give(tmp_path: Path) -> None:
    build_whole(tmp_path / "root", read_list(require_shared("corpora/lists/m3ed.tsv.gz")))
    taken = parse("m3ed", tmp_path / "root").taken
    wanted = {
        {"val": "valid"}.get(name, name): require_shared(f"corpora/folds/m3ed_{name}.txt")
        for name in ("train", "val", "test")
    }
    dramas = {(row.split, row.session) for row in taken.values()}
    assert dramas == {
        (split, drama) for split, path in wanted.items() for drama in path.read_text().split()
    }
    sizes = Counter(row.split for row in taken.values())
    assert sizes == {"train": 17420, "valid": 2819, "test": 4198}
