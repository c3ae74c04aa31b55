"""What the studio says of itself, above every page: shown, put away, and back with the next visit while it is so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.ui.conftest import PHONE, OpenPage

pytestmark = pytest.mark.browser

WARNING = {"id": "trouble-0", "kind": "warning", "text": "The disk with the pictures has only 900 MB left."}
RESET = {
    "id": "0123456789abcdef",
    "kind": "reset",
    "text": "studio.db was damaged and lies in /home/" + "x" * 120 + " <b>",
}


def tell(page: Page, notices: list[dict[str, str]]) -> None:
    """Have the studio's status tell these."""

    def told(route: Route) -> None:
        # again where the server closed the connection, kept since the last one, just as it was asked by it
        answer: dict[str, Any] = route.fetch(max_retries=3).json()
        route.fulfill(body=json.dumps({**answer, "notices": notices}), content_type="application/json")

    page.route("**/api/v1/status", told)


def test_notices_are_shown_and_put_away(open_page: OpenPage) -> None:
    page = open_page(**PHONE)
    expect(page.locator("#notices")).to_be_hidden()  # nothing is told
    tell(page, [WARNING, RESET])
    page.reload()
    notices = page.locator(".notice")
    expect(notices).to_have_count(2)
    expect(notices.nth(1)).to_contain_text("<b>")  # as text
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    notices.nth(1).get_by_role("button", name="Put this message away").click()
    expect(notices).to_have_count(1)
    page.reload()
    expect(notices).to_have_text([WARNING["text"]])  # the other was read
    notices.get_by_role("button").click()
    expect(page.locator("#notices")).to_be_hidden()
    with page.expect_response("**/api/v1/status"):
        page.reload()
    expect(page.locator("#generate")).to_be_visible()
    expect(notices).to_have_count(0)
    page.evaluate("sessionStorage.removeItem('studio-notices-seen')")  # another visit
    page.reload()
    expect(notices).to_have_text([WARNING["text"]])
