"""Connections that break, or carry nothing: page and client still show all that was made, and it is made once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, expect

from studio.client import ServerGone, StudioClient
from tests.proxy import proxy_to
from tests.servers import Server
from tests.ui.conftest import FORGET, WAIT_MS, wait_until_ready

JOBS = 10
CUTS = 20


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(FORGET)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    yield page
    context.close()


def order(page: Page, prompt: str, steps: int = 6) -> None:
    page.fill("#field-prompt textarea", prompt)
    page.fill("#field-steps input", str(steps))
    page.click("#generate")
    expect(page.locator("#generate")).to_have_attribute("aria-busy", "false")


@pytest.mark.browser
def test_ten_jobs_over_a_connection_that_is_cut_twenty_times(page: Page, server: Server) -> None:
    with proxy_to(server.address) as proxy, server.client() as client:
        page.goto(proxy.address)
        wait_until_ready(page)
        before = client.get("/api/v1/images").json()["total"]
        cutting = proxy.cut_at_random(CUTS, (0.05, 0.6), seed=1)
        for number in range(JOBS):
            order(page, f"storm {number}")
        cutting.join(30)
        assert proxy.cuts == CUTS
        page.wait_for_function("() => !document.documentElement.classList.contains('busy')")
        expect(page.locator(".tile[data-state=done] img.final")).to_have_count(1)
        page.wait_for_function(
            "count => document.querySelectorAll('#stage-earlier .thumb').length >= count", arg=min(JOBS - 1, 24)
        )
        made = client.get("/api/v1/images", params={"search": "storm", "limit": 100}).json()["images"]
        assert sorted(image["prompt"] for image in made) == [f"storm {number}" for number in range(JOBS)]
        assert client.get("/api/v1/images").json()["total"] == before + JOBS
        told = page.evaluate("async () => [...(await window.latentStudio).feed.jobs.values()]")
        storms = [job for job in told if job["recipe"]["prompt"].startswith("storm")]
        assert len(storms) == JOBS and all(job["state"] == "done" for job in storms)
        titles = page.locator("#stage-earlier .thumb").evaluate_all("thumbs => thumbs.map(thumb => thumb.title)")
        on_stage = page.locator(".stage-prompt").inner_text()
        assert {f"storm {number}" for number in range(JOBS)} <= {*titles, on_stage}


@pytest.mark.browser
def test_behind_a_proxy_that_holds_events_back_the_page_goes_on(page: Page, server: Server) -> None:
    with proxy_to(server.address, holds_events_back=True) as proxy:
        page.goto(proxy.address)
        wait_until_ready(page)
        order(page, "patience !slow", steps=36)
        page.wait_for_selector(".tile[data-state=running]")
        page.wait_for_function("() => document.querySelector('.progress')?.getAttribute('aria-valuenow') > 0")
        expect(page.locator(".tile[data-state=done] img.final")).to_have_count(1)
        expect(page.locator(".stage-prompt")).to_have_text("patience !slow")


@pytest.mark.browser
def test_a_page_that_is_loaded_again_finds_its_job_and_form(page: Page, server: Server) -> None:
    with proxy_to(server.address) as proxy:
        page.goto(proxy.address)
        wait_until_ready(page)
        order(page, "the same after loading again !slow", steps=150)
        page.wait_for_selector(".tile[data-state=running] .preview:not([hidden])")
        proxy.cut()
        page.reload()
        wait_until_ready(page)
        page.wait_for_selector(".tile[data-state=running] .preview:not([hidden])")
        expect(page.locator("#field-steps input")).to_have_value("150")
        page.click("#stage >> text=Cancel")
        expect(page.locator(".headline")).to_have_text("Cancelled")


@pytest.mark.browser
def test_a_form_that_could_not_be_sent_is_sent_later(page: Page, server: Server) -> None:
    with proxy_to(server.address) as proxy, server.client() as client:
        page.goto(proxy.address)
        wait_until_ready(page)
        page.route("**/api/v1/me/form", lambda route: route.abort())
        page.fill("#field-prompt textarea", "typed while nobody listened")
        page.wait_for_function("() => JSON.parse(localStorage['latent-studio.form']).unsent")
        page.unroute("**/api/v1/me/form")
        page.wait_for_function("() => !JSON.parse(localStorage['latent-studio.form']).unsent")
        assert client.get("/api/v1/me/form").json()["values"]["prompt"] == "typed while nobody listened"


def wait_until_kept(page: Page, prompt: str) -> None:
    """Until the studio has this prompt of the form; before it is typed, an older form is kept as well."""
    page.wait_for_function(
        "prompt => { const kept = JSON.parse(localStorage['latent-studio.form']);"
        " return !kept.unsent && kept.values.prompt === prompt }",
        arg=prompt,
    )


@pytest.mark.browser
def test_what_another_device_wrote_is_taken_over_on_coming_back(page: Page, server: Server) -> None:
    page.goto(server.address)
    wait_until_ready(page)
    page.fill("#field-prompt textarea", "from here")
    wait_until_kept(page, "from here")
    with server.client() as client:
        client.put("/api/v1/me/form", json={"values": {"prompt": "from elsewhere", "steps": 9, "count": 3}})
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#field-prompt textarea")).to_have_value("from elsewhere")
    expect(page.locator("#field-steps input")).to_have_value("9")
    expect(page.locator("#count input")).to_have_value("3")
    expect(page.locator(".toast")).to_have_count(0)


@pytest.mark.browser
def test_presets_over_the_form_follow_to_another_device(page: Page, browser: Browser, server: Server) -> None:
    page.goto(server.address)
    wait_until_ready(page)
    page.fill("#field-prompt textarea", "pizza")
    page.click("#preset-strip [data-preset='starter-candy']")
    expect(page.locator("#field-prompt textarea")).to_have_value("3d pizza on a pink background")
    wait_until_kept(page, "3d pizza on a pink background")
    phone = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    phone.set_default_timeout(WAIT_MS)
    phone.goto(server.address)
    wait_until_ready(phone)
    expect(phone.locator("#field-prompt textarea")).to_have_value("3d pizza on a pink background")
    phone.click("[data-layer='starter-candy'] .preset-remove")
    expect(phone.locator("#field-prompt textarea")).to_have_value("pizza")
    wait_until_kept(phone, "pizza")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#field-prompt textarea")).to_have_value("pizza")
    expect(page.locator("[data-layer='starter-candy']")).to_have_count(0)
    phone.context.close()


def test_ten_jobs_of_a_script_over_a_connection_that_is_cut_twenty_times(server: Server) -> None:
    with proxy_to(server.address) as proxy:

        def made(number: int) -> bytes:
            with StudioClient(proxy.address) as client:
                job = client.submit({"prompt": f"gale {number}", "steps": 12, "seed": number})
                *_, last = client.follow(job["id"])
                assert last["state"] == "done"
                return client.image_file(last["pictures"][0]["image_id"])

        cutting = proxy.cut_at_random(CUTS, (0.02, 0.25), seed=2)
        with ThreadPoolExecutor(4) as pool:
            files = list(pool.map(made, range(JOBS)))
        cutting.join(30)
        assert proxy.cuts == CUTS
    assert len(set(files)) == JOBS and all(file.startswith(b"\x89PNG") for file in files)
    for number, file in enumerate(files):
        assert f"gale {number}".encode() in file
    with StudioClient(server.address) as client:
        assert client.images("gale", limit=100)["total"] == JOBS, "none was made twice"


def test_where_nobody_answers_the_client_says_so_at_once() -> None:
    with StudioClient("http://127.0.0.1:9") as client, pytest.raises(ServerGone, match="No studio answers"):
        client.samplers()
