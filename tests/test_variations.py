"""Variations keep what they promise to keep, and stand in the lineage of the picture they vary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.errors import Conflict, InvalidField
from studio.gallery import Gallery, Image
from studio.recipe.presets import Preset
from studio.variations import more_like, with_checkpoint, with_preset
from tests.gallery.conftest import empty_database, gallery, paths  # noqa: F401
from tests.gallery.pictures import pixels, recipe
from tests.servers import Server, running_server, wait_for_job

PRESETS = {
    "ink": Preset("ink", "Ink", fields={"prompt": "ink, {prompt}", "steps": 8}),
    "broken": Preset("broken", "Broken", problem="no such field"),
    "oil": Preset("oil", "Oil", fields={"prompt": "oil, {prompt}"}),
}


@pytest.fixture
def image(gallery: Gallery) -> Image:  # noqa: F811
    return gallery.add(pixels(), recipe("a heron", seed=9), {}, "local", "job", 0)


def test_more_like_it_keeps_the_seed_and_rolls_variation_seeds(image: Image) -> None:
    variation = more_like(image, 0.3)
    assert (variation.recipe.seed, variation.recipe.variation_seed, variation.recipe.variation_strength) == (9, -1, 0.3)
    assert variation.recipe.prompt == "a heron" and variation.lineage()["varied_from"] == image.id
    for strength in (0, -1, 1.5):
        with pytest.raises(InvalidField, match="above 0"):
            more_like(image, strength)


def test_presets_go_round_without_piling_up(gallery: Gallery, image: Image) -> None:  # noqa: F811
    first = with_preset(image, image, PRESETS)
    assert (first.recipe.prompt, first.recipe.seed, first.words) == ("ink, a heron", 9, "preset ink")
    made = recipe(first.recipe.prompt, seed=9).model_copy(update=first.lineage())
    second = with_preset(gallery.add(pixels(), made, {}, "local", "job2", 0), image, PRESETS)
    assert (second.recipe.prompt, second.words) == ("oil, a heron", "preset oil")
    assert with_preset(image, image, PRESETS, "oil").words == "preset oil"
    with pytest.raises(InvalidField, match="ink, oil"):
        with_preset(image, image, PRESETS, "water")
    with pytest.raises(Conflict, match="no other preset"):
        with_preset(image, image, {})


def test_presets_stay_in_their_family(gallery: Gallery) -> None:  # noqa: F811
    look, starter = {"family": "Looks"}, {"family": "Starter"}
    presets = {
        "glossy": Preset("glossy", "Glossy", fields={"prompt": "3d {prompt} on a blue background"}, **starter),
        "flat": Preset("flat", "Flat", fields={"prompt": "flat {prompt} on a red background"}, **starter),
        "ink": Preset("ink", "Ink", fields={"prompt": "ink, {prompt}"}, **look),
        "oil": Preset("oil", "Oil", fields={"prompt": "oil, {prompt}"}, **look),
    }
    cat = "3d cat face on a blue background"
    drawn = gallery.add(pixels(), recipe(cat, checkpoint="starter"), {}, "local", "job", 0)
    painted = gallery.add(pixels(), recipe("a heron", checkpoint="big"), {}, "local", "job2", 0)
    assert with_preset(drawn, drawn, presets).words == "preset glossy"
    flat = with_preset(drawn, drawn, presets, "flat")
    assert flat.recipe.prompt == "flat cat face on a red background"
    first = with_preset(painted, painted, presets)
    assert (first.words, first.recipe.prompt) == ("preset ink", "ink, a heron")
    made = recipe(first.recipe.prompt, checkpoint="big").model_copy(update=first.lineage())
    second = with_preset(gallery.add(pixels(), made, {}, "local", "job3", 0), painted, presets)
    assert second.words == "preset oil"
    made = made.model_copy(update=second.lineage())
    third = with_preset(gallery.add(pixels(), made, {}, "local", "job4", 0), painted, presets)
    assert third.words == "preset ink"


def test_checkpoints_go_round(image: Image) -> None:
    assert with_checkpoint(image, ["a", "starter", "z"]).recipe.checkpoint == "z"
    assert with_checkpoint(image, ["a", "starter"]).recipe.checkpoint == "a"
    with pytest.raises(Conflict, match="no other checkpoint"):
        with_checkpoint(image, ["starter"])


def test_a_finished_picture_is_refused_in_words(gallery: Gallery) -> None:  # noqa: F811
    made = recipe(mode="finish", source="ab" * 32)
    with pytest.raises(Conflict, match="vary the one it is from"):
        more_like(gallery.add(pixels(), made, {}, "local", "job", 0))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("vary") / "home", "--models", str(toy_models)) as server:
        server.wait_until_ready()
        yield server


def made(client: httpx.Client, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["id"])
    return [client.get(f"/api/v1/images/{picture['image_id']}").json() for picture in job["pictures"]]


def test_variations_are_jobs_whose_pictures_are_linked(server: Server) -> None:
    with server.client() as client:
        order = {"recipe": {"prompt": "a heron", "seed": 5, "steps": 4, "checkpoint": "toy-a"}}
        [first] = made(client, "jobs", order)
        vary = f"images/{first['id']}/vary"
        ring = made(client, vary, {"way": "like", "count": 3, "strength": 0.4})
        assert {one["seed"] for one in ring} == {5} and {one["parent_id"] for one in ring} == {first["id"]}
        seeds = [one["recipe"]["variation_seed"] for one in ring]
        assert len(set(seeds)) == 3
        [preset] = made(client, vary, {"way": "preset"})
        [after] = made(client, f"images/{preset['id']}/vary", {"way": "preset"})
        assert preset["seed"] == after["seed"] == 5
        assert preset["recipe"]["varied_by"] != after["recipe"]["varied_by"]
        assert after["parent_id"] == first["id"]
        [other] = made(client, vary, {"way": "checkpoint"})
        assert other["checkpoint"] != "toy-a" and other["prompt"] == "a heron"
        lineage = client.get(f"/api/v1/images/{first['id']}/lineage").json()
        assert {one["id"] for one in lineage["children"]} == {one["id"] for one in (*ring, preset, after, other)}
        refused = client.post(f"/api/v1/images/{'0' * 32}/vary", json={"way": "like"})
        assert refused.status_code == 404
