"""Databases in audformat: which table, which words, whose speech; and nothing that they hold is run."""

import importlib.util
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.registry import get_corpus
from emotion2vec.data.manifest import Manifest, read_manifest
from emotion2vec.errors import CorpusError
from tests.corpora.parsed import parse
from tests.corpora.releases.audformat import build_miniature
from tests.corpora.releases.files import write_files

audformat = pytest.importorskip("audformat")
pd = pytest.importorskip("pandas")

_FILES = ["a.wav", "b.wav", "c.wav"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The small EmoDB."""
    build_miniature(tmp_path / "root")
    return tmp_path / "root"


def _database(labels: object = ("anger", "joy"), **splits: str) -> Any:
    database = audformat.Database("mine")
    database.schemes["emotion"] = audformat.Scheme(
        labels=labels if isinstance(labels, dict) else list(labels)
    )
    for name, kind in splits.items():
        database.splits[name] = audformat.Split(kind)
    return database


def _add_table(
    database: Any,
    table: str,
    values: dict[str, object],
    *,
    column: str = "emotion",
    scheme: str = "emotion",
    split_id: str | None = None,
) -> None:
    index = audformat.filewise_index(list(values))
    database[table] = audformat.Table(index, split_id=split_id)
    database[table][column] = audformat.Column(scheme_id=scheme)
    database[table][column].set(list(values.values()))


def _save(database: Any, root: Path, names: list[str] = _FILES) -> Path:
    write_files(root, names)
    database.save(str(root), storage_format="csv")
    return root


def _prepare(root: Path, **options: object) -> Manifest:
    prepare_corpus("audformat", root, root.parent / "out", num_jobs=1, **options)
    return read_manifest(root.parent / "out" / "all.tsv")


def _labels(root: Path, **options: object) -> dict[str, str | None]:
    return {row.path: row.label for row in parse("audformat", root, **options).taken.values()}


def test_emodb_gives_words_speakers_sentences_and_splits(root: Path) -> None:
    row = parse("audformat", root).taken["wav/16a04La"]
    assert (row.label, row.speaker, row.gender) == ("boredom", "16", "female")
    assert (row.sentence, row.text) == ("a04", "Dritter Satz.")
    assert (row.split, row.language) == ("test", "de")
    assert (row.start_sample, row.end_sample) == (None, None)


def test_the_card_comes_from_the_header(root: Path) -> None:
    _prepare(root)
    card = json.loads((root.parent / "out" / "corpus.json").read_text())
    assert (card["name"], card["licence"], card["language"]) == ("emodb", "CC0-1.0", "de")
    assert card["citation"] == "Felix Burkhardt, Astrid Paeschke. emodb"
    assert (card["organization"], card["usage"]) == ("audEERING", "unrestricted")
    assert card["description"] == "Sentences by actors."


def test_a_database_without_a_licence_says_so_with_its_usage(tmp_path: Path) -> None:
    database = _database()
    database.usage = "research"
    _save(database, tmp_path)
    card = get_corpus("audformat").card_for(tmp_path)
    assert (card.licence, card.language) == ("not stated; usage: research", "")


def test_pickles_are_never_loaded(root: Path) -> None:
    mark = root.parent / "run"
    for name in ("emotion", "files", "speaker"):
        (root / f"db.{name}.pkl").write_bytes(pickle.dumps(_Program(mark)))
    assert len(parse("audformat", root).taken) == 10
    assert not mark.exists()


class _Program:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._mark),)


def test_a_table_that_is_a_pickle_only_is_refused(root: Path) -> None:
    (root / "db.emotion.csv").rename(root / "db.emotion.pkl")
    with pytest.raises(
        CorpusError, match=r"table 'emotion' is there as a pickle only .*save it as CSV"
    ):
        parse("audformat", root)


def test_a_header_that_asks_for_an_object_is_refused(root: Path) -> None:
    mark = root.parent / "run"
    header = root / "db.yaml"
    with header.open("a") as file:
        file.write(f"evil: !!python/object/apply:os.mkdir ['{mark}']\n")
    with pytest.raises(CorpusError, match=r"db\.yaml: not a plain YAML file \(could not determine"):
        parse("audformat", root)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2", r"db\.yaml: not a plain YAML file"),
        ("- 1", r"db\.yaml: not the header of an audformat database: it has no name"),
        ("name: x", r"db\.yaml: not a header that audformat understands"),
        ("name: x\ntables: [a]", r"db\.yaml: tables must name entries, but is \['a'\]"),
    ],
)
def test_a_malformed_header_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "db.yaml").write_text(text)
    with pytest.raises(CorpusError, match=message):
        parse("audformat", tmp_path)


def test_a_missing_table_is_named(root: Path) -> None:
    (root / "db.files.parquet").unlink()
    with pytest.raises(CorpusError, match=r"table 'files' is neither db\.files\.parquet nor"):
        parse("audformat", root)


def test_a_malformed_table_is_named(root: Path) -> None:
    (root / "db.files.parquet").write_bytes(b"cut short")
    with pytest.raises(CorpusError, match=r"db\.files\.parquet: not the table that db\.yaml"):
        parse("audformat", root)


def test_a_missing_package_is_named_with_the_command(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CorpusError, match=r"pip install emotion2vec\[audformat\]"):
        prepare_corpus("audformat", root, root.parent / "out")


def test_segments_have_their_start_and_end(tmp_path: Path) -> None:
    database = _database()
    database["emotion"] = audformat.Table(
        audformat.segmented_index(
            ["a.wav", "a.wav", "b.wav", "c.wav"],
            ["0s", "0.05s", "0.01s", "0s"],
            ["0.05s", "0.1s", pd.NaT, pd.NaT],
        )
    )
    database["emotion"]["emotion"] = audformat.Column(scheme_id="emotion")
    database["emotion"]["emotion"].set(["anger", "joy", "joy", "anger"])
    root = _save(database, tmp_path / "root")
    rows = parse("audformat", root).taken.values()
    assert [(row.id, row.start_sample, row.end_sample) for row in rows] == [
        ("a-0-800", 0, 800),
        ("a-800-1600", 800, 1600),
        ("b-160-end", 160, None),
        ("c", None, None),
    ]
    rows = _prepare(root, audio_out=tmp_path / "audio").utterances
    assert [(row.path, row.num_samples) for row in rows] == [
        ("a/a-0-800.flac", 800),
        ("a/a-800-1600.flac", 800),
        ("b/b-160-end.flac", 1440),
        ("c.flac", 1600),
    ]


def test_a_missing_file_is_left_out_and_named(root: Path) -> None:
    (root / "wav" / "03a01Fa.wav").unlink()
    assert parse("audformat", root).left_out == {
        "wav/03a01Fa.wav": "listed in the database, but there is no such file"
    }


@pytest.mark.parametrize("name", ["/elsewhere/a.wav", "../a.wav"])
def test_a_file_outside_of_the_root_is_refused(root: Path, name: str) -> None:
    table = root / "db.emotion.csv"
    table.write_text(table.read_text().replace("wav/03a01Fa.wav", name))
    with pytest.raises(CorpusError, match=r"which is not below the root"):
        parse("audformat", root, table="emotion")


def test_an_absolute_path_below_the_root_is_understood(root: Path) -> None:
    table = root / "db.emotion.csv"
    table.write_text(table.read_text().replace("wav/03a01Fa", f"{root}/wav/03a01Fa"))
    assert "wav/03a01Fa" in parse("audformat", root, table="emotion").taken


def test_tables_that_share_no_file_are_taken_together_with_their_splits(tmp_path: Path) -> None:
    database = _database(train="train", dev="dev", test="test")
    for name, split in zip(_FILES, ("train", "dev", "test"), strict=True):
        _add_table(database, f"emotion.{split}", {name: "anger"}, split_id=split)
    taken = parse("audformat", _save(database, tmp_path)).taken
    assert {row.path: row.split for row in taken.values()} == {
        "a.wav": "train",
        "b.wav": "valid",
        "c.wav": "test",
    }


def test_splits_that_overlap_are_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = _database(train="train", test="test")
    _add_table(database, "emotion", dict.fromkeys(_FILES, "joy"))
    for split in ("train", "test"):
        _add_table(database, f"emotion.{split}", {"a.wav": "joy"}, split_id=split)
    taken = parse("audformat", _save(database, tmp_path)).taken
    assert {row.split for row in taken.values()} == {None}
    assert "no splits are taken, a.wav is in several" in caplog.text


def test_the_table_must_be_chosen_where_it_is_not_clear(tmp_path: Path) -> None:
    database = _database()
    _add_table(database, "one", {"a.wav": "joy", "b.wav": "joy"})
    _add_table(database, "two", {"b.wav": "anger", "c.wav": "anger"})
    _save(database, tmp_path)
    with pytest.raises(
        CorpusError, match=r"same files: \['one', 'two'\]; choose one with --option table=NAME"
    ):
        parse("audformat", tmp_path)
    with pytest.raises(CorpusError, match=r"b\.wav is in more than one of the tables"):
        parse("audformat", tmp_path, table="one,two")
    with pytest.raises(CorpusError, match=r"\['three'\] are no tables .* those are \['one', 'two'"):
        parse("audformat", tmp_path, table="three")
    assert _labels(tmp_path, table="two") == {"b.wav": "angry", "c.wav": "angry"}


def test_a_raters_column_can_be_chosen(tmp_path: Path) -> None:
    database = _database()
    _add_table(database, "emotion", {"a.wav": "joy"}, column="rater1")
    database["emotion"]["rater2"] = audformat.Column(scheme_id="emotion")
    database["emotion"]["rater2"].set(["anger"])
    _save(database, tmp_path)
    with pytest.raises(
        CorpusError, match=r"not clear: scheme 'emotion' has .*choose one with --option column="
    ):
        parse("audformat", tmp_path)
    assert _labels(tmp_path, column="rater2") == {"a.wav": "angry"}
    _add_table(database, "emotion.gold_standard", {"a.wav": "joy"})
    _save(database, tmp_path)
    assert _labels(tmp_path) == {"a.wav": "happy"}


def test_another_scheme_can_be_chosen(tmp_path: Path) -> None:
    database = audformat.Database("mine")
    database.schemes["mood"] = audformat.Scheme(labels=["Very  Calm", "sad"])
    database.schemes["arousal"] = audformat.Scheme("float")
    _add_table(database, "mood", {"a.wav": "Very  Calm"}, column="mood", scheme="mood")
    _add_table(database, "arousal", {"a.wav": 0.3}, column="arousal", scheme="arousal")
    _save(database, tmp_path)
    with pytest.raises(
        CorpusError, match=r"'emotion'; choose one of \['arousal', 'mood'\] with --option scheme="
    ):
        parse("audformat", tmp_path)
    with pytest.raises(CorpusError, match=r"scheme 'arousal' holds float; labels must be words"):
        parse("audformat", tmp_path, scheme="arousal")
    assert _labels(tmp_path, scheme="mood") == {"a.wav": "very calm"}


@pytest.mark.parametrize(
    ("labels", "values", "expected"),
    [
        (["anger", "joy"], ["anger", "joy", None], ["angry", "happy", None]),
        (["Happiness", "NEUTRAL"], ["Happiness", "NEUTRAL"], ["happy", "neutral"]),
        (["joy", "happiness", "fearful"], ["joy", "happiness", "fearful"], ["joy", "happiness", "fear"]),
        ({"A": "anger", "H": "happiness"}, ["H", "A"], ["happy", "angry"]),
        ({"anger": {"valence": -1}}, ["anger"], ["angry"]),
        ({0: "anger", 1: "joy"}, [1, 0], ["happy", "angry"]),
    ],
)  # fmt: skip
def test_words_become_ours_unless_two_would_become_one(
    tmp_path: Path, labels: object, values: list[object], expected: list[str | None]
) -> None:
    database = _database(labels)
    files = _FILES[: len(values)]
    _add_table(database, "emotion", dict(zip(files, values, strict=True)))
    assert _labels(_save(database, tmp_path)) == dict(zip(files, expected, strict=True))


def test_a_label_that_the_scheme_does_not_list_is_named(root: Path) -> None:
    table = root / "db.emotion.csv"
    table.write_text(table.read_text().replace("boredom", "zeal"))
    with pytest.raises(
        CorpusError, match=r"table 'emotion' has the label 'zeal', which is not one of its scheme's"
    ):
        parse("audformat", root)


def test_speakers_may_be_described_in_the_header(tmp_path: Path) -> None:
    database = _database()
    database.schemes["speaker"] = audformat.Scheme(
        labels={"ann": {"gender": "female", "language": "eng"}, "x": {"gender": "other"}}
    )
    _add_table(database, "emotion", {"a.wav": "joy", "b.wav": "joy", "c.wav": "joy"})
    _add_table(
        database, "files", {"a.wav": "ann", "b.wav": "x"}, column="speaker", scheme="speaker"
    )
    taken = parse("audformat", _save(database, tmp_path)).taken
    facts = {row.id: (row.speaker, row.gender, row.language) for row in taken.values()}
    assert facts == {
        "a": ("ann", "female", "en"),
        "b": ("x", None, None),
        "c": (None, None, None),
    }


def test_a_speaker_about_whom_tables_differ_is_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = _database()
    database.schemes["speaker"] = audformat.Scheme("str")
    _add_table(database, "emotion", {"a.wav": "joy", "b.wav": "joy"})
    for table, speaker in (("files", "ann"), ("more", "bob")):
        values = {"a.wav": speaker, "b.wav": "eve"}
        _add_table(database, table, values, column="speaker", scheme="speaker")
    taken = parse("audformat", _save(database, tmp_path)).taken
    assert {row.id: row.speaker for row in taken.values()} == {"a": None, "b": "eve"}
    assert "speaker of 1 files or segments is left out: tables differ about it" in caplog.text


def test_texts_without_codes_are_texts_on_one_line(tmp_path: Path) -> None:
    database = _database()
    database.schemes["text"] = audformat.Scheme("str")
    _add_table(database, "emotion", {"a.wav": "joy"})
    _add_table(database, "files", {"a.wav": "Well,\nthen."}, column="text", scheme="text")
    (row,) = parse("audformat", _save(database, tmp_path)).taken.values()
    assert (row.sentence, row.text) == (None, "Well, then.")


def test_a_file_that_a_table_lists_twice_is_refused(tmp_path: Path) -> None:
    database = _database()
    _add_table(database, "emotion", {"a.wav": "anger", "b.wav": "joy"})
    table = _save(database, tmp_path) / "db.emotion.csv"
    table.write_text(table.read_text() + "a.wav,joy\n")
    with pytest.raises(CorpusError, match=r"db.emotion.csv: a.wav is listed twice"):
        parse("audformat", tmp_path)


@pytest.mark.parametrize("languages", ["deu", 5])
def test_languages_that_are_no_list_are_named(tmp_path: Path, languages: object) -> None:
    _save(_database(), tmp_path)
    header = tmp_path / "db.yaml"
    header.write_text(f"{header.read_text()}languages: {languages}\n")
    with pytest.raises(CorpusError, match=r"db.yaml: not a header that audformat understands"):
        prepare_corpus("audformat", tmp_path, tmp_path / "out")


def test_a_text_that_is_empty_in_the_header_is_unknown(tmp_path: Path) -> None:
    database = _database()
    texts = ("a01", "a02")
    database.schemes["text"] = audformat.Scheme("str", labels={key: {} for key in texts})
    _add_table(database, "emotion", {"a.wav": "anger", "b.wav": "joy"})
    _add_table(database, "words", {"a.wav": "a01", "b.wav": "a02"}, column="text", scheme="text")
    header = _save(database, tmp_path) / "db.yaml"
    text = header.read_text().replace("a01: {}", "a01: Erster  Satz.").replace("a02: {}", "a02:")
    header.write_text(text)
    taken = parse("audformat", tmp_path).taken
    assert [(row.sentence, row.text) for row in taken.values()] == [
        ("a01", "Erster Satz."),
        ("a02", None),
    ]
