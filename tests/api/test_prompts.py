"""Templates, wildcards, matrices and batches over a real server process with the fake engine."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from studio.pictures.texts import texts_in
from studio.recipe.metadata import from_png_text
from tests.servers import Server, running_server, wait_for_job


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("prompts") / "home"
    with running_server(home, "--models", str(toy_models)) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def ordered(
    client: httpx.Client, count: int = 1, more: dict[str, Any] | None = None, **recipe: object
) -> dict[str, Any]:
    body = {"count": count, "recipe": {"steps": 4, "seed": 10, **recipe}, **(more or {})}
    answer = client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def recipes(client: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    job = wait_for_job(client, job_id)
    assert job["state"] == "done", job["error"]
    return [client.get(f"/api/v1/images/{one['image_id']}").json()["recipe"] for one in job["pictures"]]


TEMPLATE = "a {red|blue|green|black|white} {2$$ and $$__starter/animals__}"


def test_every_picture_has_its_own_words_and_keeps_both(client: httpx.Client) -> None:
    job = ordered(client, 5, prompt=TEMPLATE, negative_prompt="{text|words|letters}")
    made = recipes(client, job["id"])
    assert len({one["prompt"] for one in made}) == 5 and not any("{" in one["prompt"] for one in made)
    assert {one["templates"]["prompt"] for one in made} == {TEMPLATE}
    assert [one["seed"] for one in made] == [10, 11, 12, 13, 14]
    assert {one["prompt"] for one in job["pictures"][1:]} == {one["prompt"] for one in made[1:]}
    third = recipes(client, ordered(client, prompt=TEMPLATE, negative_prompt="{text|words|letters}", seed=12)["id"])[0]
    assert (third["prompt"], third["negative_prompt"]) == (made[2]["prompt"], made[2]["negative_prompt"])


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "avif"])
def test_template_and_result_are_in_the_file_and_come_back(client: httpx.Client, name: str) -> None:
    job = wait_for_job(client, ordered(client, prompt=TEMPLATE, negative_prompt="{a|b}")["id"])
    image_id = job["pictures"][0]["image_id"]
    data = client.get(f"/api/v1/images/{image_id}/file?format={name}").content
    found = from_png_text(texts_in(data))
    assert found is not None and found.resolved is not None
    assert found.resolved.templates.prompt == TEMPLATE and found.recipe.prompt == job["recipe"]["prompt"]
    text = texts_in(data)["parameters"]
    assert f"Template: {TEMPLATE}, Negative Template: {{a|b}}" in text and text.startswith(job["recipe"]["prompt"])
    said = client.post("/api/v1/recipes/read", content=data).json()
    assert said["templates"] == {"prompt": TEMPLATE, "negative_prompt": "{a|b}"}
    assert said["recipe"]["prompt"] == job["recipe"]["prompt"]
    parsed = client.post("/api/v1/recipes/parse", json={"text": text}).json()
    assert parsed["templates"] == said["templates"] and parsed["unused"] == {}
    assert Image.open(io.BytesIO(data)).size[0] > 0


def test_what_was_ordered_is_not_touched_by_a_file_that_changes(client: httpx.Client) -> None:
    client.put("/api/v1/wildcards/mine", json={"text": "one\ntwo\nthree\n"})
    long = ordered(client, 1, prompt="slow", steps=300)
    job = ordered(client, 4, prompt="a __mine__")
    expected = [job["recipe"]["prompt"], *(one["prompt"] or job["recipe"]["prompt"] for one in job["pictures"][1:])]
    client.put("/api/v1/wildcards/mine", json={"text": "other\n"})
    client.delete(f"/api/v1/jobs/{long['id']}")
    assert [one["prompt"] for one in recipes(client, job["id"])] == expected
    assert ordered(client, prompt="a __mine__")["recipe"]["prompt"] == "a other"
    client.delete("/api/v1/wildcards/mine")
    refused = client.post("/api/v1/jobs", json={"recipe": {"negative_prompt": "a __mine__"}})
    assert refused.status_code == 422
    assert refused.json()["error"]["field"] == "negative_prompt" and refused.json()["error"]["column"] == 3


def test_a_repeated_order_of_a_template_is_harmless(client: httpx.Client) -> None:
    more = {"id": "again"}
    first = ordered(client, 2, more, prompt="a {x|y|z} __animals__", seed=-1)
    assert ordered(client, 2, more, prompt="a {x|y|z} __animals__", seed=-1)["recipe"] == first["recipe"]
    answer = client.post("/api/v1/jobs", json={"count": 2, "id": "again", "recipe": {"prompt": "a {x|y}", "steps": 4}})
    assert answer.status_code == 409


def test_a_variation_keeps_the_words_of_its_picture(client: httpx.Client) -> None:
    job = wait_for_job(client, ordered(client, prompt=TEMPLATE, variation_strength=0.2, variation_seed=5)["id"])
    varied = client.post(f"/api/v1/images/{job['pictures'][0]['image_id']}/vary", json={"way": "like", "count": 3})
    assert {one["prompt"] for one in recipes(client, varied.json()["id"])} == {job["recipe"]["prompt"]}


def test_a_second_pass_says_what_the_first_does(client: httpx.Client) -> None:
    made = recipes(client, ordered(client, 3, prompt=TEMPLATE, hires_scale=2)["id"])
    assert all(one["hires_prompt"] == one["prompt"] for one in made)
    own = {"hires_prompt": f"{TEMPLATE}, sharp", "hires_scale": 2}
    made = recipes(client, ordered(client, 3, prompt=TEMPLATE, **own)["id"])
    assert all(one["hires_prompt"] == f"{one['prompt']}, sharp" for one in made)
    assert made[0]["templates"]["hires_prompt"] == f"{TEMPLATE}, sharp"


def test_a_matrix_is_one_job_of_one_seed(client: httpx.Client) -> None:
    job = ordered(client, 1, {"matrix": True}, prompt="a fox|in [snow|rain]|at night")
    assert job["count"] == 4
    made = recipes(client, job["id"])
    assert [one["prompt"] for one in made] == [
        "a fox", "a fox, in [snow|rain]", "a fox, at night", "a fox, in [snow|rain], at night",
    ]  # fmt: skip
    assert {one["seed"] for one in made} == {10}
    two = recipes(client, ordered(client, 2, {"matrix": True}, prompt="{x|y} fox|b")["id"])
    assert [one["seed"] for one in two] == [10, 11, 10, 11]
    assert two[0]["prompt"] == two[2]["prompt"].removesuffix(", b")
    refused = client.post("/api/v1/jobs", json={"matrix": True, "recipe": {"prompt": "|".join("abcdefghijklmnop")}})
    assert refused.status_code == 422 and "32,768 combinations" in refused.json()["error"]["message"]


def test_a_batch_is_all_or_nothing(client: httpx.Client) -> None:
    before = len(client.get("/api/v1/jobs?limit=500").json()["jobs"])
    lines = 'a red fox\n\n# later\n--prompt "a blue fox" --steps 5 --seed 9 --n_iter 2\n'
    bad = {"id": "batch", "recipe": {"steps": 4}, "lines": f"{lines}--steps 0 --prompt x"}
    refused = client.post("/api/v1/batches", json=bad)
    assert refused.status_code == 422
    assert refused.json()["error"]["field"] == "lines" and "line 5: steps: 0 is out of range" in refused.text
    assert len(client.get("/api/v1/jobs?limit=500").json()["jobs"]) == before
    order = {"id": "batch", "recipe": {"steps": 4, "prompt": "flat {prompt}"}, "lines": lines}
    jobs = client.post("/api/v1/batches", json=order).json()["jobs"]
    assert [(job["id"], job["count"]) for job in jobs] == [("batch-1", 1), ("batch-4", 2)]
    assert client.post("/api/v1/batches", json=order).status_code == 202
    made = [one for job in jobs for one in recipes(client, job["id"])]
    assert [(one["prompt"], one["steps"]) for one in made] == [
        ("flat a red fox", 4), ("flat a blue fox", 5), ("flat a blue fox", 5),
    ]  # fmt: skip
    assert [one["seed"] for one in made][1:] == [9, 10]


def test_wildcards_are_read_and_changed(client: httpx.Client) -> None:
    made = client.put("/api/v1/wildcards/sets/b", json={"text": "x\n3::y\n"})
    assert made.json()["names"] == [{"name": "sets/b", "entries": 2}]
    assert client.get("/api/v1/wildcards/sets/b.txt").json()["text"] == "x\n3::y\n"
    listed = {file["file"]: file for file in client.get("/api/v1/wildcards").json()["files"]}
    assert listed["sets/b.txt"]["own"] and listed["animals.txt"]["ships"]
    wrong = client.put("/api/v1/wildcards/sets/b", json={"text": "ok\n{x"})
    assert wrong.status_code == 422 and "line 2" in wrong.json()["error"]["message"]
    assert client.put("/api/v1/wildcards/..%2F..%2Fx", json={"text": "x"}).status_code in (400, 404, 422)
    assert client.delete("/api/v1/wildcards/sets/b").status_code == 204
    assert client.delete("/api/v1/wildcards/sets/b").status_code == 404
    assert client.delete("/api/v1/wildcards/animals").status_code == 422


def test_prompts_of_before_are_those_that_were_typed(client: httpx.Client) -> None:
    for prompt in ("an old {one|two}", "a newer thing", "an old {one|two}"):
        ordered(client, 2, prompt=prompt, negative_prompt="text")
    found = client.get("/api/v1/prompts/history?search=text").json()["prompts"]
    assert [(one["prompt"], one["pictures"]) for one in found[:2]] == [("an old {one|two}", 4), ("a newer thing", 2)]
    assert found[0]["negative_prompt"] == "text" and found[0]["last_used"] > found[1]["last_used"]
    assert len(client.get("/api/v1/prompts/history?search=newer+THING").json()["prompts"]) == 1
    assert len(client.get("/api/v1/prompts/history?limit=1").json()["prompts"]) == 1


def understood(client: httpx.Client, text: str, **more: object) -> dict[str, Any]:
    answer = client.post("/api/v1/prompts/understand", json={"text": text, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_how_a_prompt_is_understood(client: httpx.Client) -> None:
    said = understood(client, "a (fox:1.2) [in snow:in rain:0.5] AND night :0.5", steps=20)
    assert [part["weight"] for part in said["parts"]] == [1.0, 0.5]
    stages = said["parts"][0]["stages"]
    assert [(stage["first_step"], stage["last_step"]) for stage in stages] == [(1, 11), (12, 20)]
    assert [(piece["text"], piece["weight"]) for piece in stages[0]["chunks"][0]["pieces"]] == [
        ("a ", 1.0), ("fox", 1.2), (" in snow", 1.0),
    ]  # fmt: skip
    assert said["tokens"]["capacity"] == 75 and said["marks"] == []
    long = understood(client, "cat " * 80 + "BREAK dog")["parts"][0]["stages"][0]["chunks"]
    assert [chunk["used"] for chunk in long] == [75, 5, 1]
    assert long[2]["pieces"][0]["text"] == "dog" and len(long[0]["pieces"][0]["text"].split()) == 75


@pytest.mark.parametrize(
    ("text", "kind", "marked", "words"),
    [
        ("a (x:1.2.3)", "problem", "1.2.3", "not a number"),
        ("a {b|c", "problem", "{b|c", "never closed"),
        ("a __nothing__ b", "problem", "__nothing__", "There is no wildcard"),
        ("{a|b} <lora:nope:1>", "problem", "<lora:nope:1>", "nope"),
        ("a (b", "remark", "(b", "never closed"),
        ("a # b c\nd", "remark", "# b c", "comment"),
    ],
)
def test_what_is_wrong_is_marked_where_it_stands(
    client: httpx.Client, text: str, kind: str, marked: str, words: str
) -> None:
    (mark,) = understood(client, text)["marks"]
    assert (mark["kind"], text[mark["start"] : mark["end"]]) == (kind, marked)
    assert words in mark["message"]


def test_an_example_of_a_template_is_that_of_the_seed(client: httpx.Client) -> None:
    said = understood(client, TEMPLATE, seed=10)
    job = ordered(client, prompt=TEMPLATE, seed=10)
    assert said["template"] and said["text"] == job["recipe"]["prompt"]
    assert understood(client, TEMPLATE, seed=10, field="negative_prompt")["text"] != said["text"]
