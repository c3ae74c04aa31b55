"""What is shared on purpose is seen by those it is shared with, says no more than it should, and ends when told to."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from studio.recipe import Recipe
from studio.recipe.events import Pixels
from studio.server import create_app
from studio.services import Studio
from studio.store.tables import LinkRow
from tests.security.household import ADDRESS, OWN, PASSWORD, key_of, log_in

SECRET = "a walrus nobody must know of"
SIDE = 64


@pytest.fixture(scope="module")
def app(house: Studio) -> FastAPI:
    return create_app(house, page=False)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=ADDRESS, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def image_id(house: Studio, request: pytest.FixtureRequest) -> str:
    """A picture of ben's, with noise in it, so that pixels can be told from one another."""
    owner = house.accounts.people.get("ben").id
    job_id = request.node.name[:60].replace("[", "-").replace("]", "")
    job = house.submit(Recipe(prompt=SECRET, steps=2, seed=1), 1, owner, job_id)
    return house.gallery.add(Pixels(SIDE, SIDE, noise().tobytes()), job.recipe, {}, owner, job.id, 0).id


def noise() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def link_to(client: TestClient, house: Studio, image_id: str, **body: object) -> dict[str, str]:
    answer = client.post("/api/v1/links", json={"image_id": image_id, **body}, headers=key_of(house, "ben"))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("shows_prompt", [False, True])
def test_a_link_shows_one_picture_to_whoever_has_it(
    house: Studio, client: TestClient, image_id: str, shows_prompt: bool
) -> None:
    owner = house.accounts.people.get("ben").id
    link = link_to(client, house, image_id, show_prompt=shows_prompt)
    page, picture = client.get(link["path"]), client.get(f"{link['path']}/picture")
    assert (page.status_code, picture.status_code) == (200, 200)
    assert (SECRET in page.text) == shows_prompt
    assert (SECRET.encode() in picture.content) == shows_prompt
    assert np.array_equal(pixels_of(picture.content), noise())
    for answer in (page, picture):
        assert not [word for word in (image_id, owner, "ben") if word.encode() in answer.content]
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "no-store" in answer.headers["cache-control"] or "no-cache" in answer.headers["cache-control"]
    assert "script" not in page.text
    assert client.get(f"/api/v1/images/{image_id}/file").status_code == 401, "nothing else is open by it"


def test_hidden_pictures_say_nothing_in_any_chunk(house: Studio, client: TestClient, image_id: str) -> None:
    link = link_to(client, house, image_id)
    picture = client.get(f"{link['path']}/picture").content
    assert Image.open(io.BytesIO(picture)).info == {}
    kinds = {kind for kind in (b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"iCCP", b"tIME") if kind in picture}
    assert kinds == set()


def test_a_link_ends_when_it_is_withdrawn_expires_or_its_picture_goes(
    house: Studio, client: TestClient, image_id: str
) -> None:
    ben, owner = key_of(house, "ben"), house.accounts.people.get("ben").id
    withdrawn, expired, binned = (link_to(client, house, image_id, hours=1) for _ in range(3))
    assert client.delete(f"/api/v1/links/{withdrawn['id']}", headers=ben).status_code == 200
    with house.database.session() as session:
        session.get_one(LinkRow, expired["id"]).expires_at = datetime.now(timezone.utc) - timedelta(seconds=1)
    answers = [client.get(one["path"]) for one in (withdrawn, expired)]
    house.gallery.bin(owner, [image_id])
    answers += [client.get(binned["path"]), client.get(f"{binned['path']}/picture")]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert all("new link" in answer.text for answer in answers)
    house.gallery.restore(owner, [image_id])
    assert client.get(binned["path"]).status_code == 200
    house.gallery.bin(owner, [image_id])
    house.gallery.empty_bin(owner)
    assert client.get(binned["path"]).status_code == 404
    assert [
        one for one in client.get("/api/v1/links", headers=ben).json()["links"] if one["image_id"] == image_id
    ] == []


