"""The page in a real browser: what it logs, asks for, and looks like on a phone and on a desk."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from emotion2vec.cli.main import main
from tests.helpers.browser import Browser
from tests.report.conftest import (
    LABELS,
    make_log_line,
    write_compared,
    write_layers,
    write_result_folder,
)

PHONE, DESK = 390, 1280
# relative luminance and contrast as WCAG 2 defines them
CONTRASTS = """
const parse = c => c.match(/[\\d.]+/g).map(Number);
const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
const ground = e => { for (; e; e = e.parentElement) {
  const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } };
const low = [];
for (const e of document.querySelectorAll('p, th, td:not(.confusion td), a, summary, h1, h2, h3, h4, h5, small, dt, dd,'
    + ' li, .badge, .best, .banner, footer')) {
  if (!e.offsetParent && e.className !== 'banner') continue;
  const pair = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((a, b) => b - a);
  const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
  if (ratio < 4.5) low.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2));
}
return [...new Set(low)];
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of everything that a page can hold."""
    root = tmp_path_factory.mktemp("results")
    task = {"protocol": "urdu_10fold", "corpus": "urdu"}
    recalls = {label: {"recall": {"mean": 60.0, "std": 1.5}, "support": 30} for label in LABELS}
    more = {"per_class": recalls, "layer_weights": [0.1, 0.7, 0.2]}
    write_compared(root / "a", 0.8, name="emotion2vec", **task, **more)
    write_compared(
        root / "b", 0.6, name="a rather long name of a checkpoint with spaces.pt", **task
    )
    write_result_folder(root / "c", name="starred", valid_is_test=True, **task)
    write_result_folder(root / "d", synthetic=True)
    write_layers(root / "layers")
    log = root / "train.log"
    log.write_text("\n".join(make_log_line(update) for update in range(1, 6)))
    out = root / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "umap", None)  # PCA is faster
        assert main(["report", str(root), "--out", str(out), "--train-log", str(log)]) == 0
    return out


def open_everything(browser: Browser) -> None:
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_logs_nothing_and_asks_for_nothing(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    open_everything(browser)
    browser.run("return document.fonts.ready")
    assert browser.console_errors() == []
    assert browser.requests() == [page.as_uri()]


def test_a_page_that_errs_and_asks_would_be_noticed(browser: Browser, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<!DOCTYPE html><meta name="viewport" content="width=device-width"><title>t</title>'
        '<img src="picture.png"><p style="width:900px">wide</p>'
        "<script>console.error('a mistake')</script>"
    )
    browser.open(bad, width=PHONE)
    assert any("a mistake" in message for message in browser.console_errors())
    assert browser.requests() == [bad.as_uri(), (tmp_path / "picture.png").as_uri()]
    assert browser.overflow() > 400


@pytest.mark.parametrize("width", [320, PHONE, DESK])
def test_the_page_is_not_wider_than_its_window(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.overflow() <= 0
    open_everything(browser)
    assert browser.overflow() <= 0


def test_a_wide_table_scrolls_in_its_own_box(browser: Browser, page: Path) -> None:
    browser.open(page, width=PHONE)
    inside, wide = browser.run(
        "const box = [...document.querySelectorAll('.scroll')].find(e => e.ariaLabel.includes('urdu'));"
        "return [box.clientWidth, box.scrollWidth]"
    )
    assert wide > inside
    assert inside <= PHONE


def test_a_result_opens_when_it_is_pressed(browser: Browser, page: Path) -> None:
    browser.open(page, width=PHONE)
    summary = browser.driver.find_element("css selector", "#result-0 > summary")
    matrix = browser.driver.find_element("css selector", "#result-0 .confusion")
    assert not matrix.is_displayed()
    summary.click()
    assert matrix.is_displayed()
    summary.click()
    assert not matrix.is_displayed()


def test_contents_lead_to_every_section(browser: Browser, page: Path) -> None:
    browser.open(page, width=PHONE)
    browser.driver.find_element("css selector", ".contents > summary").click()
    links = browser.driver.find_elements("css selector", ".contents a")
    names = [link.text for link in links]
    assert names[:3] == ["Overview", "Table 4: Datasets of other languages", "urdu_10fold"]
    assert names[-1] == "Pre-training"
    links[2].click()
    top = "return document.querySelector('#task-0').getBoundingClientRect().top"
    assert 0 <= browser.run(top) < 100


def test_what_is_pressed_is_large_enough_for_a_finger(browser: Browser, page: Path) -> None:
    browser.open(page, width=PHONE)
    open_everything(browser)
    heights = browser.run(
        "return [...document.querySelectorAll('summary, .contents a, .up')].map(e => e.offsetHeight)"
    )
    assert min(heights) >= 44


def test_the_papers_rows_are_called_the_papers(browser: Browser, page: Path) -> None:
    browser.open(page)
    rows = [
        row.text for row in browser.driver.find_elements("css selector", "#task-0 tbody.paper tr")
    ]
    assert rows[0] == "Printed in the paper, not measured here"
    assert any(row.startswith("emotion2vec, paper (Table 4) 81.50 81.87 81.60") for row in rows)
    assert len(rows) > 3
    assert all(", paper (Table 4)" in row for row in rows[1:])
    own = browser.driver.find_element("css selector", "#task-0 table tbody").text
    assert "paper (Table" not in own


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_in_both_themes(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    open_everything(browser)
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(17, 17, 19)" if dark else "rgb(250, 250, 249)")
    assert browser.run(CONTRASTS) == []


def test_headings_descend_one_level_at_a_time(browser: Browser, page: Path) -> None:
    browser.open(page)
    levels = browser.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(e => +e.tagName[1])"
    )
    steps = [later - earlier for earlier, later in pairwise(levels)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(steps) == 1


def test_pictures_and_tables_have_a_name(browser: Browser, page: Path) -> None:
    browser.open(page)
    nameless = browser.run(
        "return [...document.querySelectorAll('svg, .scroll')].filter(e => !e.ariaLabel).length"
    )
    pictures = browser.run("return document.querySelectorAll('svg[role=img]').length")
    assert nameless == 0
    assert pictures > 10


def test_every_block_of_the_page_is_there(browser: Browser, page: Path) -> None:
    browser.open(page)
    open_everything(browser)
    text = browser.driver.find_element("css selector", "main").text
    for words in (
        "At a glance", "Statistics 1 of 1 differ from emotion2vec", "Layer by layer",
        "tiny.pt: best in validation layer 2, WA 53.00", "Probe training", "Confusion matrix",
        "Recall of each class", "Learned layer weights", "Every fold and seed", "silhouette", "Pre-training",
    ):  # fmt: skip
        assert words in text, words
    assert json.loads(browser.run("return JSON.stringify(document.title)")) == "emotion2vec report"
