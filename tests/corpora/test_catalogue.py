"""The catalogue of docs/corpora.md is what the cards say."""

import json
from pathlib import Path

import pytest

from emotion2vec.corpora.catalogue import BEGIN, END, catalogue, update_page
from emotion2vec.corpora.registry import corpus_names
from emotion2vec.errors import CorpusError

DOCS = Path(__file__).parents[2] / "docs"
FOUND = json.loads((DOCS / "corpora_found.json").read_text(encoding="utf-8"))


def test_the_page_shows_the_catalogue_of_the_cards() -> None:
    text = (DOCS / "corpora.md").read_text(encoding="utf-8")
    shown = text.split(BEGIN)[1].split(END)[0]
    assert shown.strip() == catalogue(FOUND).strip(), "run `make docs`"


def test_every_corpus_and_the_joined_one_have_a_section() -> None:
    text = catalogue(FOUND)
    for name in (*corpus_names(), "pretrain"):
        assert f"### {name}: " in text


def test_counts_of_paper_release_and_found_stand_side_by_side() -> None:
    section = catalogue(FOUND).split("### iemocap: ")[1].split("###")[0]
    (row,) = [line for line in section.splitlines() if line.startswith("| utterances |")]
    assert row == "| utterances | 5531 | 5531 | 5531 |"


def test_the_label_table_says_what_the_paper_uses() -> None:
    text = catalogue({})
    (row,) = [line for line in text.splitlines() if line.startswith("| iemocap | `ang`")]
    assert row.endswith("| angry, happy, neutral, sad; excited as happy |")


def test_only_the_part_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page, found = tmp_path / "page.md", tmp_path / "found.json"
    page.write_text(f"before\n{BEGIN}\nstale words\n{END}\nafter\n")
    found.write_text("{}")
    update_page(page, found)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n\n### All corpora")
    assert text.endswith(f"{END}\nafter\n")
    assert "stale words" not in text


def test_a_page_without_the_markers_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("text")
    with pytest.raises(CorpusError, match=r"page\.md: expected the lines"):
        update_page(tmp_path / "page.md", DOCS / "corpora_found.json")