def test_links_cannot_be_guessed_or_altered(house: Studio, client: TestClient, image_id: str) -> None:
    link = link_to(client, house, image_id)
    token = link["path"].removeprefix("/shared/")
    assert len(token) == 48
    for wrong in (
        token[:-1],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token[:16],
        token + "x",
        "x" * 48,
        "%00",
    ):
        assert client.get(f"/shared/{wrong}").status_code == 404, wrong
        assert client.get(f"/shared/{wrong}/picture").status_code == 404, wrong
    for way in ("POST", "PUT", "DELETE"):
        assert client.request(way, link["path"]).status_code in (403, 405), way


def test_others_learn_nothing_of_a_link_and_an_admin_may_end_it(
    house: Studio, client: TestClient, image_id: str
) -> None:
    link = link_to(client, house, image_id)
    anna = key_of(house, "anna")
    told = client.get("/api/v1/links?everybody=true", headers=anna)
    one = next(one for one in told.json()["links"] if one["id"] == link["id"])
    assert one["by"] == "ben" and "path" not in one and "image_id" not in one
    assert link["path"] not in told.text
    assert client.get("/api/v1/links", headers=anna).json() == {"links": []}
    assert client.delete(f"/api/v1/links/{link['id']}", headers=anna).status_code == 200
    assert client.get(link["path"]).status_code == 404


def test_nobody_shares_what_is_not_theirs(house: Studio, client: TestClient, image_id: str) -> None:
    anna = key_of(house, "anna")
    for path in ("/api/v1/links", "/api/v1/wall"):
        assert client.post(path, json={"image_id": image_id}, headers=anna).status_code == 404, path
    house.gallery.bin(house.accounts.people.get("ben").id, [image_id])
    for path in ("/api/v1/links", "/api/v1/wall"):
        assert client.post(path, json={"image_id": image_id}, headers=key_of(house, "ben")).status_code == 409, path


def test_the_wall_is_everybody_s_who_is_logged_in(
    house: Studio, app: FastAPI, client: TestClient, image_id: str
) -> None:
    ben, anna = key_of(house, "ben"), key_of(house, "anna")
    hung = client.post("/api/v1/wall", json={"image_id": image_id, "show_prompt": False}, headers=ben).json()
    guest = TestClient(app, base_url=ADDRESS)
    invitation = house.accounts.invitations.make(1)
    guest.post("/join", data={"invitation": invitation.pin, "name": "gus"}, headers=OWN)
    own = f"/api/v1/wall/{hung['id']}"
    for viewer, headers in ((client, anna), (guest, {})):
        seen = viewer.get("/api/v1/wall", headers=headers)
        one = next(one for one in seen.json()["pictures"] if one["id"] == hung["id"])
        assert (one["by"], one["mine"], one["prompt"], one["image_id"]) == ("ben", False, None, None)
        assert image_id not in seen.text
        picture = viewer.get(f"{own}/file", headers=headers)
        assert np.array_equal(pixels_of(picture.content), noise()) and SECRET.encode() not in picture.content
        thumbnail = viewer.get(f"{own}/thumbnail", headers=headers)
        assert thumbnail.status_code == 200 and SECRET.encode() not in thumbnail.content
        assert viewer.get(f"/api/v1/images/{image_id}", headers=headers).status_code == 404
    assert client.get(f"{own}/file").status_code == 401
    assert SECRET.encode() in client.get(f"{own}/file", headers=ben).content, "it is his own"
    client.post("/api/v1/wall", json={"image_id": image_id}, headers=ben)
    assert client.get("/api/v1/wall", headers=anna).json()["pictures"][0]["prompt"] == SECRET
    assert guest.delete(own, headers=OWN).status_code == 404
    assert client.delete(own, headers=anna).status_code == 200, "the admin may"
    assert client.get(f"{own}/file", headers=ben).status_code == 404
    assert client.get(f"/api/v1/images/{image_id}", headers=ben).status_code == 200, "the picture stays"
    assert guest.post("/api/v1/links", json={"image_id": image_id}, headers=OWN).status_code == 403


