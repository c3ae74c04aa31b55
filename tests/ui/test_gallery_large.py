"""Twenty thousand pictures in a real browser: the first page at once, any place without a stall, and many at a time."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from studio.paths import Paths
from studio.store import Database
from tests.gallery.pictures import fill_rows
from tests.servers import Server, running_server
from tests.ui.conftest import WAIT_MS, wait_until_ready

pytestmark = pytest.mark.browser

COUNT = 20_000
FRAMES = """() => {
  const watch = (window.watch = (window.watch ?? 0) + 1);
  window.longest = 0;
  let last = performance.now();
  const frame = (now) => {
    if (watch !== window.watch) return;
    window.longest = Math.max(window.longest, now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
IN_VIEW = """() => {
  const cells = [...document.querySelectorAll('#gallery-grid .cell')];
  const boxes = new Map(cells.map((cell) => [cell, cell.getBoundingClientRect()]));
  const seen = cells.filter((cell) => boxes.get(cell).bottom > 0 && boxes.get(cell).top < innerHeight);
  return seen.length > 5 && seen.every((cell) => cell.dataset.id);
}"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("large") / "home"
    home.mkdir()
    database = Database.open(Paths.at(home).database)
    fill_rows(database, COUNT)
    database.close()
    with running_server(home, "--models", str(toy_models)) as server:
        yield server
    shutil.rmtree(home)


@pytest.fixture
def page(browser: Browser, large: Server) -> Iterator[Page]:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), (90, 120, 160)).save(picture, "PNG")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.route("**/thumbnail", lambda route: route.fulfill(body=picture.getvalue(), content_type="image/png"))
    page.goto(large.address + "/#/gallery")
    wait_until_ready(page)
    page.wait_for_function(IN_VIEW)
    yield page
    context.close()


def test_the_first_page_comes_within_200_ms(large: Server) -> None:
    with large.client() as client:
        for search in ("", 'sampler:"Euler a" steps>10 cat -fav:yes'):
            params = {"search": search, "limit": 60}
            answers = [client.get("/api/v1/images", params=params) for _ in range(7)]
            assert all(len(answer.json()["images"]) == 60 for answer in answers)
            fastest = min(answer.elapsed.total_seconds() for answer in answers)
            print(f"{search!r}: {fastest * 1000:.0f} ms")
            assert fastest < 0.2


def scrolled_ms(page: Page) -> float:
    """The longest frame of scrolling through everything, by jumps and by wheel, in milliseconds."""
    page.evaluate(FRAMES)
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height > 100_000, "the scroll bar tells of all of them"
    for step in range(1, 13):
        page.evaluate("place => scrollTo(0, place)", height * step / 12)
        page.wait_for_function(IN_VIEW)
        assert page.locator("#gallery-grid .cell").count() < 200, "only what is near is in the page"
    page.mouse.move(640, 500)
    for _ in range(20):
        page.mouse.wheel(0, -900)
    page.wait_for_function(IN_VIEW)
    return float(page.evaluate("window.longest"))


def test_scrolling_anywhere_never_stalls(page: Page) -> None:
    expect(page.locator("#gallery-total")).to_have_text("20,000 pictures")
    # What the page itself makes wait, it does each time; what else a machine is busy with, it does not.
    longest = []
    while len(longest) < 4 and min(longest, default=500) >= 500:
        longest.append(scrolled_ms(page))
    print("longest frames:", *(f"{one:.0f} ms" for one in longest))
    assert min(longest) < 500
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_function(IN_VIEW)
    page.locator(".cell-open").last.click()
    page.wait_for_selector("#viewer[open]")


def test_keys_move_select_and_mark_and_500_come_back(page: Page, large: Server) -> None:
    page.locator(".cell-open").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator(".selection-count")).to_have_text("1 picture selected")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".selection-count")).to_have_text("2 pictures selected")
    page.keyboard.press("Escape")
    expect(page.locator("#gallery-selection")).to_be_hidden()
    page.fill("#gallery-search", "castle forest neon glass")
    page.wait_for_function("!document.querySelector('#gallery-total').textContent.startsWith('20,000')")
    total = page.locator("#gallery-total").inner_text()
    assert 300 < int(total.split()[0].replace(",", "")) < 2500
    page.locator(".cell-open").first.focus()
    page.keyboard.press("Control+a")
    expect(page.locator(".selection-count")).to_have_text(f"{total} selected")
    page.keyboard.press("Delete")
    expect(page.locator("#gallery-note h2")).to_contain_text("Nothing found")
    page.click(".toast-action:has-text('Undo')")
    expect(page.locator("#gallery-total")).to_have_text(total)
    with large.client() as client:
        assert client.get("/api/v1/images?limit=1").json()["total"] == COUNT


def test_tags_and_albums(page: Page) -> None:
    page.fill("#gallery-search", "seed:100..103 -tag:none")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 4")
    page.locator(".cell-open").first.focus()
    page.keyboard.press("Control+a")
    expect(page.locator(".selection-count")).to_have_text("4 pictures selected")
    page.click("#gallery-selection [aria-label=Tag]")
    page.fill("#naming input", 'bad "tag"')
    page.click("#naming button[type=submit]")
    expect(page.locator("#naming .field-error")).to_contain_text("without quotes")
    page.fill("#naming input", "harbour, Dusk")
    page.click("#naming button[type=submit]")
    expect(page.locator("#gallery-tag")).to_contain_text("dusk (4)")
    page.click("#gallery-selection [aria-label='Put into an album']")
    page.fill("#naming input", "Best of")
    page.click("#naming button[type=submit]")
    expect(page.locator("#gallery-album")).to_contain_text("Best of (4)")
    page.click("#gallery-selection [aria-label='Select none']")
    page.fill("#gallery-search", "")
    page.wait_for_function("document.querySelector('#gallery-total').textContent.startsWith('20,000')")
    page.select_option("#gallery-album", "Best of")
    expect(page.locator("#gallery-total")).to_have_text("4 pictures")
    page.fill("#gallery-search", "-tag:dusk")
    expect(page.locator("#gallery-note h2")).to_contain_text("Nothing found")
