"""Two browsers side by side as two people: each logs in, makes a picture, and sees nothing of the other's."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio.accounts import Accounts
from studio.store import Database
from tests.servers import running_server
from tests.ui.conftest import WAIT_MS, make, wait_until_ready

PASSWORD = "correct horse battery"


def come_in(browser: Browser, address: str, name: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    assert page.url.endswith("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    wait_until_ready(page)
    expect(page.locator("#account")).to_have_text(name)
    return page


@pytest.mark.browser
def test_two_people_side_by_side(
    browser: Browser, tmp_path: Path, toy_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_PASSWORD_COST", "cheap")
    home = tmp_path / "home"
    database = Database.open(home / "studio.db")
    accounts = Accounts(database, home / "secret.key", cheap_passwords=True)
    accounts.add("anna", "admin", PASSWORD)
    accounts.add("ben", "member", PASSWORD)
    database.close()
    with running_server(home, "--models", str(toy_models)) as server:
        server.wait_until_ready()
        anna, ben = (come_in(browser, server.address, name) for name in ("anna", "ben"))
        make(anna, "anna's lighthouse", steps=2)
        make(ben, "ben's fox", steps=2)
        expect(anna.locator(".tile img.final")).to_have_count(1)
        for page, own, others in ((anna, "lighthouse", "fox"), (ben, "fox", "lighthouse")):
            page.goto(f"{server.address}/#/gallery")
            expect(page.locator("#gallery-grid img")).to_have_count(1)
            found = page.evaluate("async () => (await fetch('api/v1/images')).text()")
            assert own in found and others not in found
        image_id = anna.evaluate("async () => (await (await fetch('api/v1/images')).json()).images[0].id")
        status = "async id => (await fetch(`api/v1/images/${id}/file`)).status"
        assert (anna.evaluate(status, image_id), ben.evaluate(status, image_id)) == (200, 404)
        ben.goto(f"{server.address}/people")
        ben.get_by_role("button", name="Log out").click()
        assert ben.url.endswith("/login")
        anna.goto(f"{server.address}/people")
        anna.get_by_role("button", name="Invite guests").click()
        expect(anna.locator(".qr svg")).to_be_visible()
        for page in (anna, ben):
            page.context.close()
