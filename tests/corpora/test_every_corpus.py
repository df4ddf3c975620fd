"""What holds for every registered corpus, on a miniature copy of its release."""

import dataclasses
import json
from pathlib import Path

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import LeftOut, all_corpora, get_corpus
from emotion2vec.data.manifest import Manifest, read_manifest
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from tests.corpora.releases import BUILDERS

NAMES = sorted(all_corpora())


def _prepare(name: str, folder: Path) -> tuple[int, Manifest]:
    expected = BUILDERS[name](folder / "root")
    prepare_corpus(name, folder / "root", folder / "out", audio_out=folder / "audio", num_jobs=1)
    return expected, read_manifest(folder / "out" / "all.tsv")


def test_every_corpus_has_a_miniature_tree() -> None:
    assert sorted(BUILDERS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_utterance_is_found(name: str, tmp_path: Path) -> None:
    expected, manifest = _prepare(name, tmp_path)
    assert len(manifest.utterances) == expected
    assert all((manifest.root / row.path).is_file() for row in manifest.utterances)
    assert all(400 <= row.num_samples <= 16000 for row in manifest.utterances)


@pytest.mark.parametrize("name", NAMES)
def test_labels_are_those_of_the_card_and_each_occurs(name: str, tmp_path: Path) -> None:
    _, manifest = _prepare(name, tmp_path)
    card = json.loads((tmp_path / "out" / "corpus.json").read_text())
    assert {row.label for row in manifest.utterances} - {None} == set(card["labels"])


@pytest.mark.parametrize("name", NAMES)
def test_no_speaker_is_in_two_splits_unless_the_card_says_so(name: str, tmp_path: Path) -> None:
    _, manifest = _prepare(name, tmp_path)
    splits: dict[str, set[str]] = {}
    for row in manifest.utterances:
        if row.speaker is not None and row.split is not None:
            splits.setdefault(row.speaker, set()).add(row.split)
    shared = any(len(found) > 1 for found in splits.values())
    assert shared == get_corpus(name).card.splits_share_speakers


@pytest.mark.parametrize("name", NAMES)
def test_preparing_twice_gives_the_same_files(name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path / "root")
    contents = []
    for out in ("out1", "out2"):
        prepare_corpus(
            name, tmp_path / "root", tmp_path / out, audio_out=tmp_path / "audio", num_jobs=2
        )
        contents.append({path.name: path.read_text() for path in (tmp_path / out).iterdir()})
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_parser_yields_relative_paths_without_lengths(name: str, tmp_path: Path) -> None:
    BUILDERS[name](tmp_path)
    for item in get_corpus(name).iter_utterances(tmp_path):
        assert isinstance(item, Utterance | LeftOut)
        assert not Path(item.path).is_absolute()
        if isinstance(item, Utterance):
            assert (tmp_path / item.path).is_file()
            assert item.num_samples == 0


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_root_names_itself_and_the_layout_expected(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        prepare_corpus(name, tmp_path, tmp_path / "out")
    assert str(tmp_path) in str(caught.value)
    assert get_corpus(name).card.layout in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_root_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"the root '.*nowhere' does not exist"):
        prepare_corpus(name, tmp_path / "nowhere", tmp_path / "out")


@pytest.mark.parametrize("name", NAMES)
def test_the_card_states_licence_layout_and_labels(name: str) -> None:
    card = get_corpus(name).card
    assert card.name == name
    assert card.licence
    assert card.layout
    if name not in ("audformat", "folder"):  # users bring their own
        assert card.citation
        assert card.labels
        # in Table 1 with all its counts, or not at all
        assert len({count is None for count in dataclasses.astuple(card.paper)}) == 1


def test_an_unknown_corpus_lists_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"unknown corpus 'nope'; expected one of \[.*'emodb', .*'urdu'"
    ):
        prepare_corpus("nope", tmp_path, tmp_path / "out")


def test_a_corpus_refuses_options_that_it_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="urdu takes no option speaker_pattern"):
        prepare_corpus("urdu", tmp_path, tmp_path / "out", speaker_pattern="x")
