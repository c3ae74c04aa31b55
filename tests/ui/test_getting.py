"""Getting models in a real browser, from a hub on loopback: over reloads, with drops, and for keepers only."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.library import header_files as files
from tests.library import pickles
from tests.library.fake_hub import FakeHub, served
from tests.library.header_files import write_header_file
from tests.servers import Server, running_server
from tests.toys import toy_checkpoint
from tests.ui.conftest import PHONE, OpenPage, Watch, wait_until_ready

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    there = tmp_path_factory.mktemp("hub") / "ink.safetensors"
    with served(FakeHub(write_header_file(there, files.SD1_INPAINTING).read_bytes())) as fake:
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hub: FakeHub) -> Iterator[Server]:
    """A studio of its own, whose hub is the one on loopback."""
    home = tmp_path_factory.mktemp("getting") / "home"
    environment = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.address, "NO_PROXY": "*"}
    with running_server(home, **environment) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(autouse=True)
def folder(server: Server, hub: FakeHub) -> Iterator[Path]:
    folder = server.home / "models"
    folder.mkdir(exist_ok=True)
    yield folder
    hub.pause_s = hub.drops = 0
    with server.client() as client:
        for _ in ("stop", "forget"):
            for one in client.get("/api/v1/models/arrivals").json()["arrivals"]:
                client.delete(f"/api/v1/models/arrivals/{one['id']}")
    for file in folder.iterdir():
        shutil.rmtree(file) if file.is_dir() else file.unlink()


def fetch(page: Page, model: str) -> None:
    page.click("#models-get")
    page.fill("#hub-model", model)
    page.keyboard.press("Enter")
    page.locator(".hub-found").get_by_role("button", name="Fetch ink.safetensors").click()


def test_a_download_goes_on_over_a_reload_and_a_drop(open_page: OpenPage, hub: FakeHub, folder: Path) -> None:
    hub.pause_s, hub.drops = 0.1, 1
    page = open_page("/#/models")
    fetch(page, "owner/name")
    bar = page.locator("#model-getting [role=progressbar]")
    expect(bar).to_be_visible()
    expect(page.locator(".hub-found")).to_contain_text("On its way")
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#models-arrivals .arrival")).to_contain_text("ink.safetensors")
    hub.pause_s = 0
    expect(page.locator(".arrival")).to_contain_text("it is in the library")
    expect(page.get_by_role("heading", name="ink", exact=True)).to_be_visible()
    assert [file.name for file in folder.iterdir()] == ["ink.safetensors"]
    page.click("#models-get")
    expect(page.locator(".getting-row[data-model=sdxl]")).to_contain_text("6.90 GB · CreativeML Open RAIL++-M")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Dismiss: ink.safetensors").click()
    expect(page.locator("#models-arrivals")).to_be_hidden()


def test_it_is_stopped_and_gone_on_with_by_keyboard(open_page: OpenPage, hub: FakeHub) -> None:
    hub.pause_s = 0.1
    page = open_page("/#/models")
    fetch(page, "owner/name")
    page.keyboard.press("Escape")
    expect(page.locator("#models-get")).to_be_focused()
    page.locator("#models-arrivals").get_by_role("button", name="Stop").focus()
    page.wait_for_function("document.querySelector('#models-arrivals .arrival').textContent.includes('/s')")
    page.keyboard.press("Enter")
    expect(page.locator("#models-arrivals .arrival")).to_contain_text("came and are kept")
    hub.pause_s = 0
    page.locator("#models-arrivals").get_by_role("button", name="Go on").press("Enter")
    expect(page.locator("#models-arrivals .arrival")).to_contain_text("it is in the library")
    assert hub.ranges[-1].startswith("bytes=")


def test_a_whole_pipeline_is_fetched_as_a_folder(
    open_page: OpenPage, hub: FakeHub, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    toy = toy_checkpoint(tmp_path_factory.mktemp("toys") / "toy")
    whole = {file.relative_to(toy).as_posix(): file.read_bytes() for file in toy.rglob("*") if file.is_file()}
    half = {path.replace(".safe", ".fp16.safe"): data for path, data in whole.items() if path.endswith("tensors")}
    index = {"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer2DModel"]}
    hub.repositories = {
        "owner/toy": whole | half,
        "owner/flux": {
            "model_index.json": json.dumps(index).encode(),
            "transformer/config.json": b"{}",
            "transformer/diffusion_pytorch_model.safetensors": hub.content,
        },
    }
    page = open_page("/#/models", **PHONE)
    page.click("#models-get")
    page.fill("#hub-model", "owner/flux")
    page.keyboard.press("Enter")
    expect(page.locator(".hub-found .model-problem")).to_contain_text("It is a Flux checkpoint")
    page.fill("#hub-model", "owner/toy")
    page.keyboard.press("Enter")
    found = page.locator(".hub-found")
    expect(found).to_contain_text("half precision (fp16)")
    expect(found).to_contain_text("Single files of it (6)")
    assert page.evaluate("document.querySelector('#model-getting').scrollWidth") <= 390
    hub.pause_s = 0.02
    found.get_by_role("button", name="Fetch toy", exact=True).click()
    expect(found).to_contain_text("On its way")
    hub.pause_s = 0
    expect(page.locator("#model-getting .arrival")).to_contain_text("it is in the library")
    expect(found.locator(".getting-row").first).to_contain_text("Here")
    expect(found.get_by_role("button", name="Fetch toy-fp16")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="toy", exact=True)).to_be_visible()
    assert [place.name for place in folder.iterdir()] == ["toy"]


def test_no_answer_is_one_sentence(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("422")
    page = open_page("/#/models", **PHONE)
    page.click("#models-get")
    page.fill("#hub-model", "nonsense")
    with page.expect_response(lambda answer: "/models/hub" in answer.url):
        page.get_by_role("button", name="Look", exact=True).click()
    expect(page.locator(".hub-found .reason")).to_contain_text("is no model on the hub")
    assert page.evaluate("document.querySelector('#model-getting').scrollWidth") <= 390
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_pickle_is_converted_after_asking(open_page: OpenPage, folder: Path) -> None:
    pickles.archive_of_small_state(folder / "old.ckpt")
    page = open_page("/#/models")
    page.click("text=Convert…")
    expect(page.locator("#question")).to_contain_text("the pickle stays")
    page.click("#question >> text=Leave it")
    page.click("text=Convert…")
    page.locator("#question").get_by_role("button", name="Convert", exact=True).click()
    expect(page.locator(".arrival")).to_contain_text("Made of old.ckpt")
    expect(page.get_by_role("heading", name="old", exact=True)).to_be_visible()
    expect(page.get_by_text("Convert…")).to_have_count(0)
    expect(page.get_by_role("heading", name="old.ckpt", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Details of old", exact=True).click()
    expect(page.locator("#model-details")).to_contain_text("Made of")
    assert sorted(file.name for file in folder.iterdir()) == ["old.ckpt", "old.safetensors"]


def test_all_pickles_are_converted_and_the_rest_can_be_stopped(open_page: OpenPage, folder: Path) -> None:
    for number in range(7):
        pickles.archive_of_small_state(folder / f"old{number}.ckpt", number)
    page = open_page("/#/models", **PHONE)
    expect(page.locator(".models-pickles")).to_contain_text("7 models")
    page.click("text=Convert all…")
    expect(page.locator("#question")).to_contain_text("Convert 7 models?")
    expect(page.locator("#question")).to_contain_text("are free there")
    page.locator("#question").get_by_role("button", name="Convert all", exact=True).click()
    expect(page.locator(".arrival-all")).to_contain_text("more waiting")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator(".arrival[data-state=done]")).to_have_count(1, timeout=30_000)
    page.get_by_role("button", name="Stop all").click()
    expect(page.locator(".arrival[data-state]:not([data-state=done])")).to_have_count(0)
    expect(page.locator(".models-pickles")).not_to_contain_text("7 models")
    made = len(list(folder.glob("*.safetensors")))
    assert 1 <= made < 7 and len(list(folder.glob("*.ckpt"))) == 7
