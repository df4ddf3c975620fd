"""The command on small features, in a folder of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emotion2vec.cli.main import main
from emotion2vec.probe.fold_file import read_fold_file
from tests.architecture.sources import ROOT
from tests.reproduction.stores import SMALL, write_store


@pytest.fixture
def reproduce(tmp_path: Path) -> Callable[..., int]:
    """Run the command on the features below `features`, with a training of one epoch."""

    def call(*arguments: object, page: bool = False) -> int:
        switches = [] if page else ["--no-report"]
        places = ["--features", f"{tmp_path}/features", "--out", f"{tmp_path}/out"]
        return main(["reproduce", *places, *switches, *map(str, arguments), *SMALL])

    return call


@pytest.fixture
def urdu(tmp_path: Path) -> Path:
    """A complete URDU, with the ids of the stored folds."""
    fold = read_fold_file(ROOT / "config" / "probe" / "folds" / "urdu_10fold.json").folds[0]
    ids = [*fold.train, *fold.valid, *fold.test]
    return write_store(tmp_path / "features" / "urdu", "urdu", ids=ids, synthetic=False)


@pytest.fixture
def meld(tmp_path: Path) -> Path:
    return write_store(tmp_path / "features" / "meld", "meld")
