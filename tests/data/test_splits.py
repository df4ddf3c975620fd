"""Cross-validation rules: who is tested, who validates, who may not meet."""

import random

import pytest

from emotion2vec.data import splits
from emotion2vec.errors import ProtocolError

IDS = [f"utt{index:03d}" for index in range(103)]
SPEAKERS = [f"s{index * index % 11}" for index in range(103)]


def _folds(rule: str, ids: list[str], groups: list[str], seed: int = 3) -> tuple[splits.Fold, ...]:
    if rule == "random":
        return splits.random_kfold(ids, num_folds=10, seed=seed)
    if rule == "random with a fraction":
        return splits.random_kfold(ids, num_folds=5, seed=seed, valid_fraction=0.2)
    if rule == "group":
        return splits.group_kfold(ids, groups, num_folds=3, seed=seed)
    return splits.leave_one_group_out(ids, groups)


RULES = ("random", "random with a fraction", "group", "leave one out")


@pytest.mark.parametrize("rule", RULES)
def test_each_fold_holds_every_utterance_once(rule: str) -> None:
    for fold in _folds(rule, IDS, SPEAKERS):
        assert sorted(fold.train + fold.valid + fold.test) == IDS
        assert min(len(fold.train), len(fold.valid), len(fold.test)) > 0


@pytest.mark.parametrize("rule", RULES)
def test_each_utterance_is_tested_in_one_fold(rule: str) -> None:
    tested = [name for fold in _folds(rule, IDS, SPEAKERS) for name in fold.test]
    assert sorted(tested) == IDS


@pytest.mark.parametrize("rule", RULES)
def test_folds_do_not_depend_on_the_order_of_the_ids(rule: str) -> None:
    pairs = list(zip(IDS, SPEAKERS, strict=True))
    random.Random(0).shuffle(pairs)
    ids, groups = (list(column) for column in zip(*pairs, strict=True))
    for fold, shuffled in zip(_folds(rule, IDS, SPEAKERS), _folds(rule, ids, groups), strict=True):
        for part in ("train", "valid", "test"):
            assert set(getattr(fold, part)) == set(getattr(shuffled, part))


@pytest.mark.parametrize("rule", ["random", "random with a fraction"])
def test_another_seed_gives_other_folds(rule: str) -> None:
    assert _folds(rule, IDS, SPEAKERS, seed=1) != _folds(rule, IDS, SPEAKERS, seed=2)
    assert _folds(rule, IDS, SPEAKERS, seed=1) == _folds(rule, IDS, SPEAKERS, seed=1)


@pytest.mark.parametrize("rule", ["group", "leave one out"])
def test_no_speaker_is_in_two_parts_of_a_fold(rule: str) -> None:
    speaker_of = dict(zip(IDS, SPEAKERS, strict=True))
    for fold in _folds(rule, IDS, SPEAKERS):
        parts = [
            {speaker_of[name] for name in part} for part in (fold.train, fold.valid, fold.test)
        ]
        assert sum(map(len, parts)) == len(set.union(*parts))


def test_random_ten_fold_is_80_10_10() -> None:
    ids = [str(index) for index in range(400)]
    for fold in splits.random_kfold(ids, num_folds=10, seed=0):
        assert [len(fold.train), len(fold.valid), len(fold.test)] == [320, 40, 40]


def test_group_folds_are_as_even_as_their_groups_allow() -> None:
    sizes = [40, 20, 20, 10, 10, 10, 10]
    groups = [f"g{index}" for index, size in enumerate(sizes) for _ in range(size)]
    ids = [str(index) for index in range(120)]
    folds = splits.group_kfold(ids, groups, num_folds=3, seed=0)
    assert [len(fold.test) for fold in folds] == [40, 40, 40]


def test_leave_one_session_out_with_a_fraction_takes_validation_from_the_training_sessions() -> (
    None
):
    sessions = [f"session{index % 5}" for index in range(100)]
    ids = [f"{index:03d}" for index in range(100)]
    folds = splits.leave_one_group_out(ids, sessions, valid_fraction=0.2, seed=1)
    assert [len(fold.valid) for fold in folds] == [16] * 5
    assert {name for name in folds[2].test} == set(ids[2::5])


def test_leaving_out_a_speaker_keeps_the_whole_session_out_of_training() -> None:
    sessions = [f"session{index % 5}" for index in range(100)]
    speakers = [f"{session}{'FM'[index % 2]}" for index, session in enumerate(sessions)]
    ids = [f"{index:03d}" for index in range(100)]
    folds = splits.leave_one_speaker_out(ids, speakers, sessions)
    place = {name: (a, b) for name, a, b in zip(ids, sessions, speakers, strict=True)}
    assert [{place[name][1] for name in fold.test} for fold in folds] == [
        {speaker} for speaker in sorted(set(speakers))
    ]
    for fold in folds:
        ((session, _),) = {place[name] for name in fold.test}
        assert {place[name][0] for name in fold.valid} == {session}
        assert session not in {place[name][0] for name in fold.train}
        assert len(fold.train) == 80


