"""Protocols: labels, folds, and the proof that folds are sound."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from emotion2vec.errors import ConfigError, ProtocolError
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.fold_file import FoldSet, fold_file_text, read_fold_file
from emotion2vec.probe.protocol import (
    Rows,
    check_folds,
    index_folds,
    make_folds,
    select_utterances,
)
from tests.helpers.shared_data import require_shared
from tests.probe.fakes import config, make_utterances

PROTOCOLS = Path(__file__).resolve().parents[2] / "config" / "probe"


def rows_of(utterances: list) -> Rows:
    return Rows(
        *(
            [getattr(u, name) for u in utterances]
            for name in ("id", "label", "speaker", "session", "split")
        )
    )


ROWS = rows_of(make_utterances(40, speakers=5))


def random_folds(**changes: object) -> FoldSet:
    return make_folds(ROWS, config(num_folds=5, **changes))


def test_labels_are_sorted_unless_the_protocol_orders_them() -> None:
    assert select_utterances(ROWS, config(), "x").label_names == (
        "angry",
        "happy",
        "neutral",
        "sad",
    )
    chosen = select_utterances(ROWS, config(labels=["sad", "angry"]), "x")
    assert chosen.label_names == ("sad", "angry")
    assert chosen.rows.ids[:3] == ["u00", "u03", "u04"]
    assert chosen.label_index_N[:3].tolist() == [1, 0, 1]
    assert chosen.positions[:3].tolist() == [0, 3, 4]


def test_labels_can_be_merged() -> None:
    chosen = select_utterances(ROWS, config(label_map={"neutral": "calm", "sad": "calm"}), "x")
    assert chosen.label_names == ("angry", "calm", "happy")
    assert chosen.label_index_N[:4].tolist() == [0, 2, 1, 1]


def test_utterances_left_out_by_label_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    select_utterances(ROWS, config(labels=["sad", "happy"]), "x")
    assert "20 of 40 utterances are left out: angry 10, neutral 10" in caplog.text


def test_what_is_in_no_part_of_the_partition_is_left_out_where_the_protocol_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = ("train", "train", "valid", "test", None)
    utterances = [
        replace(u, split=parts[i // 4 % 5]) for i, u in enumerate(make_utterances(40, speakers=5))
    ]
    rows, settings = rows_of(utterances), config(rule="official", labels=["sad", "happy"])
    chosen = select_utterances(rows, replace(settings, leave_out_unsplit=True), "x")
    assert len(chosen.rows.ids) == 16
    assert None not in chosen.rows.splits
    counts = "24 of 40 utterances are left out: angry 10, in no part of the corpus' partition 4, neutral 10"
    assert counts in caplog.text
    folds = make_folds(chosen.rows, settings)
    assert [len(getattr(folds.folds[0], part)) for part in ("train", "valid", "test")] == [8, 4, 4]
    with pytest.raises(ProtocolError, match=r"4 of 20 .* no part.*leave_out_unsplit=true"):
        make_folds(select_utterances(rows, settings, "x").rows, settings)


def test_a_share_of_validation_that_would_do_nothing_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="valid_fraction does nothing with rule=leave_one_speaker"
    ):
        config(rule="leave_one_speaker_out", valid_fraction=0.2).validate()
    parts = ("train", "valid", "test")
    rows = rows_of([replace(u, split=parts[i % 3]) for i, u in enumerate(make_utterances(12))])
    with pytest.raises(ProtocolError, match=r"valid_fraction=0\.2 would do nothing"):
        make_folds(rows, config(rule="official", valid_fraction=0.2))


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        ((None,), {}, "x: no utterance has a label"),
        (("sad",), {}, "all labels are 'sad'; at least two"),
        (
            ("sad", "happy"),
            {"labels": ["sad", "joyful"]},
            r"no utterance has the label joyful.*\['happy', 'sad'\]",
        ),
    ],
)
def test_labels_that_do_not_do_are_explained(labels: tuple, changes: dict, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        select_utterances(rows_of(make_utterances(12, labels=labels)), config(**changes), "x")


@pytest.mark.parametrize("rule", ["random_kfold", "group_kfold", "leave_one_group_out"])
def test_folds_by_rule_are_sound(rule: str) -> None:
    folds = random_folds(rule=rule)
    report = check_folds(folds, ROWS)
    assert len(folds.folds) == 5
    assert report.num_speakers == 5
    assert (max(report.shared_speakers) == 0) == (rule != "random_kfold")


def test_official_folds_take_the_corpus_own_splits() -> None:
    parts = [
        "train",
        "train",
        "train",
        "train",
        "valid",
        "valid",
        "valid",
        "valid",
        "test",
        "test",
        "test",
        "test",
    ]
    utterances = [
        replace(u, split=part) for u, part in zip(make_utterances(12), parts, strict=True)
    ]
    (fold,) = make_folds(rows_of(utterances), config(rule="official")).folds
    assert (fold.train[0], fold.valid[0], fold.test) == ("u00", "u04", ("u08", "u09", "u10", "u11"))


@pytest.mark.parametrize(
    ("speakers", "changes", "message"),
    [
        (
            0,
            {"rule": "group_kfold"},
            r"toy keeps speakers apart, but the speaker of 40 of 40 utterances is unknown",
        ),
        (2, {"rule": "group_kfold"}, "there are 2"),
        (5, {"num_folds": 41}, "41 folds need at least as many utterances, but there are 40"),
        (
            5,
            {"rule": "leave_one_group_out", "group_by": "session"},
            "the session of 40 of 40 utterances is unknown",
        ),
    ],
)
def test_folds_that_cannot_be_made_are_explained(
    speakers: int, changes: dict, message: str
) -> None:
    rows = rows_of(make_utterances(40, speakers=speakers))
    with pytest.raises(ProtocolError, match=message):
        make_folds(rows, config(**{"num_folds": 5, **changes}))


def changed(number: int, **parts: tuple) -> FoldSet:
    """Return sound folds with one of them changed."""
    folds = random_folds()
    spoilt = [
        replace(fold, **parts) if index == number else fold
        for index, fold in enumerate(folds.folds)
    ]
    return replace(folds, folds=tuple(spoilt))


SOUND = random_folds().folds
UNSOUND = {
    "unknown id": (
        changed(1, test=(*SOUND[1].test, "ghost")),
        "fold 2: 1 of its 41 ids are not among the 40 .*ghost",
    ),
    "forgotten id": (
        changed(0, train=SOUND[0].train[1:]),
        "fold 1: 1 utterances of the features are in no part",
    ),
    "overlap": (
        changed(2, train=(*SOUND[2].train, SOUND[2].test[0])),
        "fold 3: 1 ids are in two parts",
    ),
    "empty part": (
        changed(0, valid=(), train=(*SOUND[0].train, *SOUND[0].valid)),
        "fold 1: the valid part is empty",
    ),
    "tested twice": (
        replace(random_folds(), folds=(SOUND[0], SOUND[0])),
        "is tested in more than one fold",
    ),
    "never tested": (replace(random_folds(), folds=SOUND[:-1]), "8 utterances are never tested"),
    "speaker leaks": (replace(random_folds(), group_by="speaker"), r"fold 1: speaker \['s\d'"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_unsound_folds_are_explained(name: str) -> None:
    folds, message = UNSOUND[name]
    with pytest.raises(ProtocolError, match=message):
        check_folds(folds, ROWS)


def test_folds_that_keep_speakers_apart_need_known_speakers() -> None:
    folds = random_folds(rule="group_kfold")
    unknown = replace(ROWS, speakers=[None, *ROWS.speakers[1:]])
    with pytest.raises(ProtocolError, match="the speaker of 1 of 40 utterances is unknown"):
        check_folds(folds, unknown)


def test_a_label_that_training_never_sees_is_an_error() -> None:
    utterances = [replace(u, label="bored") if u.id == "u00" else u for u in make_utterances(40)]
    chosen = select_utterances(rows_of(utterances), config(), "x")
    folds = make_folds(chosen.rows, config(num_folds=5))
    with pytest.raises(ProtocolError, match=r"fold \d: no training utterance has the label bored"):
        index_folds(folds, chosen, config())


def test_starred_trains_on_the_validation_part() -> None:
    chosen = select_utterances(ROWS, config(), "x")
    plain = index_folds(random_folds(), chosen, config())[0]
    starred = index_folds(random_folds(), chosen, config(starred=True))[0]
    assert sorted(starred.train) == sorted([*plain.train, *plain.valid])
    assert starred.valid.tolist() == starred.test.tolist() == plain.test.tolist()


def test_a_fold_file_gives_its_folds_back(tmp_path: Path) -> None:
    folds = random_folds(rule="group_kfold")
    path = tmp_path / "toy.json"
    path.write_text(fold_file_text(folds, config(), "toy"))
    assert read_fold_file(path) == replace(folds, source="toy.json")
    assert json.loads(path.read_text())["corpus"] == "toy"


def test_a_long_fold_file_leaves_the_training_lists_to_the_reader(tmp_path: Path) -> None:
    ids = [f"utterance_number_{index:05d}" for index in range(3000)]
    unknown: list[None] = [None] * len(ids)
    rows = Rows(ids, unknown, unknown, unknown, unknown)
    folds = make_folds(rows, config(rule="random_kfold", num_folds=10))
    path = tmp_path / "long.json"
    path.write_text(fold_file_text(folds, config(), "toy"))
    assert path.stat().st_size < 200_000
    assert json.loads(path.read_text())["folds"][0]["train"] == "rest"
    assert read_fold_file(path) == replace(folds, source="long.json")


def test_leaving_out_a_speaker_validates_on_the_partner_of_the_session() -> None:
    ids = [f"{index:02d}" for index in range(12)]
    sessions = [f"s{index // 4}" for index in range(12)]
    speakers = [f"s{index // 4}{'FM'[index % 2]}" for index in range(12)]
    unknown: list[None] = [None] * 12
    folds = make_folds(
        Rows(ids, unknown, speakers, sessions, unknown), config(rule="leave_one_speaker_out")
    )
    assert len(folds.folds) == 6
    assert (folds.folds[3].valid, folds.folds[3].test) == (("04", "06"), ("05", "07"))
    assert folds.folds[3].train == tuple(ids[:4] + ids[8:])
    assert folds.group_by == "speaker"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"folds": [{"train": []}]}', '{"schema_version": 2, "folds": []}']
)
def test_a_damaged_fold_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "folds.json"
    path.write_text(text)
    with pytest.raises(ProtocolError, match=r"folds\.json: "):
        read_fold_file(path)


def test_a_missing_fold_file_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="no fold file .*--write-folds"):
        read_fold_file(tmp_path / "no.json")


@pytest.mark.parametrize("name", ["urdu_10fold", "urdu_10fold_speaker"])
def test_committed_folds_hold_every_utterance_once_in_ten_tests(name: str) -> None:
    folds = read_fold_file(PROTOCOLS / "folds" / f"{name}.json")
    tested = [utterance for fold in folds.folds for utterance in fold.test]
    assert len(folds.folds) == 10
    assert len(tested) == len(set(tested)) == 400


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["urdu_10fold", "urdu_10fold_speaker"])
def test_committed_folds_of_urdu_are_those_of_the_rule_on_the_real_corpus(name: str) -> None:
    root = require_shared("data/URDU")
    ids = sorted(path.stem for path in root.rglob("*.flac"))
    folds = read_fold_file(PROTOCOLS / "folds" / f"{name}.json")
    # the file names begin with the speaker
    speakers = [name.split("_")[0] for name in ids]
    unknown: list[None] = [None] * len(ids)
    rows = Rows(ids, unknown, speakers, unknown, unknown)
    report = check_folds(folds, rows)
    made = make_folds(rows, ProbeConfig(protocol=name, rule=folds.rule, fold_seed=folds.seed))
    assert [set(f.test) for f in made.folds] == [set(f.test) for f in folds.folds]
    assert report.num_speakers == 29
    assert (max(report.shared_speakers) > 0) == (name == "urdu_10fold")
