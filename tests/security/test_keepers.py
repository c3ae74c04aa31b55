"""What is written on cards is the studio's, and so is its memory: a member reads both, and changes neither."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from studio.recipe import Recipe
from studio.recipe.events import Pixels
from studio.server import create_app
from studio.services import Studio
from tests.security.household import ADDRESS, key_of


@pytest.fixture(scope="module")
def app(house: Studio) -> FastAPI:
    house.library.scan()
    return create_app(house, page=False)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=ADDRESS)


def steps_of(client: TestClient, name: str, key: dict[str, str]) -> int:
    answer = client.post("/api/v1/recipes/resolve", json={"prompt": "x", "checkpoint": name}, headers=key)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["steps"])


def test_a_members_word_on_a_card_does_not_change_anothers_auto(house: Studio, client: TestClient) -> None:
    anna, ben = key_of(house, "anna"), key_of(house, "ben")
    toy = house.library.find("toy-a")
    before = steps_of(client, "toy-a", anna)
    refused = client.patch(f"/api/v1/models/{toy.id}", json={"recipe": {"steps": 3}, "notes": "mine"}, headers=ben)
    assert refused.status_code == 403 and "Only an admin may" in refused.json()["error"]["message"]
    assert steps_of(client, "toy-a", anna) == before != 3
    assert client.get(f"/api/v1/models/{toy.id}", headers=ben).json()["notes"] == ""
    written = client.patch(f"/api/v1/models/{toy.id}", json={"recipe": {"steps": 3}, "notes": "ours"}, headers=anna)
    assert written.status_code == 200 and steps_of(client, "toy-a", ben) == 3
    assert client.get(f"/api/v1/models/{toy.id}", headers=ben).json()["notes"] == "ours", "everybody may read it"


def test_a_card_shows_no_picture_of_a_members_choice_nor_anothers(house: Studio, client: TestClient) -> None:
    anna, ben = key_of(house, "anna"), key_of(house, "ben")
    route = f"/api/v1/models/{house.library.find('toy-a').id}/picture"
    recipe = house.resolve(Recipe(prompt="of ben", seed=1))
    owner = house.accounts.people.get("ben").id
    image = house.gallery.add(Pixels(64, 64, bytes(64 * 64 * 3)), recipe, {}, owner, "of-ben", 0)
    assert client.put(route, json={"image_id": image.id}, headers=ben).status_code == 403
    assert client.delete(route, headers=ben).status_code == 403
    assert client.put(route, json={"image_id": image.id}, headers=anna).status_code == 404, "ben's picture is ben's"


@pytest.mark.parametrize("path", ["/api/v1/models/unload", "/sdapi/v1/unload-checkpoint"])
def test_only_keepers_empty_the_memory_that_all_share(house: Studio, client: TestClient, path: str) -> None:
    unloaded: list[str] = []
    house.dispatcher.unload = lambda: unloaded.append(path)  # type: ignore[method-assign]
    assert client.post(path, headers=key_of(house, "ben")).status_code == 403 and not unloaded
    assert client.post(path, headers=key_of(house, "anna")).status_code in (200, 202) and unloaded == [path]


def test_where_nobody_has_an_account_only_who_sits_at_the_machine(studio: Studio) -> None:
    studio.library.scan()
    app, toy = create_app(studio, page=False), studio.library.find("toy-a")
    for place, status in (("192.168.1.7", 403), ("127.0.0.1", 200)):
        client = TestClient(app, base_url=ADDRESS, client=(place, 50000))
        assert client.patch(f"/api/v1/models/{toy.id}", json={"notes": "x"}).status_code == status
        assert client.get("/api/v1/models").status_code == 200