def test_the_official_split_is_used_as_it_is() -> None:
    (fold,) = splits.official(["a", "b", "c"], ["test", "train", "valid"])
    assert fold == splits.Fold(train=("b",), valid=("c",), test=("a",))


def test_an_official_split_without_validation_takes_a_tenth_of_train() -> None:
    parts = ["train"] * 60 + ["test"] * 43
    (fold,) = splits.official(IDS, parts, valid_fraction=0.1, seed=0)
    assert (len(fold.train), len(fold.valid), fold.test) == (54, 6, tuple(IDS[60:]))


def test_a_holdout_of_8_to_2_validates_on_a_tenth_of_the_8() -> None:
    ids = [f"{index:04d}" for index in range(700)]
    (fold,) = splits.holdout(ids, test_fraction=0.2, valid_fraction=0.1, seed=1)
    assert [len(fold.train), len(fold.valid), len(fold.test)] == [504, 56, 140]
    assert sorted(fold.train + fold.valid + fold.test) == ids


def test_a_holdout_depends_on_its_seed_and_not_on_the_order_of_the_ids() -> None:
    shuffled = random.Random(0).sample(IDS, len(IDS))
    (first,), (again,), (other,) = (
        splits.holdout(ids, test_fraction=0.2, seed=seed)
        for ids, seed in ((IDS, 1), (shuffled, 1), (IDS, 2))
    )
    assert (set(first.valid), set(first.test)) == (set(again.valid), set(again.test))
    assert set(first.test) != set(other.test)


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_a_holdout_leaves_no_part_empty(fraction: float) -> None:
    (fold,) = splits.holdout(IDS[:3], test_fraction=fraction, valid_fraction=fraction)
    assert [len(fold.train), len(fold.valid), len(fold.test)] == [1, 1, 1]


def test_two_utterances_are_the_fewest_that_can_be_drawn_from() -> None:
    (fold,) = splits.official(["a", "b", "c"], ["train", "train", "test"])
    assert (len(fold.train), len(fold.valid)) == (1, 1)
    with pytest.raises(ProtocolError, match="cannot split 1 training utterance"):
        splits.official(["a", "c"], ["train", "test"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: splits.random_kfold(["a", "b", "a"], num_folds=3, seed=0),
            r"1 ids occur more than once, e\.g\. \['a'\]",
        ),
        (
            lambda: splits.random_kfold(["a", "b"], num_folds=3, seed=0),
            "3 folds need at least as many utterances, but there are 2",
        ),
        (
            lambda: splits.random_kfold(IDS, num_folds=2, seed=0),
            "2 parts are too few: at least 3 are needed for training, validation and test",
        ),
        (
            lambda: splits.random_kfold(IDS, num_folds=5, seed=0, valid_fraction=1.0),
            "valid_fraction must lie between 0 and 1, but is 1.0",
        ),
        (
            lambda: splits.group_kfold(IDS, SPEAKERS, num_folds=40, seed=0),
            "40 folds need at least as many groups",
        ),
        (
            lambda: splits.leave_one_group_out(["a", "b"], ["s1", None]),
            r"1 of 2 utterances have no group .* e\.g\. \['b'\]; add it to utterances\.tsv",
        ),
        (
            lambda: splits.leave_one_group_out(["a", "b"], ["s1"]),
            "2 ids need as many groups, but there are 1",
        ),
        (
            lambda: splits.leave_one_group_out(["a", "b"], ["s1", "s2"]),
            "2 parts are too few",
        ),
        (
            lambda: splits.leave_one_speaker_out(["a", "b"], ["x", "y"], ["s", "s"]),
            r"needs at least two, but there is \['s'\]",
        ),
        (
            lambda: splits.leave_one_speaker_out(["a", "b"], ["x", "y"], ["s", "t"]),
            "speaker x is alone in session s: nobody can validate",
        ),
        (
            lambda: splits.holdout(IDS, test_fraction=1.0),
            "test_fraction must lie between 0 and 1, but is 1.0",
        ),
        (
            lambda: splits.holdout(IDS, test_fraction=0.2, valid_fraction=0.0),
            "valid_fraction must lie between 0 and 1, but is 0.0",
        ),
        (
            lambda: splits.holdout(["a", "b"], test_fraction=0.5),
            "needs at least 3 utterances, to train, validate and test, but there are 2",
        ),
        (
            lambda: splits.holdout(["a", "b", "a"], test_fraction=0.5),
            r"1 ids occur more than once, e\.g\. \['a'\]",
        ),
        (
            lambda: splits.official(["a", "b"], ["train", "dev"]),
            r"needs train and test .* but found \['dev', 'train'\]",
        ),
    ],
)
def test_an_impossible_rule_is_refused(call, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        call()
