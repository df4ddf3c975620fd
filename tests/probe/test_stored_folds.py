"""The committed fold files: complete, disjoint, of the rule and seed they name, speakers apart where promised."""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import get_corpus
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.fold_file import FoldSet, check_fold_file, read_fold_file
from emotion2vec.probe.protocol import Rows, check_folds, make_folds, select_utterances
from emotion2vec.probe.run import compose_config, read_rows
from tests.corpora.releases import MODULES
from tests.corpora.releases.files import read_list
from tests.helpers.shared_data import require_shared

PROTOCOLS = Path(__file__).parents[2] / "config" / "probe"
NAMES = sorted(path.stem for path in (PROTOCOLS / "folds").glob("*.json"))
MAX_BYTES = 500_000

# how an id names its speaker, independently of the corpora's parsers
SPEAKER: Mapping[str, Callable[[str], str]] = {
    "aesdd": lambda name: re.search(r"_(\d+)", name)[1],
    "cafe": lambda name: name[:2],
    "emodb": lambda name: name[:2],
    "iemocap": lambda name: name[3:5] + name.rsplit("_", 1)[1][0],
    "ravdess_song": lambda name: name[-2:],
    "ravdess_speech": lambda name: name[-2:],
    "savee": lambda name: name[:2],
    "shemo": lambda name: name[:3],
    "subesco": lambda name: name[:4],
    "urdu": lambda name: name.split("_")[0],
}


@functools.cache
def _config(name: str) -> ProbeConfig:
    return compose_config(PROTOCOLS, name, [])[0]


def _folds(name: str) -> tuple[FoldSet, list[str]]:
    folds = read_fold_file(PROTOCOLS / "folds" / f"{name}.json")
    return folds, sorted({i for fold in folds.folds for i in fold.train + fold.valid + fold.test})


def _speakers(corpus: str, ids: list[str]) -> list[str | None]:
    return [SPEAKER[corpus](name) if corpus in SPEAKER else None for name in ids]


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_file_belongs_to_a_protocol_that_asks_for_its_rule_and_seed(name: str) -> None:
    config = _config(name)
    assert config.fold_file == f"folds/{name}.json"
    check_fold_file(_folds(name)[0], config)


@pytest.mark.parametrize("name", NAMES)
def test_stored_folds_are_complete_and_disjoint_and_hold_the_whole_corpus(name: str) -> None:
    folds, ids = _folds(name)
    config = _config(name)
    unknown: list[None] = [None] * len(ids)
    speakers = _speakers(config.corpus, ids)
    # a fold by session is checked through the speakers: each belongs to one session
    sessions = [speaker[:2] if speaker else None for speaker in speakers]
    report = check_folds(folds, Rows(ids, unknown, speakers, sessions, unknown))
    assert len(ids) == get_corpus(config.corpus).card.release.utterances
    if config.corpus in SPEAKER:
        assert report.num_speakers == get_corpus(config.corpus).card.release.speakers
    if "_speaker" in name or config.corpus == "iemocap":
        assert set(report.shared_speakers) == {0}


@pytest.mark.parametrize(("name", "valid_share"), [("iemocap_5fold", 0.2), ("umap_iemocap", 0.1)])
def test_the_sessions_of_iemocap_have_their_official_sizes(name: str, valid_share: float) -> None:
    folds, _ = _folds(name)
    assert [len(fold.test) for fold in folds.folds] == [1085, 1023, 1151, 1031, 1241]
    assert [len(fold.valid) for fold in folds.folds] == [
        round(valid_share * (5531 - len(fold.test))) for fold in folds.folds
    ]


def test_figure_4_tests_a_fifth_of_subesco_and_validates_on_a_tenth_of_the_rest() -> None:
    ((fold,),) = [_folds("umap_subesco")[0].folds]
    assert (len(fold.train), len(fold.valid), len(fold.test)) == (5040, 560, 1400)
    assert {SPEAKER["subesco"](name) for name in fold.test} == {
        f"{sex}_{number:02d}" for sex in "FM" for number in range(1, 11)
    }


def test_eight_speakers_of_iemocap_train_one_validates_and_one_is_tested() -> None:
    folds, _ = _folds("iemocap_10fold")
    for fold in folds.folds:
        train, valid, test = (
            {SPEAKER["iemocap"](name) for name in part}
            for part in (fold.train, fold.valid, fold.test)
        )
        assert (len(train), len(valid), len(test)) == (8, 1, 1)
        assert {name[:2] for name in valid} == {name[:2] for name in test}


def test_resd_has_its_official_parts() -> None:
    ((fold,),) = [_folds("resd")[0].folds]
    assert (len(fold.train) + len(fold.valid), len(fold.valid), len(fold.test)) == (1116, 112, 280)


@pytest.mark.parametrize("name", NAMES)
def test_no_stored_file_is_large(name: str) -> None:
    assert (PROTOCOLS / "folds" / f"{name}.json").stat().st_size < MAX_BYTES


def _build(corpus: str, root: Path) -> None:
    """Build the whole release; ShEMO's list lacks files that a list of all ids has."""
    module = MODULES[corpus]
    if corpus == "shemo":
        ids = require_shared("corpora/lists/shemo.all_ids.txt").read_text().split()
        folders = {"F": "female", "M": "male"}
        words = {
            row["path"][-7]: row["label"]
            for row in read_list(require_shared("corpora/lists/shemo.tsv"))
        }
        rows = [{"path": f"{folders[i[0]]}/{i}.wav", "label": words[i[3]]} for i in ids]
        module.build_whole(root, rows)
    elif hasattr(module, "LIST"):
        module.build_whole(root, read_list(require_shared(f"corpora/lists/{module.LIST}")))
    else:
        module.build_whole(root)


@pytest.mark.shared_data
@pytest.mark.slow
@pytest.mark.parametrize("corpus", sorted({*SPEAKER, "resd"}))
def test_stored_folds_are_what_the_rule_makes_of_the_whole_release(
    corpus: str, tmp_path: Path
) -> None:
    _build(corpus, tmp_path / "root")
    prepare_corpus(corpus, tmp_path / "root", tmp_path / "out")
    rows = read_rows(tmp_path / "out" / "all.tsv")
    for name in NAMES:
        config = _config(name)
        if config.corpus == corpus:
            made = make_folds(select_utterances(rows, config, corpus).rows, config)
            stored, _ = _folds(name)
            for ours, theirs in zip(made.folds, stored.folds, strict=True):
                assert set(ours.train) == set(theirs.train)
                assert set(ours.valid) == set(theirs.valid)
                assert set(ours.test) == set(theirs.test)
