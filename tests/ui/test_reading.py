"""Reading a picture on the page: chosen or dropped, told what is here, and put into the form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from studio.pictures.texts import texts_in
from tests.dialects.recorded import FORGE, comfy
from tests.dialects.test_programs import png
from tests.ui.conftest import OpenPage, make

pytestmark = pytest.mark.browser

DROP = """({selector, name, data}) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
  transfer.items.add(new File([bytes], name, {type: "image/png"}));
  document.body.dispatchEvent(new DragEvent("dragover", {bubbles: true, cancelable: true, dataTransfer: transfer}));
  const shown = !document.querySelector("#drop-veil").hidden;
  document.querySelector(selector).dispatchEvent(
    new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: transfer}));
  return shown;
}"""


def drop(page: Page, data: bytes, selector: str) -> bool:
    import base64

    encoded = base64.b64encode(data).decode()
    return bool(page.evaluate(DROP, {"selector": selector, "name": "other.png", "data": encoded}))


def shown(page: Page, name: str) -> str:
    return page.input_value(f"#field-{name} :is(input, textarea)")


def test_a_chosen_picture_says_what_it_was_made_with_and_fills_the_form(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    file = tmp_path / "other.png"
    file.write_bytes(png({"prompt": json.dumps(comfy()), "workflow": "{}"}))
    with page.expect_file_chooser() as chooser:
        page.click("text=Read a picture…")
    chooser.value.set_files(file)
    panel = page.locator("#reading")
    expect(panel.locator("h2")).to_have_text("Made with ComfyUI")
    expect(panel.locator(".has li", has_text="checkpoint “toy-a” is here")).to_be_visible()
    expect(panel.locator(".lacks li")).to_have_text("The LoRA “glow” is not here. It is left out.")
    page.click("text=Use these settings")
    expect(panel).to_be_hidden()
    expect(page.locator("#field-prompt textarea")).to_have_value("beautiful scenery, bottle")
    assert (shown(page, "steps"), shown(page, "guidance_scale"), shown(page, "clip_skip")) == ("20", "8", "2")
    page.click(".toast-action:has-text('Undo')")
    expect(page.locator("#field-prompt textarea")).to_have_value("")


def test_a_dropped_picture_is_read_or_started_from(open_page: OpenPage) -> None:
    page = open_page()
    picture = png({"parameters": FORGE})
    for place in ("#drop-veil [data-drop=read]", "#field-prompt textarea"):
        assert drop(page, picture, place)
        expect(page.locator("#reading h2")).to_have_text("Made with Forge")
        page.click("#reading >> text=Close")
    assert drop(page, png({}), "#drop-veil [data-drop=read]")
    expect(page.locator("#reading")).to_contain_text("does not say how it was made")
    assert page.locator("#reading >> text=Use these settings").count() == 0
    page.click("#reading >> text=Close")
    drop(page, picture, "#drop-veil [data-drop=source]")
    expect(page.locator("#source-slot")).to_have_attribute("data-state", "full")


def test_downloads_have_the_chosen_format_and_carry_the_recipe(open_page: OpenPage) -> None:
    page = open_page()
    make(page, "a travelling fox", seed=6)
    page.click(".tile-open")
    page.select_option("#viewer .format", "webp")
    with page.expect_download() as saved:
        page.click("#viewer [aria-label=Download]")
    assert saved.value.suggested_filename.endswith(".webp")
    assert "a travelling fox" in texts_in(Path(saved.value.path()).read_bytes())["parameters"]
    page.keyboard.press("Escape")
    with page.expect_download() as saved:
        page.click(".tile [aria-label=Download]")
    assert saved.value.suggested_filename.endswith(".webp")
