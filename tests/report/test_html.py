import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from emotion2vec.report.html import render_report
from emotion2vec.report.records import read_result
from emotion2vec.report.training_log import read_training_log

EVIL = '<script>alert("x")</script>'


@pytest.fixture(autouse=True)
def pca_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)


class TagBalance(HTMLParser):
    """Collects tags that are opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.attributes += attributes
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.attributes += attributes


@pytest.fixture
def page(write_result: Callable[..., Path], write_log: Callable[..., Path]) -> str:
    results = [
        read_result(write_result("a", synthetic=True)),
        read_result(write_result("b", name="logmel")),
    ]
    return render_report(results, [read_training_log(write_log())], title="A title")


def test_the_page_asks_the_network_for_nothing_and_runs_no_script(page: str) -> None:
    page = page.replace('<link rel="icon" href="data:,">', "")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|<script|<link|<img|<iframe", page)


def test_every_tag_is_closed_and_links_stay_in_the_page(page: str) -> None:
    parser = TagBalance()
    parser.feed(page)

    assert parser.open == []
    assert all(
        value.startswith(("#", "data:,")) for name, value in parser.attributes if name in ("href", "src")
    )


def test_links_of_the_page_have_a_target(page: str) -> None:
    targets = set(re.findall(r' id="([^"]+)"', page))

    assert set(re.findall(r'href="#([^"]+)"', page)) <= targets


def test_figures_of_the_results_are_on_the_page(page: str) -> None:
    assert "62.25 \u00b1 0.50" in page
    assert "ab" * 32 in page
    assert "70%" in page  # 21 of 30 sad utterances


def test_every_logged_quantity_has_a_chart(page: str) -> None:
    for title in ("Frame loss", "Utterance loss", "Target variance", "Prediction variance",
                  "Utterance-target variance", "Learning rate", "EMA decay"):  # fmt: skip
        assert f"<h3>{title}" in page


def test_a_synthetic_result_gives_a_banner_and_a_badge(page: str) -> None:
    assert "<strong>SYNTHETIC DATA</strong>" in page
    # the overview, its row and its block, not the other result's
    assert page.count('class="badge">SYNTHETIC<') == 3
    assert "1 of 2 results: computer-generated speech" in page


def test_real_speech_gives_no_banner(write_result: Callable[..., Path]) -> None:
    assert "SYNTHETIC" not in render_report([read_result(write_result())], title="t")


def test_a_page_without_umap_says_so(page: str) -> None:
    assert "PCA in place of UMAP" in page
    assert "silhouette" in page
    assert "10-nearest-neighbour accuracy" in page


def test_a_result_without_embeddings_says_so(write_result: Callable[..., Path]) -> None:
    page = render_report([read_result(write_result(embeddings=None))], title="t")

    assert "The result holds no embeddings." in page


def test_text_from_files_and_user_is_escaped(write_result: Callable[..., Path]) -> None:
    path = write_result(
        name=EVIL,
        corpus=EVIL,
        protocol=EVIL,
        labels=[EVIL, "b", "c", "d"],
        git_commit=EVIL,
        versions={EVIL: EVIL},
    )

    page = render_report([read_result(path)], title=EVIL)

    assert "<script" not in page
    assert "&lt;script&gt;" in page
