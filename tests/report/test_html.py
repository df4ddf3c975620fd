import re
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from emotion2vec.errors import ReportError
from emotion2vec.report.html import render_report
from emotion2vec.report.layer_curves import read_layer_curve
from emotion2vec.report.records import read_result
from emotion2vec.report.training_log import read_training_log
from tests.report.conftest import write_embeddings, write_layers

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
        value.startswith(("#", "data:,"))
        for name, value in parser.attributes
        if name in ("href", "src")
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


def test_protocols_stand_under_the_papers_tables(write_result: Callable[..., Path]) -> None:
    results = [
        read_result(write_result("a", protocol="urdu_10fold", corpus="urdu")),
        read_result(write_result("b")),
        read_result(write_result("c", protocol="iemocap_10fold", corpus="iemocap")),
        read_result(write_result("d", protocol="iemocap_5fold", corpus="iemocap")),
    ]

    page = render_report(results, title="t")

    assert re.findall(r'<h2 id="part-\d+">([^<]*)</h2>', page) == [
        "Table 2: Speech emotion recognition on IEMOCAP",
        "Table 4: Datasets of other languages",
        "Other protocols",
    ]
    assert "Also in Tables 8, 9, 10, 11 of the paper." in page
    assert page.index("<h3>iemocap: iemocap_5fold") < page.index("<h3>iemocap: iemocap_10fold")


def test_many_rows_of_the_paper_are_folded_away(write_result: Callable[..., Path]) -> None:
    result = read_result(write_result(protocol="iemocap_5fold", corpus="iemocap"))

    page = render_report([result], title="t")

    assert re.search(r"<summary>\d+ rows that the paper prints for this protocol</summary>", page)


def test_few_results_are_unfolded_and_many_are_not(write_result: Callable[..., Path]) -> None:
    results = [read_result(write_result(f"r{index}")) for index in range(4)]

    counts = [
        render_report(some, title="t").count('class="result" id="result-')
        for some in (results[:3], results)
    ]
    unfolded = [
        len(re.findall(r'id="result-\d" open', render_report(some, title="t")))
        for some in (results[:3], results)
    ]
    assert counts == [3, 4]
    assert unfolded == [3, 0]


def test_what_was_not_run_is_listed_with_the_reason(write_result: Callable[..., Path]) -> None:
    skipped = [("Table 3, MELD, <emotion2vec>", "no features")]

    page = render_report([read_result(write_result())], title="t", skipped=skipped)

    assert "1 without a result, and why" in page
    assert "Table 3, MELD, &lt;emotion2vec&gt;" in page
    assert '<a href="#skipped">Not run</a>' in page


def test_a_result_that_comes_twice_is_shown_once(write_result: Callable[..., Path]) -> None:
    result = read_result(write_result())

    page = render_report([result, replace(result, name="again")], title="t")

    assert page.count('id="result-') == 1
    assert "again" not in page


def test_a_page_of_curves_alone_is_possible(tmp_path: Path) -> None:
    curve = read_layer_curve(write_layers(tmp_path / "run"))

    page = render_report([], title="t", curves=[curve])

    assert "tiny.pt: best in validation layer 2, WA 53.00 \u00b1 0.50" in page
    assert page.count("svg-band") == 3 + 1  # WA, UA, WF1 and the style sheet


def test_synthetic_curves_give_a_banner(tmp_path: Path) -> None:
    curve = read_layer_curve(write_layers(tmp_path / "run", synthetic=True))

    assert "<strong>SYNTHETIC DATA</strong>" in render_report([], title="t", curves=[curve])


def test_learned_layer_weights_are_bars(write_result: Callable[..., Path]) -> None:
    page = render_report([read_result(write_result(layer_weights=[0.25, 0.75]))], title="t")

    assert "Learned layer weights" in page
    assert "<title>1: 75 %</title>" in page


def test_damaged_layer_weights_get_one_sentence(write_result: Callable[..., Path]) -> None:
    result = read_result(write_result(layer_weights=["a"]))

    with pytest.raises(ReportError, match=r"'layer_weights' is not what train_probe.py writes"):
        render_report([result], title="t")


def test_points_of_a_picture_are_capped_and_the_page_says_so(
    write_result: Callable[..., Path],
) -> None:
    path = write_result()
    write_embeddings(path.parent / "embeddings.npz", num_per_fold=1000, num_folds=2)

    page = render_report([read_result(path)], title="t")

    assert "600 of 1000 points drawn" in page
    assert sum(dots.count("M") for dots in re.findall(r' d="([^"]*)"', page)) == 600
