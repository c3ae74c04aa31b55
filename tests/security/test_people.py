"""Once there are accounts: the anonymous get nothing, and a member gets nothing of another's."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from studio.door.admission import SHARED
from studio.door.paths import is_open
from studio.library import Library
from studio.recipe.events import Pixels
from studio.server import create_app
from studio.services import Studio, build_studio
from studio.settings import load_settings
from tests.security.household import ADDRESS, OWN, PASSWORD, basic, key_of, log_in
from tests.security.routes import ways_into

PUBLIC = {"/healthz", "/login", "/join"}


@pytest.fixture(scope="module")
def app(house: Studio) -> FastAPI:
    return create_app(house)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=ADDRESS, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture(scope="module")
def belongings(house: Studio) -> dict[str, str]:
    """Ids of what is anna's."""
    owner = house.accounts.people.get("anna").id
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(picture, "PNG")
    source = house.sources.put_picture(picture.getvalue()).sha256
    house.belongings.add(owner, source)
    job = house.submit(house_recipe(), 1, owner, "of-anna")
    image = house.gallery.add(Pixels(64, 64, bytes(64 * 64 * 3)), job.recipe, {}, owner, job.id, 0)
    house.hub.keep_preview(owner, job.id, 0, b"jpeg of anna")
    house.memories.keep_form(owner, {"prompt": "anna's secret garden"})
    house.memories.like(owner, {"theme": "dark"})
    link = house.links.make(owner, image.id, None)
    return {"job_id": job.id, "image_id": image.id, "sha256": source, "link_id": link.id}


def house_recipe() -> object:
    from studio.recipe import Recipe

    return Recipe(prompt="anna's secret garden", steps=2, seed=1)


@pytest.mark.parametrize("shown", [{}, {"Authorization": "Bearer studio_x"}, {"Cookie": "x"}], ids=str)
def test_every_way_refuses_the_anonymous(app: FastAPI, house: Studio, shown: dict[str, str]) -> None:
    client = TestClient(app, base_url=ADDRESS, raise_server_exceptions=False, follow_redirects=False)
    shown = {name: f"{house.accounts.cookie}=x" if name == "Cookie" else value for name, value in shown.items()}
    tried = 0
    for way in ways_into(app):
        if way.path in PUBLIC or way.method == "WEBSOCKET":
            continue
        house.accounts.attempts.__init__()  # type: ignore[misc]  # limits have a test of their own
        answer = client.request(way.method, way.path, headers=shown)
        refusal = 401 if is_open(way.path) and not way.path.startswith(SHARED) else 404
        assert answer.status_code == refusal, (str(way), answer.status_code)
        tried += 1
    assert tried > 100
    assert client.get("/", headers={"Accept": "text/html"}).headers["location"] == "/login"


def test_health_and_login_are_open(client: TestClient) -> None:
    assert [client.get(path).status_code for path in sorted(PUBLIC)] == [200, 200, 200]


def test_a_member_gets_nothing_of_anothers(
    app: FastAPI, house: Studio, client: TestClient, belongings: dict[str, str]
) -> None:
    anna, ben = key_of(house, "anna"), key_of(house, "ben")
    told = 0
    for way in ways_into(app):
        if not way.template.startswith("/api/v1/"):
            continue
        path = way.template
        for name, value in {**belongings, "index": "0"}.items():
            path = path.replace("{" + name + "}", value)
        if path != way.template and "{" not in path:
            body = {"favourite": True, "ids": [belongings["image_id"]], "tags": ["x"], "name": "x", "way": "like"}
            answer = client.request(way.method, path, headers=ben, json=body if way.method != "GET" else None)
            assert answer.status_code in (404, 405, 422), (str(way), answer.status_code, answer.text[:200])
            if way.method == "GET" and answer.status_code == 404 and "events" not in path:
                told += client.get(path, headers=anna).status_code == 200
    assert told >= 6, "anna herself must get what ben does not"


