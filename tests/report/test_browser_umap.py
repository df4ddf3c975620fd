"""The interactive picture in a real browser: hover, legend, zoom and pan, keyboard, phone, dark theme."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotion2vec.report.picture import make_panel, render_picture
from emotion2vec.report.records import read_result
from tests.helpers.browser import Browser
from tests.report.pictures import add_points

pytest.importorskip("selenium", reason="selenium is not installed (extra dev)")
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

pytestmark = pytest.mark.slow


@pytest.fixture
def file(
    write_result: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Draw two results with eight utterances each: utt00 to utt07, two of a class."""
    monkeypatch.setitem(sys.modules, "umap", None)
    panels = []
    for name in ("first", "second"):
        path = write_result(name, name=name, synthetic=True, predictions="predictions.tsv")
        add_points(path)
        panels.append(make_panel(read_result(path), colour="arousal"))
    picture = tmp_path / "picture.html"
    picture.write_bytes(render_picture(panels, picture))
    return picture


@pytest.fixture
def picture(browser: Browser, file: Path) -> Any:
    browser.open(file)
    return browser.driver


def find(page: Any, selector: str) -> list[Any]:
    return list(page.find_elements("css selector", selector))


def point(page: Any, utterance: int, *, panel: int = 0) -> Any:
    return find(page, f'[data-panel="{panel}"] .p')[utterance]


def shown(page: Any) -> list[bool]:
    return [circle.is_displayed() for circle in find(page, '[data-panel="1"] .p')]


def view(page: Any, panel: int = 0) -> list[float]:
    """Return shift right, shift down and magnification."""
    text = find(page, f'[data-panel="{panel}"] .view')[0].get_attribute("transform")
    return [float(number) for number in re.findall(r"-?[\d.]+", text)]


def test_a_point_tells_its_utterance_its_class_and_the_answer_and_is_ringed_everywhere(
    picture: Any,
) -> None:
    ActionChains(picture).move_to_element(point(picture, 5)).perform()
    (tip,) = find(picture, "#tip")
    assert tip.text.splitlines() == ["utt05", "true: happy", "predicted: sad (wrong)"]
    rings = find(picture, ".ring")
    assert [ring.is_displayed() for ring in rings] == [True, True]
    for panel, ring in enumerate(rings):
        there = point(picture, 5, panel=panel)
        for side in ("cx", "cy"):
            places = [float(circle.get_attribute(side)) for circle in (ring, there)]
            assert places[0] == pytest.approx(places[1], abs=0.01)

    ActionChains(picture).move_to_element(find(picture, "h1")[0]).perform()
    assert not tip.is_displayed()
    assert [ring.is_displayed() for ring in rings] == [False, False]


def test_an_answer_that_is_right_is_not_called_wrong(picture: Any) -> None:
    ActionChains(picture).move_to_element(point(picture, 1)).perform()
    assert find(picture, "#tip")[0].text.splitlines()[2] == "predicted: happy"


def test_an_entry_of_the_legend_hides_and_shows_a_class_in_all_panels(picture: Any) -> None:
    happy = next(key for key in find(picture, ".key") if key.text == "happy")
    happy.click()
    assert happy.get_attribute("aria-pressed") == "false"
    assert shown(picture) == [True, False, True, True] * 2
    assert not point(picture, 1).is_displayed()
    happy.click()
    assert happy.get_attribute("aria-pressed") == "true"
    assert shown(picture) == [True] * 8


@pytest.mark.parametrize("key", [Keys.SPACE, Keys.ENTER])
def test_a_group_is_hidden_and_shown_by_keyboard(picture: Any, key: str) -> None:
    high = next(button for button in find(picture, ".key") if button.text == "high arousal:")
    high.send_keys(key)
    assert shown(picture) == [False, False, True, True] * 2
    pressed = {k.text: k.get_attribute("aria-pressed") for k in find(picture, ".key")}
    assert pressed == {
        "low arousal:": "true", "neutral": "true", "sad": "true",
        "high arousal:": "false", "angry": "false", "happy": "false",
    }  # fmt: skip
    high.send_keys(key)
    assert shown(picture) == [True] * 8


def test_a_hidden_point_has_no_tip(picture: Any) -> None:
    place = point(picture, 5).rect
    next(key for key in find(picture, ".key") if key.text == "high arousal:").click()
    others = [point(picture, index).rect for index in (2, 3, 6, 7)]
    assert all(abs(r["x"] - place["x"]) + abs(r["y"] - place["y"]) > 20 for r in others)
    chain = ActionChains(picture)
    chain.w3c_actions.pointer_action.move_to_location(int(place["x"]) + 4, int(place["y"]) + 4)
    chain.perform()
    assert not find(picture, "#tip")[0].is_displayed()


