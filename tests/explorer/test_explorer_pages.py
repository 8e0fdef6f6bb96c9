"""The explorer in a real browser: clicking, drawing, dragging, typing, dropping a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from explored import MakeCollection

import ambigan
from ambigan.explorer.server import Explorer
from ambigan.run import Run

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WAIT = 60_000  # ms; machines are slow, and nothing here measures time


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Page:
    """A page of the explorer, with every request to elsewhere and every error it makes."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, **options})
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT)
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._see)
        self.page.goto(address)
        self.page.wait_for_selector("#map canvas")
        self.page.wait_for_selector("#moved img, #moved .plot")
        self.page.wait_for_load_state("networkidle")  # the map is then drawn in its size

    def _hear(self, told: Any) -> None:
        if told.type == "error":
            self.errors.append(told.text)

    def _see(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.elsewhere.append(request.url)

    def find(self, text: str) -> None:
        """Chooses the first example that a search finds."""
        self.page.fill("#find", text)
        self.page.locator(f"#found .example[title^='row {text} ']").first.click()
        self.page.wait_for_selector(f"#example h3:text-is('row {text}')")

    def changed(self, selector: str, before: str | None) -> str:
        """The address of a picture as soon as it is another."""
        script = "([s, b]) => { const e = document.querySelector(s); return e && e.src !== b; }"
        self.page.wait_for_function(script, arg=[selector, before])
        return self.page.locator(selector).first.get_attribute("src")


@pytest.fixture
def page(browser: Any, explorer: Explorer) -> Iterator[Page]:
    page = Page(browser, explorer.address)
    yield page
    page.page.context.close()
    assert page.errors == []
    assert page.elsewhere == []


def test_an_example_is_pointed_at_clicked_and_shown(page: Page) -> None:
    box = page.page.locator("#map .nsewdrag").bounding_box()
    middle = box["y"] + box["height"] / 2
    for step in range(200):  # until a point is under the pointer
        page.page.mouse.move(box["x"] + box["width"] * (0.2 + 0.003 * step), middle)
        page.page.wait_for_timeout(50)
        if page.page.locator(".card").count():
            break
    name = page.page.locator(".card strong").inner_text()
    assert "label" in page.page.locator(".card").inner_text()
    page.page.mouse.down()
    page.page.mouse.up()
    page.page.wait_for_selector(f"#example h3:text-is('{name}')")
    assert page.page.locator("#example .pictures img").count() == 2  # with its reconstruction
    assert page.page.locator("#example .example").count() == 12
    near = page.page.locator("#example .example").first
    caption = near.inner_text()
    near.click()
    page.page.wait_for_selector(f"#example h3:text-is('{caption.partition(' ·')[0]}')")
    arrow = page.page.locator("#map .annotation-text")  # which names it on the map
    arrow.filter(has_text=caption.partition(" ·")[0]).wait_for()
    assert page.page.locator("#map").bounding_box()["height"] > 500


def test_examples_are_chosen_by_an_outline_and_saved(page: Page, tmp_path: Path) -> None:
    page.page.click("#map .modebar-btn[data-title='Draw rectangle']")
    box = page.page.locator("#map .nsewdrag").bounding_box()
    page.page.mouse.move(box["x"] + 4, box["y"] + 4)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4, steps=4)
    page.page.mouse.up()
    page.page.wait_for_selector("#selection .message")
    assert page.page.inner_text("#selection .message").startswith("300 examples chosen")
    with page.page.expect_download() as download:
        page.page.click("#save-selection")
    download.value.save_as(tmp_path / "selection.csv")
    table = pd.read_csv(tmp_path / "selection.csv")
    assert table.columns.tolist() == ["row", "label", "map_x", "map_y"]
    assert table.row.tolist() == list(range(300))


def test_few_points_in_sight_become_pictures(page: Page) -> None:
    page.page.click("#map .modebar-btn[data-title='Zoom']")
    box = page.page.locator("#map .nsewdrag").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + 60, y + 60, steps=4)
    page.page.mouse.up()
    page.page.wait_for_selector("#map image", state="attached")
    assert 0 < page.page.locator("#map image").count() <= 120
    in_sight = "document.querySelector('#map .js-plotly-plot').layout.xaxis.range"
    before = page.page.evaluate(in_sight)
    page.page.click("#colour")  # another colour leaves what is in sight
    page.page.click(".dash-dropdown-option:has-text('cluster')")
    page.page.locator("#map .legendtext").filter(has_text="10").wait_for()
    assert page.page.evaluate(in_sight) == before
    assert page.page.locator("#map image").count() > 0
    # The pictures are drawn; a click while the map still draws them may meet a button that is gone.
    page.page.wait_for_load_state("networkidle")
    page.page.click("#map .modebar-btn[data-title='Autoscale']")
    page.page.wait_for_selector("#map image", state="detached")


