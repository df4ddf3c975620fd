"""The rule `holdout` as a protocol: its setting, its one fold, its fold file."""

from pathlib import Path

import pytest

from emotion2vec.errors import ConfigError, ProtocolError
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.fold_file import FoldSet, check_fold_file, fold_file_text, read_fold_file
from emotion2vec.probe.protocol import Rows, check_folds, make_folds
from tests.probe.fakes import config

UNKNOWN: list[None] = [None] * 33
ROWS = Rows([f"u{index:02d}" for index in range(33)], UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)


def settings(**changes: object) -> ProbeConfig:
    return config(**{"rule": "holdout", "test_fraction": 0.2, "valid_fraction": 0.1, **changes})


def stored(folder: Path, *, rows: Rows = ROWS) -> FoldSet:
    path = folder / "toy.json"
    path.write_text(fold_file_text(make_folds(rows, settings()), settings(), "toy"))
    return read_fold_file(path)


def test_a_holdout_is_one_sound_fold_that_leaves_utterances_untested() -> None:
    folds = make_folds(ROWS, settings())
    ((fold,),) = [folds.folds]
    assert (len(fold.train), len(fold.valid), len(fold.test)) == (23, 3, 7)
    assert check_folds(folds, ROWS).shared_speakers == (0,)


def test_a_stored_holdout_gives_its_fold_back_and_fits_the_settings_it_was_made_with(
    tmp_path: Path,
) -> None:
    folds = stored(tmp_path)
    assert folds.folds == make_folds(ROWS, settings()).folds
    check_fold_file(folds, settings())  # 7 of 33 are not a fifth exactly


def test_a_long_stored_holdout_keeps_its_training_list(tmp_path: Path) -> None:
    ids = [f"{index:06d}" + 1000 * "x" for index in range(2500)]
    unknown: list[None] = [None] * len(ids)
    folds = stored(tmp_path, rows=Rows(ids, unknown, unknown, unknown, unknown))
    assert len(folds.folds[0].train) == 1800


@pytest.mark.parametrize("changes", [{"test_fraction": 0.5}, {"fold_seed": 9}])
def test_a_stored_holdout_that_was_made_in_another_way_is_refused(
    tmp_path: Path, changes: dict
) -> None:
    (name, value), found = next(iter(changes.items())), {"test_fraction": 0.2121, "fold_seed": 1}
    message = rf"was made in another way than {name}={value} \(the file: {found[name]}\)"
    with pytest.raises(ProtocolError, match=message):
        check_fold_file(stored(tmp_path), settings(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_fraction": None}, "belongs to rule=holdout .* but it is None with rule=holdout"),
        ({"rule": "random_kfold"}, r"but it is 0\.2 with rule=random_kfold"),
        ({"test_fraction": 1.0}, r"test_fraction must lie between 0 and 1, but is 1\.0"),
    ],
)
def test_test_fraction_belongs_to_the_rule_and_is_a_share(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(**changes).validate()