def test_the_wheel_zooms_about_the_pointer_and_dragging_moves(picture: Any) -> None:
    there = point(picture, 3)
    before = there.rect
    origin = ScrollOrigin.from_element(there)
    ActionChains(picture).scroll_from_origin(origin, 0, -300).perform()
    assert view(picture)[2] == pytest.approx(1.82, abs=0.03)
    assert view(picture, panel=1) == [0, 0, 1]
    for axis, side in (("x", "width"), ("y", "height")):
        centres = [rect[axis] + rect[side] / 2 for rect in (before, there.rect)]
        assert centres[0] == pytest.approx(centres[1], abs=2)

    x, y, _ = view(picture)
    (plot,) = find(picture, '[data-panel="0"] .plot')
    unit = plot.rect["width"] / 400
    drag = ActionChains(picture).move_to_element(plot).click_and_hold()
    drag.move_by_offset(-40, 30).release().perform()
    assert view(picture)[:2] == pytest.approx([x - 40 / unit, y + 30 / unit], abs=1)


def test_buttons_and_keys_zoom_move_and_show_everything_again(picture: Any) -> None:
    find(picture, '[data-panel="1"] [data-do="in"]')[0].send_keys(Keys.ENTER)
    assert view(picture, panel=1) == pytest.approx([-80, -80, 1.4])
    find(picture, '[data-panel="1"] [data-do="all"]')[0].click()
    assert view(picture, panel=1) == [0, 0, 1]

    (plot,) = find(picture, '[data-panel="0"] .plot')
    plot.send_keys("+")
    plot.send_keys(Keys.ARROW_RIGHT)
    assert view(picture) == pytest.approx([-120, -80, 1.4])
    plot.send_keys("-")
    assert view(picture) == [0, 0, 1]


def test_a_phone_needs_no_scrolling_to_the_side_and_shows_the_tip_in_its_window(
    browser: Browser, file: Path
) -> None:
    browser.open(file, width=390, height=844)
    page = browser.driver
    assert browser.overflow() == 0
    small = [button.rect for button in find(page, "button")]
    assert min(min(rect["width"], rect["height"]) for rect in small) >= 33
    for utterance in range(8):
        ActionChains(page).move_to_element(point(page, utterance)).perform()
        (tip,) = find(page, "#tip")
        assert tip.text.startswith(f"utt{utterance:02d}")
        assert 0 <= tip.rect["x"] <= tip.rect["x"] + tip.rect["width"] <= 390


def test_fingers_pinch_to_zoom_and_move_only_what_is_zoomed(browser: Browser, file: Path) -> None:
    browser.open(file, width=390, height=844)
    box = browser.run("return document.querySelector('.plot').getBoundingClientRect().toJSON()")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(*paths: tuple[float, float, float, float]) -> None:
        """Put a finger down at each path's start, and move them to the ends in ten steps."""
        for step in range(12):
            part = min(step, 10) / 10
            kind = "touchStart" if step == 0 else "touchEnd" if step == 11 else "touchMove"
            places = [
                {"x": a + part * (c - a), "y": b + part * (d - b), "id": finger}
                for finger, (a, b, c, d) in enumerate(paths)
            ]
            event = {"type": kind, "touchPoints": [] if step == 11 else places}
            browser.driver.execute_cdp_cmd("Input.dispatchTouchEvent", event)

    touch((x, y, x - 60, y))
    assert view(browser.driver) == [0, 0, 1]
    touch((x - 30, y, x - 90, y), (x + 30, y, x + 90, y))
    left, top, scale = view(browser.driver)
    assert scale == pytest.approx(3, abs=0.3)
    touch((x, y, x + 40, y + 40))
    assert view(browser.driver)[0] > left + 20
    assert view(browser.driver)[1] > top + 20


def test_the_dark_theme_is_the_readers(browser: Browser, file: Path) -> None:
    brightness = []
    for dark in (False, True):
        browser.open(file, dark=dark)
        colour = browser.run(
            "return getComputedStyle(document.querySelector('.plot')).backgroundColor"
        )
        brightness.append(sum(map(int, re.findall(r"\d+", colour)[:3])))
    assert brightness[0] > 600
    assert brightness[1] < 200


def test_nothing_is_loaded_and_the_console_stays_empty(browser: Browser, picture: Any) -> None:
    ActionChains(picture).move_to_element(point(picture, 5)).perform()
    find(picture, ".key")[0].click()
    assert [url for url in browser.requests() if not url.startswith("file:")] == []
    assert browser.console_errors() == []