def test_lists_hold_ones_own_only(house: Studio, client: TestClient, belongings: dict[str, str]) -> None:
    ben, anna = key_of(house, "ben"), key_of(house, "anna")
    for path in ("/api/v1/jobs", "/api/v1/images", "/api/v1/images?query=garden", "/api/v1/me/form"):
        assert "garden" in client.get(path, headers=anna).text
        assert "garden" not in client.get(path, headers=ben).text
    assert client.get("/api/v1/me/settings", headers=anna).json()["theme"] == "dark"
    assert client.get("/api/v1/me/settings", headers=ben).json()["theme"] == "system"
    assert len(client.get("/api/v1/links", headers=anna).json()["links"]) == 1
    assert client.get("/api/v1/links", headers=ben).json() == {"links": []}
    for path in ("bin", "restore"):
        answer = client.post(f"/api/v1/images/{path}", json={"ids": [belongings["image_id"]]}, headers=ben)
        assert answer.status_code == 404
    recipe = {"prompt": "x", "mode": "image", "source": belongings["sha256"]}
    assert client.post("/api/v1/jobs", json={"recipe": recipe}, headers=ben).status_code == 404
    assert client.post("/api/v1/recipes/resolve", json=recipe, headers=anna).status_code == 200


def test_the_form_fills_from_ones_own_pictures_only(house: Studio, belongings: dict[str, str]) -> None:
    from studio.ui import actions
    from studio.ui.fields import untouched

    message = {"from": "image", "id": belongings["image_id"]}
    ben, anna = (house.accounts.people.get(name).id for name in ("ben", "anna"))
    assert "garden" in str(actions.fill(house, message, untouched(), anna).values)
    assert "garden" not in str(actions.fill(house, message, untouched(), ben))


def test_a_login_lasts_until_it_ends(house: Studio, client: TestClient) -> None:
    assert log_in(client, "ben", "wrong password") == 401
    answer = client.post("/login", data={"name": "Ben", "password": PASSWORD}, headers=OWN)
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 303 and "httponly" in cookie and "samesite=lax" in cookie
    ben = {"name": "ben", "role": "member", "accounts": True, "keeps_models": False}
    assert client.get("/api/v1/me").json() == ben
    client.post("/logout", headers=OWN)
    assert client.get("/api/v1/me").status_code == 401
    log_in(client, "ben")
    house.accounts.set_password("ben", PASSWORD)
    assert client.get("/api/v1/me").status_code == 401, "a new password ends sessions"


def test_two_studios_on_one_host_keep_their_logins_apart(client: TestClient, tmp_path: Path) -> None:
    """Browsers send a cookie to every port of the host that set it."""
    other = build_studio(load_settings(home=tmp_path / "home", engine="fake", password_cost="cheap"))
    try:
        other.accounts.add("carl", "admin", PASSWORD)
        beside = TestClient(create_app(other), base_url=ADDRESS, cookies=client.cookies, follow_redirects=False)
        log_in(client, "ben")
        beside.cookies.update(client.cookies)
        log_in(beside, "carl")
        client.cookies.update(beside.cookies)
        assert client.get("/api/v1/me").json()["name"] == "ben"
        assert beside.get("/api/v1/me").json()["name"] == "carl"
    finally:
        other.close()