def test_latents_are_moved_walked_and_added(page: Page) -> None:
    before = page.changed("#moved img", None)
    slider = page.page.locator("#directions [role=slider]").first
    slider.focus()
    page.page.keyboard.press("End")
    moved = page.changed("#moved img", before)
    page.page.click("#reset")
    assert page.changed("#moved img", moved) == before
    for row, term in (("12", "A"), ("17", "B"), ("30", "C")):
        page.find(row)
        page.page.click(f"text=Add to {term}")
        place = page.page.locator(f".term:has(h3:text-is('{term}')) img")
        place.wait_for()
        assert place.get_attribute("alt") == f"row {row}"
    page.page.wait_for_selector("#sum h3:text-is('A − B + C')")
    whole = page.changed("#sum img", None)
    assert page.page.locator("#walk img").count() == 1
    page.page.locator(".term:has(h3:text-is('C')) button").click()
    page.page.wait_for_selector("#sum h3:text-is('A − B')")
    page.changed("#sum img", whole)
    samples = page.page.locator("#samples img").get_attribute("src")
    page.page.fill("#seed", "3")
    page.changed("#samples img", samples)


def test_a_picture_of_ones_own_is_encoded_and_inverted(page: Page, picture_file: Path) -> None:
    page.page.set_input_files("#upload input[type=file]", picture_file)
    page.page.wait_for_selector("#dropped h3:text-is('mine.png')")
    assert page.page.locator("#dropped .pictures img").count() == 2
    assert page.page.locator("#dropped .example").count() == 12
    page.page.click("#invert-dropped")
    page.page.wait_for_selector("#inverted .message")
    words = page.page.inner_text("#inverted .message").split()
    assert float(words[1]) < float(words[5].rstrip(","))  # less than by the encoder alone
    page.page.set_input_files("#upload input[type=file]", __file__)
    page.page.wait_for_selector("#dropped .message:has-text('test_explorer_pages.py')")


def test_vectors_are_plotted_coloured_and_scored(browser: Any, explorer: Explorer) -> None:
    page = Page(browser, f"{explorer.address[:-2]}1/")
    page.find("12")
    assert "alcohol" in page.page.locator("#example details").text_content()
    page.page.click("#score")
    page.page.wait_for_selector("#anomaly table")
    assert page.page.inner_text("#anomaly .message").startswith("Anomaly score")
    page.page.click("#colour")
    page.page.click(".dash-dropdown-option:has-text('alcohol')")
    page.page.wait_for_selector("#map .colorbar, #map .cbtitle", state="attached")
    assert page.errors == []
    assert page.elsewhere == []
    page.page.context.close()


@pytest.mark.parametrize(
    ("method", "sections"),
    [
        ("gan", ["Map", "Example", "Move", "Samples", "Your own"]),
        ("autoencoder", ["Map", "Example", "Move", "Walk and arithmetic", "Your own"]),
    ],
)
def test_a_method_shows_what_it_can_do(
    browser: Any,
    image_run: Run,
    collection_of: MakeCollection,
    tmp_path: Path,
    method: str,
    sections: list[str],
) -> None:
    data = image_run.config.data.source
    run = ambigan.fit(method, data, preset="small", epochs=1, out=tmp_path / method)
    server = Explorer([collection_of(run)])
    server.start()
    page = Page(browser, server.address)
    assert page.page.locator("h2").all_inner_texts() == sections
    before = page.changed("#moved img", None)
    page.page.locator(".sliders [role=slider]").first.focus()
    page.page.keyboard.press("End")
    page.changed("#moved img", before)
    page.find("12")
    page.page.wait_for_selector("#example .example")
    assert page.errors == []
    page.page.context.close()
    server.stop()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_shows_all_without_scrolling_sideways(
    browser: Any, explorer: Explorer, number: int, scheme: str
) -> None:
    address = f"{explorer.address[:-2]}{number}/"
    page = Page(
        browser,
        address,
        viewport={"width": 400, "height": 800},
        color_scheme=scheme,
        has_touch=True,
    )
    page.find("12")
    assert page.page.evaluate("document.documentElement.scrollWidth") == 400
    paper = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (np.mean([int(part) for part in paper[4:-1].split(",")]) < 128) == (scheme == "dark")
    page.page.context.close()


def test_all_is_reached_by_keyboard_and_named(page: Page) -> None:
    page.find("12")
    named = page.page.evaluate(
        """() => [...document.querySelectorAll('button, input, [role=slider]')]
        .filter(e => e.offsetParent && !e.closest('.js-plotly-plot') && e.type !== 'file')
        .filter(e => !(e.innerText || e.ariaLabel || e.title || e.labels?.length
            || e.closest('label') || e.getAttribute('aria-labelledby')))
        .map(e => e.outerHTML.slice(0, 200))"""
    )
    assert named == []
    unnamed = page.page.locator("main img:not([alt])").count()
    assert unnamed == 0
    page.page.locator("#find").focus()
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")  # the second of the examples found
    page.page.wait_for_selector("#example h3:not(:text-is('row 12'))")
