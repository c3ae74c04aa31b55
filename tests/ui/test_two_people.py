"""Two browsers side by side as two people: each makes pictures, and sees of the other's what is shared on purpose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio.accounts import Accounts
from studio.store import Database
from tests.servers import running_server
from tests.ui.conftest import WAIT_MS, make, wait_until_ready

PASSWORD = "correct horse battery"


def come_in(browser: Browser, address: str, name: str, width: int = 1280) -> Page:
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    assert page.url.endswith("/login")
    log_in_as(page, name)
    return page


def log_in_as(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    wait_until_ready(page)
    expect(page.locator("#account-name")).to_have_text(name)


def to(page: Page, address: str, route: str) -> None:
    page.goto(f"{address}/#/{route}")
    expect(page.locator("html")).to_have_attribute("data-route", route.split("/")[0])


def favourites_and_presets_are_ones_own(anna: Page, ben: Page, address: str) -> None:
    anna.locator("#gallery-grid .cell").hover()
    anna.locator("#gallery-grid .cell-corner").click()
    for page, count in ((anna, 1), (ben, 0)):
        to(page, address, "gallery/favourites")
        expect(page.locator("#gallery-grid img")).to_have_count(count)
    preset = {"title": "Anna's own", "recipe": {"steps": 11}}
    own = (
        "async (body) => (await fetch('api/v1/presets', {method: 'POST', body: JSON.stringify(body),"
        " headers: {'Content-Type': 'application/json'}})).status"
    )
    assert anna.evaluate(own, preset) == 201
    listed = "async () => (await fetch('api/v1/presets')).text()"
    assert "Anna's own" in anna.evaluate(listed) and "Anna's own" not in ben.evaluate(listed)
    to(anna, address, "gallery")
    expect(anna.locator("#gallery-grid img")).to_have_count(1)


def share_by_the_wall_and_a_link(anna: Page, ben: Page, address: str) -> None:
    anna.locator("#gallery-grid .cell-open").click()
    anna.get_by_label("Share", exact=True).click()
    share = anna.locator("#share")
    share.get_by_role("button", name="Hang it on the wall").click()
    expect(share.get_by_role("button", name="Take it down")).to_be_visible()
    share.get_by_role("button", name="Make a link").click()
    link = share.get_by_role("link", name="Open").get_attribute("href")
    to(ben, address, "wall")
    ben.get_by_label("Full view: anna's lighthouse, by anna").click()
    expect(ben.locator("#wall-picture img")).to_have_js_property("complete", True)
    expect(ben.locator("#wall-picture")).to_contain_text("anna's lighthouse")
    expect(ben.get_by_role("button", name="Take it down")).to_be_hidden()
    ben.get_by_role("button", name="Use this prompt").click()
    expect(ben.locator("#field-prompt textarea")).to_have_value("anna's lighthouse")
    stranger = ben.context.browser.new_context().new_page()  # type: ignore[union-attr]
    stranger.goto(f"{address}{link}")
    assert stranger.locator("img").evaluate("image => image.complete && image.naturalWidth > 0")
    assert "lighthouse" not in stranger.content()
    share.get_by_role("button", name="Withdraw").click()
    expect(share.get_by_role("link", name="Open")).to_have_count(0)
    stranger.reload()
    expect(stranger.get_by_text("new link")).to_be_visible()
    stranger.context.close()


def cards_are_read_by_all_and_written_by_admins(anna: Page, ben: Page, address: str) -> None:
    for page in (anna, ben):
        to(page, address, "models/checkpoint")
        page.get_by_label("Details of toy-b").click()
    anna.get_by_label("Notes").fill("good at lighthouses")
    with anna.expect_response(lambda answer: answer.request.method == "PATCH" and answer.ok):
        anna.keyboard.press("Escape")
    ben.keyboard.press("Escape")
    expect(ben.locator(".model", has_text="toy-b")).to_contain_text("good at lighthouses")
    ben.get_by_label("Details of toy-b").click()
    details = ben.locator("#model-details")
    expect(details).to_contain_text("good at lighthouses")
    expect(details.locator("textarea, input")).to_have_count(0)
    expect(details.get_by_text("Keep the form’s settings")).to_have_count(0)
    ben.keyboard.press("Escape")
    for page, count in ((anna, 1), (ben, 0)):
        expect(page.locator("#models-memory .memory-bars")).to_be_visible()
        expect(page.get_by_role("button", name="Unload now")).to_have_count(count)


def each_has_likings_of_their_own(anna: Page, ben: Page, address: str) -> None:
    for page in (anna, ben):
        page.keyboard.press("Escape")
        to(page, address, "settings")
    with anna.expect_response(lambda answer: answer.url.endswith("/me/settings") and answer.request.method == "PATCH"):
        anna.locator("#likings-card select[name=theme]").select_option("dark")
    anna.get_by_label("Format of downloads").select_option("webp")
    expect(anna.locator("html")).to_have_class(re.compile("dark"))
    ben.reload()
    wait_until_ready(ben)
    expect(ben.get_by_label("Format of downloads")).to_have_value("png")
    assert not ben.evaluate("document.documentElement.classList.contains('dark')")
    expect(ben.locator("#people-card")).to_have_count(0)


def another_device_shows_the_same(browser: Browser, anna: Page, address: str) -> None:
    to(anna, address, "create")
    anna.fill("#field-prompt textarea", "a fox on two devices")
    with anna.expect_response(lambda answer: answer.url.endswith("/me/form") and answer.request.method == "PUT"):
        anna.fill("#field-steps input", "17")
    phone = come_in(browser, address, "anna", width=390)
    expect(phone.locator("#field-prompt textarea")).to_have_value("a fox on two devices")
    expect(phone.locator("#field-steps input")).to_have_value("17")
    expect(phone.locator("html")).to_have_class(re.compile("dark"))
    expect(phone.locator(".tile img.final")).to_have_count(1)
    phone.context.close()


def guests_are_invited_and_people_go(browser: Browser, anna: Page, ben: Page, address: str) -> None:
    to(anna, address, "settings")
    anna.get_by_role("button", name="Invite guests").click()
    expect(anna.locator(".invitation .qr")).to_have_js_property("complete", True)
    pin = anna.locator(".pin").inner_text()
    guest = browser.new_context().new_page()
    guest.goto(f"{address}/join")
    guest.get_by_label("PIN").fill(pin)
    guest.get_by_label("Your name").fill("gus")
    guest.get_by_role("button", name="Come in").click()
    wait_until_ready(guest)
    to(guest, address, "settings")
    expect(guest.get_by_text("You are a guest")).to_be_visible()
    expect(guest.locator("#keys-card")).to_have_count(0)
    guest.context.close()
    anna.reload()
    wait_until_ready(anna)
    anna.locator("#people-card li", has_text="gus").get_by_role("button", name="Remove").click()
    anna.locator("#question").get_by_role("button", name="Remove").click()
    expect(anna.locator("#people-card li", has_text="gus")).to_have_count(0)
    ben.evaluate("localStorage['latent-studio.anything'] = 'a word of ben'")
    ben.get_by_role("button", name="Log out", exact=True).click()
    expect(ben.get_by_label("Password")).to_be_visible()
    log_in_as(ben, "anna")
    expect(ben.locator("#field-prompt textarea")).to_have_value("a fox on two devices")
    assert "ben" not in ben.evaluate("JSON.stringify(localStorage)")


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
        favourites_and_presets_are_ones_own(anna, ben, server.address)
        share_by_the_wall_and_a_link(anna, ben, server.address)
        cards_are_read_by_all_and_written_by_admins(anna, ben, server.address)
        each_has_likings_of_their_own(anna, ben, server.address)
        another_device_shows_the_same(browser, anna, server.address)
        guests_are_invited_and_people_go(browser, anna, ben, server.address)
        for page in (anna, ben):
            page.context.close()