def test_a_session_posts_from_the_studios_own_pages_only(client: TestClient) -> None:
    log_in(client, "ben")
    text = {"text": "a cat"}
    assert client.post("/api/v1/prompts/count", json=text).status_code == 403
    assert client.post("/api/v1/prompts/count", json=text, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/v1/prompts/count", json=text, headers=OWN).status_code == 200


def test_coming_in_takes_a_browser_or_a_key(client: TestClient) -> None:
    """A page elsewhere could log a browser in as somebody else, if one came along that tells nothing of itself."""
    right = {"name": "ben", "password": PASSWORD}
    for path in ("/login", "/join"):
        for headers in ({}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = client.post(path, data=right, headers=headers)
            assert answer.status_code == 403 and "set-cookie" not in answer.headers, (path, headers)
    assert log_in(client, "ben") == 303


def test_programs_come_in_by_key_or_basic(house: Studio, client: TestClient) -> None:
    key = key_of(house, "ben")
    assert client.get("/api/v1/me", headers=key).json()["name"] == "ben"
    assert client.get("/api/v1/me", headers=basic("ben", PASSWORD)).json()["role"] == "member"
    assert client.get("/api/v1/me", headers=basic("ben", "wrong password")).status_code == 401
    machine = {"Authorization": f"Bearer {house.accounts.secret.machine_key}"}
    assert client.get("/api/v1/me", headers=machine).json()["role"] == "admin"
    made = client.get("/api/v1/keys", headers=key).json()["keys"]
    for one in made:
        client.delete(f"/api/v1/keys/{one['id']}", headers=key)
    assert client.get("/api/v1/me", headers=key).status_code == 401


def test_only_an_admin_looks_after_people(house: Studio, client: TestClient) -> None:
    anna, ben = key_of(house, "anna"), key_of(house, "ben")
    new = {"name": "cleo", "password": PASSWORD}
    for method, path in (("GET", "people"), ("POST", "people"), ("DELETE", "people/anna"), ("POST", "invitations")):
        body = new if path == "people" else {}
        answer = client.request(method, f"/api/v1/{path}", headers=ben, json=body if method == "POST" else None)
        assert answer.status_code == 403, path
    other = {"password": PASSWORD}
    assert client.put("/api/v1/people/anna/password", json=other, headers=ben).status_code == 403
    assert client.put("/api/v1/people/ben/role", json={"role": "admin"}, headers=ben).status_code == 403
    assert client.get("/api/v1/links?everybody=true", headers=ben).status_code == 403
    assert client.post("/api/v1/people", json=new, headers=anna).status_code == 201
    assert client.delete("/api/v1/people/cleo", headers=anna).status_code == 200
    assert client.delete("/api/v1/people/anna", headers=anna).status_code == 409, "nobody would be left"
    assert client.put("/api/v1/people/anna/role", json={"role": "member"}, headers=anna).status_code == 409
    assert client.put("/api/v1/people/ben/role", json={"role": "king"}, headers=anna).status_code == 422


def test_guests_come_by_link_or_pin_until_it_expires(house: Studio, app: FastAPI, client: TestClient) -> None:
    made = client.post("/api/v1/invitations", json={"hours": 1}, headers=key_of(house, "anna")).json()
    assert client.get(made["path"]).status_code == 200
    for code, name in ((made["path"].split("=")[1], "guest one"), (made["pin"], "guest two")):
        guest = TestClient(app, base_url=ADDRESS, follow_redirects=False)
        assert guest.post("/join", data={"invitation": code, "name": name}, headers=OWN).status_code == 303
        told = {"name": name, "role": "guest", "accounts": True, "keeps_models": False}
        assert guest.get("/api/v1/me").json() == told
        assert guest.post("/api/v1/keys", json={"name": "k"}, headers=OWN).status_code == 403
        assert guest.get("/api/v1/wildcards").status_code == 200
        assert guest.put("/api/v1/wildcards/mine", json={"text": "x"}, headers=OWN).status_code == 403
        assert guest.delete("/api/v1/wildcards/mine", headers=OWN).status_code == 403
    listed = client.get("/api/v1/invitations", headers=key_of(house, "anna")).json()["invitations"]
    for one in listed:
        client.delete(f"/api/v1/invitations/{one['id']}", headers=key_of(house, "anna"))
    late = client.post("/join", data={"invitation": made["pin"], "name": "late"}, headers=OWN)
    assert late.status_code == 404
    with house.database.session() as session:
        from studio.store.tables import PersonRow

        row = session.get_one(PersonRow, house.accounts.people.get("guest two").id)
        row.expires_at = row.created_at
    assert guest.get("/api/v1/me").status_code == 401, "a guest goes when the invitation ends"


def test_guessing_is_slowed(house: Studio, client: TestClient) -> None:
    from studio.accounts.attempts import Attempts

    house.accounts.attempts = Attempts(most=3)
    statuses = [log_in(client, "ben", "wrong password") for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert log_in(client, "ben") == 429, "the right one waits as well"
    answer = client.get("/api/v1/me", headers=basic("ben", PASSWORD))
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
    house.accounts.attempts = Attempts()


def test_no_answer_and_no_log_holds_a_secret(
    app: FastAPI, house: Studio, client: TestClient, caplog: pytest.LogCaptureFixture, belongings: dict[str, str]
) -> None:
    caplog.set_level("DEBUG")
    anna = key_of(house, "anna")
    person = house.accounts.people.get("anna")
    secret = house.paths.secret_file.read_text()
    secrets = [PASSWORD, str(person.password_hash), secret, anna["Authorization"].split()[1], "$argon2"]
    secrets += [house.accounts.secret.machine_key, house.accounts.session_for(person)]
    invited = house.accounts.invitations.make(1)
    link = house.links.make(person.id, house.gallery.list(person.id).images[0].id, 1)
    secrets += [invited.token, invited.pin, link.token]
    client.get("/api/v1/me", headers=basic("anna", PASSWORD))
    client.get(f"/join?invitation={invited.token}")
    client.get(f"/shared/{link.token}/picture")
    wrong = [
        client.post("/api/v1/people", json={"name": "x", "password": PASSWORD, "role": "king"}, headers=anna),
        client.post("/api/v1/people", json={"name": "anna", "password": PASSWORD}, headers=anna),
        client.post("/api/v1/people", json={"name": {}, "password": PASSWORD}, headers=anna),
        client.put("/api/v1/people/ghost/password", json={"password": PASSWORD, "x": 1}, headers=anna),
        client.post("/login", data={"name": "ben", "password": f"{PASSWORD}!"}, headers=OWN),
        client.post("/join", data={"invitation": invited.pin, "name": "a/b"}, headers=OWN),
        client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {anna['Authorization'][7:]}x"}),
    ]
    for answer in wrong:
        said = [one for one in secrets if one in answer.text and one != invited.pin]  # typed there, and typed again
        assert answer.status_code >= 400 and not said, answer.text
    for way in ways_into(app):
        if way.method == "GET" and "events" not in way.path:
            text = client.get(way.path, headers=anna).text
            own = {link.token} if way.path == "/api/v1/links" else set()
            assert not [one for one in secrets if one in text and one not in own], str(way)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]  # the client's own
    assert not [one for one in secrets if one in "\n".join(ours)]
    assert house.paths.secret_file.stat().st_mode & 0o077 == 0
    assert json.dumps(person.as_dict())


def test_folders_of_the_machine_are_the_admins(house: Studio, app: FastAPI, client: TestClient, tmp_path: Path) -> None:
    """Whoever may name a path could look at any picture of the machine."""
    body = {"folders": [str(tmp_path)], "dry_run": True}
    anna, ben = key_of(house, "anna"), key_of(house, "ben")
    made = client.post("/api/v1/invitations", json={"hours": 1}, headers=anna).json()
    guest = TestClient(app, base_url=ADDRESS, follow_redirects=False)
    guest.post("/join", data={"invitation": made["path"].split("=")[1], "name": "a guest"}, headers=OWN)
    for answer in (
        client.post("/api/v1/imports", json=body, headers=ben),
        guest.post("/api/v1/imports", json=body, headers=OWN),
    ):
        assert answer.status_code == 403 and "Drop files onto the gallery" in answer.json()["error"]["message"]
    assert client.post("/api/v1/imports", json=body, headers=anna).status_code == 202
    assert client.get("/api/v1/imports", headers=ben).json() == {"imports": [], "allowed": False}
    ordered = client.post("/api/v1/imports", json={**body, "dry_run": False}, headers=anna).json()["import"]
    assert client.get("/api/v1/imports", headers=anna).json()["imports"] == [ordered]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/resume")):
        answer = client.request(method, f"/api/v1/imports/{ordered['id']}{path}", headers=ben)
        assert answer.status_code == 404, (method, answer.text)


def test_only_an_admin_is_told_which_folders_of_models_lack(
    house: Studio, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Library, "problems", ("The folder /mnt/private is not there.",))
    told = [client.get("/api/v1/models", headers=key_of(house, name)).json()["problems"][0] for name in ("anna", "ben")]
    assert "/mnt/private" in told[0] and "/mnt/private" not in told[1] and "cannot be read" in told[1]


def test_presets_are_each_persons_own(app: FastAPI, house: Studio, client: TestClient) -> None:
    from studio.recipe.presets import Preset

    owner = house.accounts.people.get("anna").id
    house.presets.save(owner, Preset("", "Annas garden look", fields={"prompt": "a garden, {prompt}"}))
    anna, ben = key_of(house, "anna"), key_of(house, "ben")
    tried = 0
    for way in ways_into(app):
        if way.template.startswith("/api/v1/presets/{name}"):
            path = way.template.replace("{name}", "annas-garden-look")
            body = {"title": "x"} if way.method == "PATCH" else None
            assert client.request(way.method, path, headers=ben, json=body).status_code == 404, str(way)
            tried += way.method != "GET" or client.get(path, headers=anna).status_code == 200
    assert tried >= 5
    for path in ("/api/v1/presets", "/sdapi/v1/prompt-styles"):
        hers, his = (client.get(path, headers=key).text.lower() for key in (anna, ben))
        assert "annas" in hers and "annas" not in his, path
    order = {"recipe": {"prompt": "x"}, "presets": ["annas-garden-look"]}
    assert client.post("/api/v1/jobs", json=order, headers=ben).status_code == 404
    assert (house.paths.presets_of(owner) / "annas-garden-look.toml").is_file()
