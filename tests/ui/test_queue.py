"""The Queue page in two browsers side by side: one's own line by mouse, keys and touch, and of others only how much."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from studio.accounts import Accounts
from studio.store import Database
from tests.servers import Server, running_server, wait_for_job
from tests.ui.conftest import make
from tests.ui.test_two_people import PASSWORD, come_in

pytestmark = pytest.mark.browser

LONG = 1000
"""Steps of pictures that are not finished while a test looks at them; their prompt makes each step slow besides."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    home = tmp_path_factory.mktemp("queue-page") / "home"
    database = Database.open(home / "studio.db")
    accounts = Accounts(database, home / "secret.key", cheap_passwords=True)
    keys = {}
    for name, role in (("anna", "admin"), ("ben", "guest")):
        keys[name] = accounts.keys.make(accounts.add(name, role, PASSWORD).id, "test").secret
    database.close()
    limits = {"STUDIO_GUEST_PICTURES_PER_HOUR": "20", "STUDIO_PASSWORD_COST": "cheap"}
    with running_server(home, "--models", str(toy_models), **limits) as server:
        server.wait_until_ready()
        yield server, keys


def order(house: tuple[Server, dict[str, str]], name: str, job_id: str, count: int, steps: int) -> None:
    server, keys = house
    prompt = f"{job_id} by {name}{' !slow' if steps == LONG else ''}"
    body = {"prompt": prompt, "steps": steps, "width_px": 64, "height_px": 64}
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {keys[name]}"
        answer = client.post("/api/v1/jobs", json={"id": job_id, "count": count, "recipe": body})
    assert answer.status_code == 202, answer.text


@pytest.fixture(autouse=True)
def empty(house: tuple[Server, dict[str, str]]) -> Iterator[None]:
    yield
    server, keys = house
    for key in keys.values():
        with httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {key}"}) as client:
            for job in client.get("/api/v1/queue").json()["jobs"]:
                client.delete(f"/api/v1/jobs/{job['id']}")


def rows(page: Page) -> list[str]:
    return page.locator("#queue-line .queue-prompt").all_inner_texts()


def expect_order(page: Page, *job_ids: str) -> None:
    prompts = [f"{job_id} by anna" for job_id in job_ids]
    page.wait_for_function(
        "wanted => JSON.stringify([...document.querySelectorAll('#queue-line .queue-prompt')]"
        ".map((one) => one.textContent.replace(' !slow', ''))) === JSON.stringify(wanted)",
        arg=prompts,
    )


def on_queue(browser: Browser, house: tuple[Server, dict[str, str]], name: str) -> Page:
    page = come_in(browser, house[0].address, name)
    page.goto(f"{house[0].address}/#/queue")
    return page


def test_two_people_on_the_queue_page(browser: Browser, house: tuple[Server, dict[str, str]]) -> None:
    for job_id in ("one", "two", "three"):
        order(house, "anna", job_id, 8, LONG)
    order(house, "ben", "bens", 12, LONG)
    anna, ben = on_queue(browser, house, "anna"), on_queue(browser, house, "ben")
    expect_order(anna, "one", "two", "three")
    expect(anna.locator("#queue-count")).to_have_text("3")

    # keys on the handle, then the arrows of a row, then the mouse
    anna.locator("[data-job=three] .queue-handle").focus()
    anna.keyboard.press("ArrowUp")
    expect_order(anna, "one", "three", "two")
    expect(anna.locator("[data-job=three] .queue-handle")).to_be_focused()
    anna.locator("[data-job=one]").get_by_label("Later").click()
    expect_order(anna, "three", "one", "two")
    handle = anna.locator("[data-job=two] .queue-handle").bounding_box()
    first = anna.locator("[data-job=three]").bounding_box()
    assert handle and first
    anna.mouse.move(handle["x"] + 10, handle["y"] + 10)
    anna.mouse.down()
    anna.mouse.move(handle["x"] + 10, first["y"] + 4, steps=8)
    anna.mouse.up()
    expect_order(anna, "two", "three", "one")
    told = anna.evaluate("async () => (await (await fetch('api/v1/queue')).json()).jobs.map((job) => job.id)")
    assert told == ["two", "three", "one"], "the studio has the order that is shown"

    anna.locator("[data-job=three]").get_by_label("Pause", exact=True).click()
    expect(anna.locator("[data-job=three] .queue-status")).to_contain_text("aused")
    anna.get_by_role("button", name="Resume all").click()
    expect(anna.locator("[data-state=paused]")).to_have_count(0)

    # ben sees how much, his own and his quota; anna may stop his, and sees nothing of what is in it
    expect(ben.locator("#queue-others")).to_contain_text("One other person has 24 pictures waiting")
    expect(ben.locator("#queue-quota")).to_contain_text("12 of 20 pictures this hour")
    assert rows(ben) == ["bens by ben !slow"] and "anna" not in ben.locator("#queue").inner_text()
    expect(ben.locator("#queue-everybody")).to_be_empty()
    theirs = anna.locator("#queue-everybody .queue-row")
    expect(theirs.locator(".queue-prompt")).to_have_text("ben")
    assert "bens by ben" not in anna.locator("#queue").inner_text()
    theirs.get_by_label("Cancel ben’s job").click()
    expect(ben.locator("#queue-line")).to_contain_text("Nothing of yours waits")
    expect(ben.locator("#queue-ended .queue-status")).to_contain_text("Cancelled")
    for page in (anna, ben):
        page.context.close()


