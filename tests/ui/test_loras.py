"""LoRAs beside the prompt in a real browser: chips follow the text and write into it, by keyboard and on a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.library import header_files as files
from tests.library.header_files import write_header_file
from tests.servers import Server
from tests.ui.conftest import PHONE, OpenPage

pytestmark = pytest.mark.browser

PROMPT = "#field-prompt textarea"


@pytest.fixture(autouse=True)
def folder(server: Server) -> Iterator[Path]:
    folder = server.home / "models"
    folder.mkdir(exist_ok=True)
    for name in ("wash", "lines"):
        words = {"ss_tag_frequency": json.dumps({"1_x": {f"{name} style": 3}})}
        write_header_file(folder / f"{name}.safetensors", files.LORA_SD1, metadata=words)
    write_header_file(folder / "grand.safetensors", files.LORA_SDXL)
    with server.client() as client:
        client.get("/api/v1/models", params={"refresh": True})
    yield folder
    for file in folder.iterdir():
        file.unlink()


def chips(page: Page) -> list[str]:
    return page.locator(".lora-name").all_inner_texts()


def test_several_are_chosen_by_keyboard_and_taken_off_again(open_page: OpenPage) -> None:
    page = open_page()
    page.fill(PROMPT, "a cat")
    page.locator("#loras-add").press("Enter")
    expect(page.locator(".lora-entry[data-lora=grand]")).to_be_disabled()
    expect(page.locator(".lora-row", has_text="grand")).to_contain_text("Made for SDXL; the checkpoint is SD 1.x")
    page.keyboard.type("wash")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".lora-entry[data-lora=wash]")).to_have_attribute("aria-pressed", "true")
    page.click(".lora-row >> text=wash style")
    page.fill("#lora-choice input[type=search]", "")
    page.click(".lora-entry[data-lora=lines]")
    page.keyboard.press("Escape")
    expect(page.locator(PROMPT)).to_have_value("a cat, wash style <lora:wash:1> <lora:lines:1>")
    assert chips(page) == ["wash", "lines"]
    page.get_by_role("button", name="Take wash out of the prompt").press("Enter")
    expect(page.locator(PROMPT)).to_have_value("a cat, wash style <lora:lines:1>")
    page.keyboard.press("Enter")
    expect(page.locator(PROMPT)).to_have_value("a cat, wash style")
    expect(page.locator("#loras-add")).to_be_focused()


def test_one_is_put_on_with_the_weight_that_stands_on_its_card(
    open_page: OpenPage, folder: Path, server: Server
) -> None:
    (folder / "wash.json").write_text(json.dumps({"activation text": "wet wash", "preferred weight": 0.55}))
    with server.client() as client:
        client.get("/api/v1/models", params={"refresh": True})
    page = open_page()
    page.locator("#loras-add").click()
    expect(page.locator(".lora-row", has_text="wash")).to_contain_text("weight 0.55")
    page.click(".lora-row >> text=wet wash")
    page.click(".lora-entry[data-lora=wash]")
    page.keyboard.press("Escape")
    expect(page.locator(PROMPT)).to_have_value("wet wash <lora:wash:0.55>")
    page.fill(PROMPT, "")
    page.locator(PROMPT).press_sequentially("<lora:was")
    expect(page.locator("#completions [role=option]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(PROMPT)).to_have_value("<lora:wash:0.55>")


def test_weights_and_text_say_the_same(open_page: OpenPage) -> None:
    page = open_page()
    page.fill(PROMPT, "a cat <lora:wash:0.5>, a dog <lora:lines:0.2:0.9>")
    expect(page.locator(".lora-weight")).to_have_text(["0.5", "0.9 / 0.2"])
    page.click(".lora-open >> nth=0")
    page.fill("input[aria-label=Weight]", "0.75")
    expect(page.locator(PROMPT)).to_have_value("a cat <lora:wash:0.75>, a dog <lora:lines:0.2:0.9>")
    page.check(".lora-apart input")
    page.fill("input[aria-label='Words (text encoder)']", "0")
    expect(page.locator(PROMPT)).to_have_value("a cat <lora:wash:0:0.75>, a dog <lora:lines:0.2:0.9>")
    page.uncheck(".lora-apart input")
    expect(page.locator(PROMPT)).to_have_value("a cat <lora:wash:0.75>, a dog <lora:lines:0.2:0.9>")
    page.locator("input[aria-label='Slider of Weight']").evaluate(
        "slider => { slider.value = 1.2; slider.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    expect(page.locator(".lora-weight").first).to_have_text("1.2")
    page.fill(PROMPT, "a dog <lora:lines:0.3> <lora:gone:1>")
    expect(page.locator(".lora-weight")).to_have_text(["0.3", "1"])
    expect(page.locator(".lora-chip.trouble")).to_contain_text("gone")


def test_a_reload_and_a_filled_form_bring_the_chips(open_page: OpenPage) -> None:
    page = open_page()
    page.fill(PROMPT, "a cat <lora:wash:0.5>")
    page.wait_for_function("(localStorage['latent-studio.form'] ?? '').includes('lora:wash')")
    page.reload()
    expect(page.locator(".lora-weight")).to_have_text("0.5")
    page.click("text=Set everything back")
    expect(page.locator(".lora-chip")).to_have_count(0)


def test_it_fits_a_phone(open_page: OpenPage) -> None:
    page = open_page("/", **PHONE)
    page.fill(PROMPT, f"a cat <lora:{'very-long-' * 9}:1>")
    page.tap("#loras-add")
    page.tap(".lora-entry[data-lora=wash]")
    page.locator("#lora-choice [aria-label=Close]").tap()
    page.tap(".lora-open >> nth=1")
    expect(page.locator(".lora-editor")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator(".lora-open").nth(1).bounding_box()["height"] >= 38  # type: ignore[index]
