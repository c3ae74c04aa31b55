"""A newcomer's way in a real browser: a picture, four more like it, and found again by a word."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.servers import Server
from tests.ui.conftest import OpenPage, make, wait_for_pictures

pytestmark = pytest.mark.browser


def test_a_picture_four_more_like_it_and_found_again(open_page: OpenPage, server: Server) -> None:
    page = open_page("/")
    make(page, "a quokka in a teacup", steps=4)
    page.click(".tile-open")
    page.click("#viewer >> text=Four more like it")
    expect(page.locator("#viewer")).not_to_be_visible()
    wait_for_pictures(page, 4)
    page.click("[data-route=gallery] >> visible=true")
    page.fill("#gallery-search", "quokka")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 5")
    page.select_option("#gallery-sort", "oldest")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 5")
    page.click(".cell-open >> nth=0")
    expect(page.locator(".viewer-lineage button")).to_have_count(4)
    page.click(".viewer-lineage button >> nth=0")
    expect(page.locator(".recipe")).to_contain_text("more like it")
    with server.client() as client:
        images = client.get("/api/v1/images", params={"search": "quokka"}).json()["images"]
    assert len({image["seed"] for image in images}) == 1
    assert len({image["recipe"]["variation_seed"] for image in images}) == 5