def test_an_ended_job_goes_to_the_form_opens_its_pictures_and_is_cleared(
    browser: Browser, house: tuple[Server, dict[str, str]]
) -> None:
    order(house, "anna", "short", 2, 3)
    anna = on_queue(browser, house, "anna")
    ended = anna.locator("#queue-ended [data-job=short]")
    expect(ended.locator(".thumb")).to_have_count(2)
    ended.locator(".thumb").first.click()
    expect(anna.locator("#viewer .viewer-picture img")).to_be_visible()
    anna.keyboard.press("Escape")
    ended.get_by_label("Use this recipe").click()
    expect(anna.locator("#field-prompt textarea")).to_have_value("short by anna")
    expect(anna.locator("#field-steps input[type=number]")).to_have_value("3")
    anna.goto(f"{house[0].address}/#/queue")
    anna.get_by_role("button", name="Clear").click()
    expect(anna.locator("#queue-ended .queue-row")).to_have_count(0)
    anna.context.close()


def test_on_a_phone_nothing_runs_over_and_the_arrows_do_what_dragging_does(
    browser: Browser, house: tuple[Server, dict[str, str]]
) -> None:
    for job_id in ("first", "second"):
        order(house, "anna", job_id, 3, LONG)
    anna = on_queue(browser, house, "anna")
    anna.set_viewport_size({"width": 390, "height": 844})
    expect_order(anna, "first", "second")
    assert anna.evaluate("document.documentElement.scrollWidth") <= 390
    anna.locator("[data-job=second]").get_by_label("Earlier").click()
    expect_order(anna, "second", "first")
    anna.locator("[data-job=second]").get_by_label("Cancel", exact=True).click()
    expect_order(anna, "first")
    anna.locator("#queue-ended [data-job=second]").get_by_label("Try again").click()
    expect(anna.locator("#queue-line .queue-row")).to_have_count(2)
    anna.context.close()


def test_pictures_that_are_gone_are_dropped_and_asked_for_on_this_page_only(
    browser: Browser, house: tuple[Server, dict[str, str]]
) -> None:
    server, keys = house
    order(house, "anna", "gone", 2, 3)
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {keys['anna']}"
        images = [one["image_id"] for one in wait_for_job(client, "gone")["pictures"]]  # type: ignore[attr-defined]
        client.post("/api/v1/images/bin", json={"ids": images[:1]})
        client.post("/api/v1/images/empty-bin").raise_for_status()
    anna = come_in(browser, server.address, "anna")
    asked: list[str] = []
    anna.on("request", lambda request: asked.append(request.url))
    with anna.expect_response("**/api/v1/queue"):
        anna.goto(f"{server.address}/#/models")
        anna.reload()
    expect(anna.locator("#models-grid .model").first).to_be_visible()
    assert not [url for url in asked if images[0] in url]
    anna.goto(f"{server.address}/#/queue")
    thumbs = anna.locator("#queue-ended [data-job=gone] .thumb")
    expect(thumbs).to_have_count(1)
    expect(thumbs.locator("img")).to_have_js_property("complete", True)
    assert [url for url in asked if images[0] in url], "the one that is gone was asked for before it was dropped"
    anna.context.close()


def test_a_client_of_one_beside_the_page_of_another(browser: Browser, house: tuple[Server, dict[str, str]]) -> None:
    server, keys = house
    anna = come_in(browser, server.address, "anna")
    answers: list[httpx.Response] = []

    def generate() -> None:
        body = {"prompt": "a word of ben's client", "steps": 60, "width": 64, "height": 64, "save_images": True}
        with server.client(60) as client:
            client.headers["Authorization"] = f"Bearer {keys['ben']}"
            answers.append(client.post("/sdapi/v1/txt2img", json=body))

    client = threading.Thread(target=generate)
    client.start()
    make(anna, "a word of anna's page", count=2, steps=3)
    with server.client() as asking:
        asking.headers["Authorization"] = f"Bearer {keys['anna']}"
        assert asking.get("/sdapi/v1/progress").json()["state"]["job_count"] == 0
    assert "ben's client" not in anna.locator("body").inner_text()
    client.join(60)
    assert answers and answers[0].status_code == 200 and len(answers[0].json()["images"]) == 1
    info = answers[0].json()["info"]
    assert "ben's client" in info and "anna" not in info
    anna.goto(f"{server.address}/#/gallery")
    expect(anna.locator("#gallery-grid .cell").first).to_be_visible()
    shown = anna.evaluate("async () => (await fetch('api/v1/images')).text()")
    assert "anna's page" in shown and "ben's client" not in shown
    anna.context.close()
