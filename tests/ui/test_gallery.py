"""The Gallery and the full view in a real browser."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.servers import Server, wait_for_job
from tests.ui.conftest import PHONE, OpenPage, Watch, wait_until_ready

pytestmark = pytest.mark.browser

PROMPTS = ("a heron at dawn", "a heron at night", "an <b>old</b> tram")


@pytest.fixture(scope="module", autouse=True)
def pictures(server: Server) -> Iterator[None]:
    with server.client() as client:
        while unfinished := [job for job in client.get("/api/v1/jobs").json()["jobs"] if job["finished_at"] is None]:
            wait_for_job(client, unfinished[0]["id"])  # else an earlier test's picture may come between these
        for number, prompt in enumerate(PROMPTS):
            recipe = {"prompt": prompt, "seed": 100 + number, "steps": 4}
            job = client.post("/api/v1/jobs", json={"recipe": recipe}).json()
            wait_for_job(client, job["id"])
    yield


def shown(page: Page) -> list[str]:
    return [
        label.removeprefix("Full view: ")
        for label in page.locator(".cell-open").evaluate_all(
            "cells => cells.map(cell => cell.getAttribute('aria-label'))"
        )
    ]


def search(page: Page, words: str) -> None:
    page.fill("#gallery-search", words)


def test_newest_first_and_search(open_page: OpenPage) -> None:
    page = open_page("/#/gallery")
    page.wait_for_selector(".cell-open")
    assert shown(page)[:3] == list(reversed(PROMPTS))
    search(page, "heron")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 2")
    assert shown(page) == ["a heron at night", "a heron at dawn"]
    search(page, "no such <i>thing</i>")
    expect(page.locator("#gallery-note h2")).to_have_text("Nothing found for “no such <i>thing</i>”")
    page.click("text=Show everything")
    page.wait_for_selector(".cell-open")


def test_search_by_fields_with_help_in_place(open_page: OpenPage) -> None:
    page = open_page("/#/gallery")
    page.wait_for_selector(".cell-open")
    search(page, "heron seed:101")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 1")
    assert shown(page) == ["a heron at night"]
    search(page, "heron")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 2")
    page.select_option("#gallery-sort", "oldest")
    page.wait_for_function("document.querySelector('.cell-open')?.title === 'a heron at dawn'")
    page.click("#gallery-help-button")
    page.click("#gallery-help .example:has-text('steps>20')")
    expect(page.locator("#gallery-search")).to_have_value("heron steps>20")
    expect(page.locator("#gallery-note h2")).to_have_text("Nothing found for “heron steps>20”")
    page.keyboard.press("Escape")
    expect(page.locator("#gallery-help")).to_be_hidden()


def test_fields_and_their_values_are_suggested(open_page: OpenPage) -> None:
    page = open_page("/#/gallery")
    page.wait_for_selector(".cell-open")
    listed = page.locator("#search-suggestions li")
    page.focus("#gallery-search")
    page.keyboard.type("heron sam")
    expect(listed).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#gallery-search")).to_have_attribute("aria-activedescendant", "search-suggestion-0")
    page.keyboard.press("Enter")
    expect(page.locator("#gallery-search")).to_have_value("heron sampler:")
    page.wait_for_timeout(400)
    expect(page.locator("#gallery-note")).to_be_empty()  # a value that is still to come is no mistake
    expect(listed.first).to_contain_text("DPM++ 2M")
    page.keyboard.type("dpm")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.locator("#gallery-search")).to_have_value('heron sampler:"DPM++ 2M" ')
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 2")
    page.keyboard.type("fav:")
    listed.filter(has_text="the others").click()
    expect(page.locator("#gallery-search")).to_have_value('heron sampler:"DPM++ 2M" fav:no ')
    page.keyboard.type("date")
    page.keyboard.press("Escape")
    expect(page.locator("#search-suggestions")).to_be_hidden()
    expect(page.locator("#gallery-search")).to_have_value('heron sampler:"DPM++ 2M" fav:no date')


def test_a_search_that_means_nothing_says_so(open_page: OpenPage, watch: Watch) -> None:
    page = open_page("/#/gallery")
    watch.expected.append("422")
    search(page, "heron steps>many")
    expect(page.locator("#gallery-note")).to_contain_text("at column 7")
    expect(page.locator("#gallery-note")).to_contain_text("steps>=512")
    search(page, "heron")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 2")


def test_full_view_by_keyboard(open_page: OpenPage) -> None:
    page = open_page("/#/gallery")
    search(page, "heron")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 2")
    page.click(".cell-open >> nth=0")
    details = page.locator(".recipe")
    expect(details).to_contain_text("a heron at night")
    page.keyboard.press("ArrowRight")
    expect(details).to_contain_text("a heron at dawn")
    page.keyboard.press("ArrowRight")
    expect(details).to_contain_text("a heron at dawn")
    page.keyboard.press("ArrowLeft")
    expect(details).to_contain_text("a heron at night")
    expect(details).to_contain_text("101")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).not_to_be_visible()
    assert page.url.endswith("#/gallery")
    page.click(".cell-open >> nth=0")
    page.go_back()
    expect(page.locator("#viewer")).not_to_be_visible()


def test_the_whole_gallery_by_keyboard(open_page: OpenPage, server: Server) -> None:
    """From the search to a picture, its tags, its parent laid over it, and back, without touching the mouse."""
    with server.client() as client:
        [dawn] = client.get("/api/v1/images", params={"search": "heron dawn"}).json()["images"]
        varied = client.post(f"/api/v1/images/{dawn['id']}/vary", json={"way": "like", "count": 1}).json()
        wait_for_job(client, varied["id"])
    page = open_page("/#/gallery")
    page.wait_for_selector(".cell-open")
    page.keyboard.press("/")
    expect(page.locator("#gallery-search")).to_be_focused()
    page.keyboard.type("heron dawn")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 2")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".cell-open").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer [data-compare]")
    page.keyboard.press("c")
    expect(page.locator("#viewer .compare input")).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator("#viewer .compare")).to_have_attribute("style", re.compile("--at: ?0%"))
    page.keyboard.press("c")
    expect(page.locator("#viewer .compare")).to_have_count(0)
    page.keyboard.press("t")
    page.wait_for_selector("#naming[open]")
    page.keyboard.type("Reeds")
    page.keyboard.press("Enter")
    expect(page.locator(".viewer-labels .chip")).to_have_text("reeds")
    page.keyboard.press("a")
    page.wait_for_selector("#naming[open]")
    page.keyboard.type("Best birds")
    page.keyboard.press("Enter")
    expect(page.locator(".viewer-labels .chip")).to_have_text(["Best birds", "reeds"])
    page.focus(".viewer-labels .chip >> nth=1")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer")).not_to_be_visible()
    expect(page.locator("#gallery-search")).to_have_value('tag:"reeds"')
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 1")
    page.focus(".cell-open")
    page.keyboard.press("Delete")
    expect(page.locator("#gallery-note h2")).to_contain_text("Nothing found")
    with server.client() as client:
        client.post("/api/v1/images/empty-bin")


def test_a_recipe_is_taken_over_from_a_picture(open_page: OpenPage) -> None:
    page = open_page("/#/gallery")
    search(page, "dawn")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 1")
    page.click(".cell-open")
    page.click("text=Use this recipe")
    expect(page.locator("#field-prompt textarea")).to_have_value("a heron at dawn")
    expect(page.locator("#field-seed input")).to_have_value("100")
    expect(page.locator("#field-steps input")).to_have_value("4")
    expect(page.locator("#stage")).to_be_visible()


def test_a_mark_that_takes_long_is_among_the_favourites_all_the_same(open_page: OpenPage) -> None:
    """They are asked for before the studio has kept it."""
    page = open_page("/#/gallery")
    held: list[Route] = []
    page.route("**/favourite", lambda route: held.append(route))
    page.locator("#gallery-grid .cell").first.hover()
    page.locator("#gallery-grid .cell-corner").first.click()
    with page.expect_response("**/api/v1/images?*favourites=true*"):
        page.click("[data-view=favourites]")
    expect(page.locator("#gallery-note h2")).to_have_text("No favourites yet")
    with page.expect_response("**/favourite"):
        held[0].continue_()
    expect(page.locator("#gallery-grid img")).to_have_count(1)
    with page.expect_response("**/favourite"):
        page.unroute("**/favourite")
        page.locator("#gallery-grid .cell").hover()
        page.locator("#gallery-grid .cell-corner").click()
    expect(page.locator("#gallery-grid img")).to_have_count(0)


def test_favourites(open_page: OpenPage) -> None:
    page = open_page("/#/gallery")
    search(page, "tram")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 1")
    page.hover(".cell")
    with page.expect_response("**/favourite"):
        page.locator("#gallery").get_by_label("Favourite", exact=True).click()
    with page.expect_response("**/api/v1/images?*favourites=true*"):
        page.click("[data-view=favourites]")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 1")
    page.reload()
    wait_until_ready(page)
    page.wait_for_selector(".cell-open")
    assert shown(page) == ["an <b>old</b> tram"]
    page.locator("#gallery").get_by_label("Favourite", exact=True).click()
    expect(page.locator("#gallery-note h2")).to_have_text("No favourites yet")


def test_bin_restore_and_empty(open_page: OpenPage, server: Server) -> None:
    page = open_page("/#/gallery")
    search(page, "tram")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 1")
    page.click(".cell-open")
    page.wait_for_selector(".recipe")
    page.keyboard.press("Delete")
    expect(page.locator("#viewer")).not_to_be_visible()
    search(page, "")
    page.click("[data-view=bin]")
    page.wait_for_selector(".cell-open[aria-label='Full view: an <b>old</b> tram']")
    page.locator(".cell", has=page.locator("[aria-label='Full view: an <b>old</b> tram']")).hover()
    page.locator(".cell", has=page.locator("[aria-label='Full view: an <b>old</b> tram']")).get_by_label(
        "Put back"
    ).click()
    page.click("[data-view=all]")
    page.click(".cell-open[aria-label='Full view: an <b>old</b> tram']")
    page.wait_for_selector(".recipe")
    page.keyboard.press("Delete")
    page.keyboard.press("Escape")
    page.click("[data-view=bin]")
    page.click("button:has-text('Empty the bin')")
    assert page.evaluate("document.activeElement.innerText") == "Keep them"
    page.click("text=Delete for good")
    expect(page.locator("#gallery-note h2")).to_have_text("The bin is empty")
    with server.client() as client:
        assert client.get("/api/v1/images?binned=true").json()["total"] == 0
    page.goto(server.address)
    wait_until_ready(page)
    expect(page.locator("#stage h2")).to_have_text("Your picture appears here")


def test_the_original_is_downloaded_as_it_is(open_page: OpenPage, server: Server) -> None:
    page = open_page("/#/gallery")
    search(page, "dawn")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 1")
    page.click(".cell-open")
    with page.expect_download() as waiting:
        page.locator("#viewer").get_by_label("Download", exact=True).click()
    data = waiting.value.path().read_bytes()
    with server.client() as client:
        image = client.get("/api/v1/images?query=dawn").json()["images"][0]
        assert data == client.get(f"/api/v1/images/{image['id']}/file").content
    assert data.startswith(b"\x89PNG") and b"a heron at dawn" in data


@pytest.mark.parametrize("path", ["/#/create", "/#/gallery", "/#/gallery/bin"])
def test_a_phone_never_scrolls_sideways(open_page: OpenPage, path: str) -> None:
    page = open_page(path, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if path == "/#/gallery":
        page.tap(".cell-open >> nth=0")
        page.wait_for_selector(".recipe")
        assert page.evaluate("document.querySelector('#viewer').scrollWidth <= innerWidth")
    if path == "/#/create":
        page.tap("[data-fold=advanced]")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("#generate").bounding_box()["y"] > 700


def test_two_side_by_side_and_a_zip(open_page: OpenPage) -> None:
    page = open_page("/#/gallery")
    with page.expect_response(lambda answer: "search=heron" in answer.url):
        search(page, "heron")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 2")
    page.locator(".cell-open").first.focus()
    page.keyboard.press("Control+a")
    expect(page.locator(".selection-count")).to_have_text("2 pictures selected")
    with page.expect_download() as waiting:
        page.get_by_label("Download as ZIP").click()
    with zipfile.ZipFile(waiting.value.path()) as bundle:
        assert len(bundle.namelist()) == 2 and bundle.testzip() is None
    with page.expect_download() as waiting:
        page.get_by_label("Contact sheet").click()
    assert waiting.value.path().read_bytes().startswith(b"\xff\xd8\xff")
    page.get_by_label("Compare side by side").click()
    expect(page.locator(".side-picture")).to_have_count(2)
    assert page.locator(".differs th").evaluate_all("all => all.map(one => one.firstChild.textContent)") == [
        "Prompt",
        "Seed",
    ]
    page.click("text=Lay over one another")
    expect(page.locator("#side-by-side .compare")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#side-by-side")).to_be_hidden()


def test_a_late_answer_does_not_take_a_mark_away(open_page: OpenPage) -> None:
    """What is told of a picture may have been asked before it was marked."""
    page = open_page()
    told: list[tuple[Route, APIResponse]] = []
    page.route(
        re.compile(r"/api/v1/images/[0-9a-f]{32}$"), lambda route: told.append((route, route.fetch(max_retries=3)))
    )
    page.fill("#field-prompt textarea", "a lighthouse to keep")
    page.click("#generate")
    page.click(".tile[data-state=done] .tile-open")
    favourite = page.locator("#viewer [data-favourite]")
    with page.expect_response("**/favourite"):
        favourite.click()
    expect(favourite).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(200)
    assert told
    for route, response in told:
        route.fulfill(response=response)
    page.wait_for_timeout(300)
    expect(favourite).to_have_attribute("aria-pressed", "true")
    with page.expect_response("**/favourite"):
        favourite.click()
