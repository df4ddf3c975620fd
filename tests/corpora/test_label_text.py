"""Text and tables that come with a release."""

from pathlib import Path

import pytest

from emotion2vec.corpora.label_text import (
    Row,
    one_line,
    read_json,
    read_lenient,
    read_rows,
    read_text,
)
from emotion2vec.errors import CorpusError


@pytest.mark.parametrize(
    "data",
    ["It\u2019s".encode(), b"\xef\xbb\xbf" + "It\u2019s".encode(), b"It\x92s"],
    ids=["utf8", "byte-order mark", "windows"],
)
def test_text_is_read_in_the_encodings_of_old_and_new_copies(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    assert read_text(tmp_path / "a.txt") == "It\u2019s"


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\x00\x81\xff\x8d")
    with pytest.raises(CorpusError, match=r"a.txt: neither UTF-8 nor Windows-1252 text"):
        read_text(tmp_path / "a.txt")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_named_and_not_read_as_something_else(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,yes\n", encoding=encoding)
    with pytest.raises(CorpusError, match=r"a.csv: neither UTF-8 nor .*; save it as UTF-8"):
        list(read_rows(tmp_path / "a.csv", ("id",)))


def test_a_bad_byte_spoils_a_transcripts_word_only(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"It\x92s \x81\x00 it.")
    assert read_lenient(tmp_path / "a.txt") == "It\u2019s \ufffd\x00 it."


def test_a_table_that_the_csv_reader_refuses_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,text\n1,"' + "a" * 200000 + '"\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a.csv:2: not a CSV table \(field larger than"):
        list(read_rows(tmp_path / "a.csv", ("id",)))


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "Expecting"), ("", "Expecting value"), ("[" * 100000, "recursion")]
)
def test_a_file_that_is_no_json_is_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=rf"a.json: not valid JSON \(.*{reason}.*copy it again"):
        read_json(tmp_path / "a.json")


def test_a_json_key_that_occurs_twice_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.json").write_text('{"x": {"y": 1, "y": 2}}', encoding="utf-8")
    assert read_json(tmp_path / "a.json") == {"x": {"y": 2}}
    assert "a.json: 'y' occurs 2 times, the last one counts" in caplog.text


def test_rows_carry_their_line_and_cells_lose_surrounding_space(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id, text\n1,"one,\n two"\n\n2 , x \n', encoding="utf-8", newline="\r\n")
    assert list(read_rows(path, ("id", "text"))) == [
        Row(f"{path}:3", {"id": "1", "text": "one,\r\n two"}),
        Row(f"{path}:5", {"id": "2", "text": "x"}),
    ]


def test_only_line_breaks_end_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\nWell\x85no\u2028yes\n", encoding="utf-8")
    assert [row.cells["id"] for row in read_rows(tmp_path / "a.csv", ("id",))] == [
        "Well\x85no\u2028yes"
    ]


def test_a_table_without_a_column_is_refused_with_its_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,words\n", encoding="utf-8")
    with pytest.raises(
        CorpusError, match=r"a.csv:1: the header \['id', 'words'\] lacks \['text'\]"
    ):
        list(read_rows(tmp_path / "a.csv", ("id", "text")))


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(CorpusError, match=r"a.csv:1: the header \[\] lacks \['id'\]"):
        list(read_rows(tmp_path / "a.csv", ("id",)))


def test_a_row_with_a_cell_too_many_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,Well, no\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a.csv:2: expected 2 cells, but found 3: \['1', 'Well'"):
        list(read_rows(tmp_path / "a.csv", ("id",)))


def test_one_line_collapses_white_space_and_nothing_is_none() -> None:
    assert one_line("  a\tb \r\n c ") == "a b c"
    assert one_line(" \n") is None
