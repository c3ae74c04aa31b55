"""The first minutes of somebody new, without reading: a preset, a picture, four more like it, the look of the favourite
kept as a preset, and the picture found again by a word of its prompt.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.servers import running_server
from tests.ui.conftest import PHONE, WAIT_MS, wait_for_pictures, wait_until_ready

pytestmark = pytest.mark.browser

PRESET = "starter-candy"
WORD = "cat"
Shoot = Callable[[str], None]


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh studio: nobody has made anything in it."""
    home = tmp_path_factory.mktemp("newcomer") / "home"
    with running_server(home, engine=request.param) as server:
        server.wait_until_ready()
        yield server.address


@pytest.fixture
def shoot(request: pytest.FixtureRequest) -> Callable[[Page], Shoot]:
    """Takes pictures of the page on the way, where ``STUDIO_TEST_SCREENSHOTS`` names a folder for them."""
    folder = os.environ.get("STUDIO_TEST_SCREENSHOTS")

    def of(page: Page) -> Shoot:
        def take(name: str) -> None:
            if folder:
                page.wait_for_timeout(500)
                page.screenshot(path=Path(folder) / f"{request.node.name}-{name}.png")

        return take

    return of


@pytest.mark.parametrize("device", ["desk", "phone"])
@pytest.mark.parametrize("address", ["fake", pytest.param("torch", marks=pytest.mark.slow)], indirect=True)
def test_a_newcomer_finds_the_way(browser: Browser, address: str, device: str, shoot: Callable[[Page], Shoot]) -> None:
    wide = {"viewport": {"width": 1280, "height": 900}}
    context = browser.new_context(**(PHONE if device == "phone" else wide))  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    wait_until_ready(page)
    take = shoot(page)
    take("1-first-look")

    page.click(f"#preset-strip [data-preset='{PRESET}']")
    expect(page.locator("#field-prompt textarea")).to_have_value(re.compile("pink background"))
    page.fill("#field-prompt textarea", f"3d {WORD} face on a pink background")
    take("2-preset")
    page.click("#generate")
    wait_for_pictures(page, 1)
    take("3-picture")

    page.click(".tile-open")
    page.click("text=Four more like it")
    page.wait_for_selector("#stage-now .tile >> nth=3")
    wait_for_pictures(page, 4)
    take("4-four-more")

    page.click(".tile:not([hidden]) .tile-open >> nth=2")
    favourite = page.locator("#viewer [data-favourite]")
    favourite.click()
    expect(favourite).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".viewer-lineage")).to_contain_text("Made from")
    page.click("#viewer [data-save-preset]")
    page.fill("#preset-save-title", "My cats")
    take("5-save-preset")
    page.click("#preset-dialog [type=submit]")
    expect(page.locator("#preset-strip [data-preset='my-cats']")).to_be_attached()
    take("6-in-the-strip")

    if page.locator("#viewer[open]").count():
        page.keyboard.press("Escape")
    page.click("#header [data-route=gallery]")
    page.fill("#gallery-search", WORD)
    expect(page.locator("#gallery-total")).to_have_text("5 pictures")
    page.click("[data-view=favourites]")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 1")
    take("7-found-again")
    page.click(".cell-open")
    expect(page.locator("#viewer .recipe")).to_contain_text(f"3d {WORD} face")
    context.close()
