"""A studio with the fake engine, and a real browser on its page that tells what it fetched and complained of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from studio.accounts.remembered import Likings
from studio.services import Studio, build_studio
from studio.settings import load_settings
from tests.chromium import FLAGS, find_chromium
from tests.servers import Server, running_server

WAIT_MS = 45_000
"""Generous, for machines that do much else besides."""

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

FORGET = """if (!sessionStorage.seen) {
  localStorage.clear();
  localStorage['latent-studio.form'] = JSON.stringify({ values: {}, revision: 0, unsent: true });
  sessionStorage.seen = 1;
}"""
"""Run in every page: what is remembered lasts over reloads, not into the next test. The empty form counts as not sent
yet, so it wins over the one that the studio remembers of the test before."""

expect.set_options(timeout=WAIT_MS)


@pytest.fixture
def studio(tmp_path: Path, toy_models: Path) -> Iterator[Studio]:
    """A studio that is wired but not started: nothing runs beside the test."""
    built = build_studio(load_settings(home=tmp_path / "home", models=[toy_models], engine="fake"))
    yield built
    built.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    """``studio serve`` with the fake engine, for all browser tests."""
    home = tmp_path_factory.mktemp("page") / "home"
    with running_server(home, "--models", str(toy_models)) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of one file: Playwright keeps an event loop running, which no other test may meet."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        yield chromium
        chromium.close()


@dataclass
class Watch:
    """What pages asked for and complained of."""

    origin: str
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def page(self, page: Page) -> None:
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._console)

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.strangers.append(request.url)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            place = message.location.get("url", "")
            self.complaints.append(f"{message.text} {place}")

    def unexpected(self) -> list[str]:
        # A preview may be gone by the time the browser asks for it, when its picture has just been finished.
        allowed = [*self.expected, "/preview/"]
        return [said for said in self.complaints if not any(words in said for words in allowed)]


@pytest.fixture
def watch(server: Server) -> Watch:
    return Watch(server.address)


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """One desktop browser for a file of tests, so that files are fetched once; pages begin with nothing remembered."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(FORGET)
    yield context
    context.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, desk: BrowserContext, server: Server, watch: Watch) -> Iterator[OpenPage]:
    """Opens the page, in a browser of its own when options are given; complaints fail the test."""
    with server.client() as client:  # as somebody new likes the page
        client.patch("/api/v1/me/settings", json=Likings().model_dump()).raise_for_status()
    own: list[BrowserContext] = []
    pages: list[Page] = []

    def opened(path: str = "/", **options: Any) -> Page:
        if options:
            own.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
            own[-1].add_init_script(FORGET)
        page = (own[-1] if options else desk).new_page()
        page.set_default_timeout(WAIT_MS)
        pages.append(page)
        watch.page(page)
        page.goto(server.address + path)
        wait_until_ready(page)
        return page

    yield opened
    for page in pages:
        page.close()
    for context in own:
        context.close()
    assert watch.strangers == [], "the page asked a stranger"
    assert watch.unexpected() == []


def wait_until_ready(page: Page) -> None:
    """Until the form has its values and the script listens."""
    page.wait_for_selector("html[data-ready]", state="attached")


def order(page: Page, prompt: str, count: int = 1, **fields: object) -> None:
    """Fill the form in as a person would and press Generate."""
    page.fill("#field-prompt textarea", prompt)
    page.fill("#count input", str(count))
    for name, value in fields.items():
        page.fill(f"#field-{name} input", str(value))
    page.click("#generate")


def make(page: Page, prompt: str, count: int = 1, **fields: object) -> None:
    """Order pictures, and wait until all of them stand on the stage."""
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.endswith("/jobs")
    ) as order_taken:
        order(page, prompt, count, **fields)
    job = order_taken.value.json()["id"]
    page.wait_for_selector(f"#stage-now[data-job='{job}']")
    wait_for_pictures(page, count)


def wait_for_pictures(page: Page, count: int = 1) -> None:
    """Until that many finished pictures stand on the stage and nothing runs."""
    page.wait_for_function(
        "count => !document.documentElement.classList.contains('busy')"
        " && document.querySelectorAll('.tile[data-state=done]:not([hidden]) img.final').length === count",
        arg=count,
    )
