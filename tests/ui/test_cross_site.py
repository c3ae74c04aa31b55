"""Pages of other sites, in a real browser with somebody's session in it, change nothing and read nothing."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from studio.accounts import Accounts
from studio.store import Database
from tests.servers import Server, running_server
from tests.ui.conftest import WAIT_MS

PASSWORD = "correct horse battery"
NEW = json.dumps({"name": "mallory", "password": PASSWORD, "role": "admin"})

ATTACKS = {
    "fetch": "fetch(at + '/api/v1/people', {method: 'POST', mode: 'no-cors', credentials: 'include', body: NEW})",
    "json": "fetch(at + '/api/v1/people', {method: 'POST', credentials: 'include', body: NEW,"
    " headers: {'Content-Type': 'application/json'}})",
    "untyped": "fetch(at + '/api/v1/people', {method: 'POST', mode: 'no-cors', credentials: 'include',"
    " body: new Blob([NEW])})",
    "beacon": "navigator.sendBeacon(at + '/api/v1/people', NEW)",
    "hidden origin": "fetch(at + '/api/v1/people', {method: 'POST', mode: 'no-cors', credentials: 'include',"
    " referrerPolicy: 'no-referrer', body: new Blob([NEW])})",
    "delete": "fetch(at + '/api/v1/me/sessions', {method: 'DELETE', credentials: 'include'})",
    "read": "fetch(at + '/api/v1/me', {credentials: 'include'}).then((answer) => answer.text()).then((text) =>"
    " { window.stolen = text })",
    "events": "new Promise((end) => { const from = new EventSource(at + '/api/v1/events', {withCredentials: true});"
    " from.addEventListener('ping', () => { window.stolen = 'events'; end() }); from.onerror = end })",
    "picture": "new Promise((end) => { const image = new Image(); image.onerror = end;"
    " image.onload = () => { window.stolen = 'image'; end() }; image.src = at + '/page/x/icon.svg' })",
    "frame": "new Promise((end) => { const frame = document.createElement('iframe'); frame.onload = end;"
    " frame.src = at + '/'; document.body.append(frame); setTimeout(end, 3000) })",
}

FORMS = {
    "usual": ("application/x-www-form-urlencoded", "/logout", ""),
    "text": ("text/plain", "/api/v1/people", NEW.replace("}", ', "x": "') + '"}'),
    "login": ("application/x-www-form-urlencoded", "/login", ""),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("victim") / "home"
    database = Database.open(home / "studio.db")
    accounts = Accounts(database, home / "secret.key", cheap_passwords=True)
    accounts.add("anna", "admin", PASSWORD)
    database.close()
    with running_server(home, "--models", str(toy_models), STUDIO_PASSWORD_COST="cheap") as server:
        yield server


@pytest.fixture(scope="module")
def attacker() -> Iterator[int]:
    """The port of another site's server: its page is empty."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><body>")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served.server_port
    served.shutdown()
    served.server_close()


@pytest.fixture(scope="module")
def inside(browser: Browser, house: Server) -> Iterator[Page]:
    """A browser in which anna, an admin, is logged in."""
    page = browser.new_context().new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{house.address}/login")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_response(lambda answer: answer.url.endswith("/login")) as answer:
        page.get_by_role("button", name="Log in").click()
    assert answer.value.status == 303, "the studio's own form gets in"
    yield page
    page.context.close()


def state_of(page: Page, house: Server) -> object:
    """Who is logged in and who has an account, as anna's session tells."""
    answers = [page.context.request.get(f"{house.address}/api/v1/{path}") for path in ("me", "people")]
    return [answer.json() if answer.ok else answer.status for answer in answers]


@pytest.mark.browser
@pytest.mark.parametrize("site", ["127.0.0.1", "localhost"], ids=["same site, other port", "other site"])
def test_scripts_of_another_site_do_and_learn_nothing(inside: Page, house: Server, attacker: int, site: str) -> None:
    before = state_of(inside, house)
    assert before[0]["name"] == "anna"  # type: ignore[index]
    page = inside.context.new_page()
    page.goto(f"http://{site}:{attacker}/")
    for name, attack in ATTACKS.items():
        page.evaluate(f"async ([at, NEW]) => {{ try {{ await {attack} }} catch {{}} }}", [house.address, NEW])
        assert page.evaluate("window.stolen") is None, name
        assert state_of(inside, house) == before, name
    frames = [frame for frame in page.frames if frame.url.startswith(house.address)]
    assert all("Latent Studio" not in frame.content() for frame in frames)
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("site", ["127.0.0.1", "localhost"], ids=["same site, other port", "other site"])
@pytest.mark.parametrize("form", list(FORMS))
def test_forms_of_another_site_are_refused(inside: Page, house: Server, attacker: int, site: str, form: str) -> None:
    before = state_of(inside, house)
    kind, path, name = FORMS[form]
    page = inside.context.new_page()
    page.goto(f"http://{site}:{attacker}/")
    with page.expect_response(lambda answer: answer.url == house.address + path) as answer:
        page.evaluate(
            """([action, enctype, name]) => {
              const form = Object.assign(document.createElement('form'), {method: 'post', action, enctype});
              form.append(Object.assign(document.createElement('input'), {name, value: ''}));
              document.body.append(form);
              form.submit();
            }""",
            [house.address + path, kind, name],
        )
    assert answer.value.status == 403
    assert state_of(inside, house) == before
    page.close()