def test_whoever_goes_shares_nothing_more(house: Studio, client: TestClient) -> None:
    owner = house.accounts.add("cleo", "member", PASSWORD).id
    job = house.submit(Recipe(prompt="x", steps=2, seed=1), 1, owner, "of-cleo")
    image = house.gallery.add(Pixels(SIDE, SIDE, noise().tobytes()), job.recipe, {}, owner, job.id, 0)
    link, hung = house.links.make(owner, image.id, None), house.wall.hang(owner, image.id)
    house.accounts.people.remove("cleo")
    assert client.get(f"/shared/{link.token}").status_code == 404
    assert hung.id not in client.get("/api/v1/wall", headers=key_of(house, "anna")).text


def test_the_form_and_likings_of_one_are_nobody_else_s(house: Studio, client: TestClient) -> None:
    ben, anna = key_of(house, "ben"), key_of(house, "anna")
    for values in ({"prompt": "one"}, {"prompt": SECRET, "steps": 7, "exact": True, "seed": None}):
        kept = client.put("/api/v1/me/form", json={"values": values}, headers=ben).json()
    told = client.get("/api/v1/me/form", headers=ben).json()
    assert told["values"] == values and told["revision"] == kept["revision"] == 2
    assert SECRET not in client.get("/api/v1/me/form", headers=anna).text
    client.patch("/api/v1/me/settings", json={"theme": "dark"}, headers=ben)
    assert client.patch("/api/v1/me/settings", json={"sound": True}, headers=ben).json()["theme"] == "dark"
    assert client.get("/api/v1/me/settings", headers=anna).json()["theme"] == "system"
    for method, path, body in (
        ("PATCH", "settings", {"theme": "pink"}),
        ("PATCH", "settings", {"colour": "red"}),
        ("PUT", "form", {"values": {"prompt": "x" * 300_000}}),
        ("PUT", "form", {"values": {"prompt": {"nested": 1}}}),
    ):
        assert client.request(method, f"/api/v1/me/{path}", json=body, headers=ben).status_code == 422, body
    half = client.put("/api/v1/me/form", content=b'{"values": {"prompt": "\\ud800"}}', headers=ben)
    assert half.status_code == 422 and client.get("/api/v1/me/form", headers=ben).json() == told


def test_a_session_gives_its_account_away_to_nobody(house: Studio, client: TestClient) -> None:
    log_in(client, "ben")
    change = {"password": "another password"}
    for body in (change, {**change, "current": "wrong password"}):
        refused = client.put("/api/v1/people/ben/password", json=body, headers=OWN)
        assert refused.status_code == 422 and refused.json()["error"]["field"] == "current"
    right = {"password": PASSWORD, "current": PASSWORD}
    assert client.put("/api/v1/people/ben/password", json=right, headers=OWN).status_code == 200
    assert client.get("/api/v1/me").status_code == 401
    house.accounts.attempts.__init__()  # type: ignore[misc]


def test_logging_out_everywhere_ends_every_session_and_no_key(house: Studio, app: FastAPI, client: TestClient) -> None:
    other, key = TestClient(app, base_url=ADDRESS), key_of(house, "ben")
    log_in(client, "ben")
    log_in(other, "ben")
    assert client.delete("/api/v1/me/sessions", headers=OWN).status_code == 200
    assert (client.get("/api/v1/me").status_code, other.get("/api/v1/me").status_code) == (401, 401)
    assert client.get("/api/v1/me", headers=key).status_code == 200


def test_how_the_studio_is_shared_is_told_to_those_inside(house: Studio, client: TestClient) -> None:
    told = client.get("/api/v1/sharing", headers=key_of(house, "ben")).json()
    assert told == {"addresses": [], "tls": False, "fingerprint": None, "login": True}
    open_now = client.get("/api/v1/sharing", headers=key_of(house, "anna")).json()
    assert open_now["invitations"] == len(house.accounts.invitations.list())
    made = client.post(
        "/api/v1/invitations", json={"address": "http://192.168.1.5:7860"}, headers=key_of(house, "anna")
    ).json()
    assert made["link"].startswith("http://192.168.1.5:7860/join?invitation=") and made["qr"].startswith(
        "data:image/svg"
    )
    for address in ("javascript:alert(1)", "http://x/y", "http://a@b", "http://x?y"):
        answer = client.post("/api/v1/invitations", json={"address": address}, headers=key_of(house, "anna"))
        assert answer.status_code == 422, address
