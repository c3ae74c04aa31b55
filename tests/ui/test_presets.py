"""The strip of presets in a real browser: laid on, told apart, taken off, saved, handed on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.servers import Server
from tests.ui.conftest import PHONE, OpenPage, Watch, make, wait_until_ready

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def clean(server: Server) -> Iterator[None]:
    """Each test begins without presets of one's own."""
    yield
    with server.client() as client:
        for preset in client.get("/api/v1/presets").json()["presets"]:
            if preset["origin"] == "own":
                client.delete(f"/api/v1/presets/{preset['name']}")


def lay(page: Page, name: str) -> None:
    page.click(f"#preset-strip [data-preset='{name}']")
    expect(page.locator(f"[data-layer='{name}']")).to_be_visible()


def badge(page: Page, field: str) -> str | None:
    found: str | None = page.evaluate(
        "field => document.querySelector(`#field-${field} [data-set-by]`)?.dataset.setBy ?? null", field
    )
    return found


def prompt(page: Page) -> str:
    return page.input_value("#field-prompt textarea")


def test_two_are_stacked_told_apart_and_undone(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#field-prompt textarea", "pizza")
    lay(page, "starter-candy")
    expect(page.locator("#field-prompt textarea")).to_have_value("3d pizza on a pink background")
    page.select_option("#preset-family", "Effort")
    lay(page, "quick-sketch")
    expect(page.locator("#field-steps input")).to_have_value("12")
    assert (badge(page, "prompt"), badge(page, "steps"), badge(page, "sampler")) == (
        "Candy",
        "Quick sketch",
        "Quick sketch",
    )
    assert badge(page, "guidance_scale") is None
    assert page.locator(".preset-name").all_inner_texts() == ["Candy", "Quick sketch"]
    page.fill("#field-steps input", "9")
    page.wait_for_function("!document.querySelector('#field-steps [data-set-by]')")
    lay(page, "careful-finish")
    expect(page.locator("#field-steps input")).to_have_value("30")
    page.click("#preset-undo")
    expect(page.locator("#field-steps input")).to_have_value("9")
    page.click("[data-layer='starter-candy'] .preset-remove")
    expect(page.locator("#field-prompt textarea")).to_have_value("pizza")
    page.reload()
    wait_until_ready(page)
    assert (
        page.locator(".preset-name").all_inner_texts() == ["Quick sketch"] and badge(page, "sampler") == "Quick sketch"
    )
    page.click("[data-layer='quick-sketch'] .preset-remove")
    expect(page.locator(".preset-chip")).to_have_count(0)
    expect(page.locator("#field-steps input")).to_have_value("9")


def test_words_typed_while_a_preset_is_laid_on_stay(open_page: OpenPage) -> None:
    """The studio answers a moment later; what the preset says nothing of is the person's."""
    page = open_page()
    held: list[Route] = []
    page.route("**/gradio_api/**", lambda route: held.append(route) if not held else route.continue_())
    page.select_option("#preset-family", "Effort")
    page.click("#preset-strip [data-preset='quick-sketch']")
    page.wait_for_timeout(100)
    page.fill("#field-prompt textarea", "a heron")
    page.wait_for_timeout(300)
    assert held
    held[0].continue_()
    expect(page.locator("#field-steps input")).to_have_value("12")
    assert prompt(page) == "a heron"


def test_the_order_can_be_changed_by_button_and_keys(open_page: OpenPage) -> None:
    page = open_page()
    lay(page, "quick-sketch")
    lay(page, "careful-finish")
    expect(page.locator("#field-steps input")).to_have_value("30")
    page.click("[data-layer='careful-finish'] .move-1")
    expect(page.locator("#field-steps input")).to_have_value("12")
    assert page.locator(".preset-name").all_inner_texts() == ["Careful finish", "Quick sketch"]
    page.focus("[data-layer='careful-finish'] .preset-name")
    page.keyboard.press("Alt+ArrowRight")
    expect(page.locator("#field-steps input")).to_have_value("30")
    expect(page.locator("[data-layer='careful-finish'] .preset-name")).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.locator("#field-steps input")).to_have_value("12")


def test_the_order_placed_is_what_the_form_shows(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    lay(page, "quick-sketch")
    make(page, "a heron in reeds")
    with server.client() as client:
        [newest] = client.get("/api/v1/images?limit=1").json()["images"]
    assert (newest["prompt"], newest["steps"], newest["sampler"]) == ("a heron in reeds", 12, "Euler a")


def test_it_is_found_by_family_search_and_keys(open_page: OpenPage) -> None:
    page = open_page()
    page.select_option("#preset-family", "Light")
    assert page.locator("#preset-strip [data-preset]").count() == 6
    page.fill("#preset-search", "candle")
    expect(page.locator("#preset-strip [data-preset]")).to_have_count(1)
    page.press("#preset-search", "ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("[data-layer='candlelight']")).to_be_visible()
    expect(page.locator("#preset-note")).to_contain_text("One small flame")
    page.fill("#preset-search", "nothing at all")
    expect(page.locator("#preset-strip")).to_contain_text("No preset has")
    broken = page.evaluate(
        "[...document.querySelectorAll('#preset-strip img')].filter((one) => one.complete && !one.naturalWidth).length"
    )
    assert broken == 0


def test_a_broken_one_is_named_in_place_and_a_new_file_needs_no_restart(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    folder = server.home / "presets"
    folder.mkdir(exist_ok=True)
    file = folder / "furry.toml"
    file.write_text('title = "Furry"\n[recipe]\nprompt = "{prompt} <lora:fur:1>"')
    page.reload()
    wait_until_ready(page)
    page.click("[data-preset='furry']")
    expect(page.locator("#preset-note")).to_contain_text("Furry cannot be used: prompt:")
    assert page.locator(".preset-chip").count() == 0
    lay(page, "quick-sketch")
    file.unlink()


def test_saved_from_the_form_and_found_in_the_strip(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("409")
    page = open_page()
    page.fill("#field-prompt textarea", "pizza")
    page.fill("#field-negative_prompt textarea", "text")
    lay(page, "starter-candy")
    page.fill("#field-steps input", "17")
    page.click("#preset-save")
    expect(page.locator("#preset-save-prompt")).to_have_value("3d {prompt} on a pink background")
    page.fill("#preset-save-title", "Sweet things")
    page.click("#preset-dialog [type=submit]")
    expect(page.locator("#preset-strip [data-preset='sweet-things']")).to_be_visible()
    assert page.input_value("#preset-family") == " mine"
    page.click("#preset-save")
    page.fill("#preset-save-title", "Sweet things")
    page.click("#preset-dialog [type=submit]")
    expect(page.locator("#preset-dialog .field-error")).to_contain_text("already")
    page.click("#preset-dialog .field-error button")
    expect(page.locator("#preset-dialog")).to_be_hidden()
    page.click("[data-act=reset]")
    expect(page.locator("#field-prompt textarea")).to_have_value("")
    lay(page, "sweet-things")
    expect(page.locator("#field-prompt textarea")).to_have_value("3d pizza on a pink background")
    assert page.input_value("#field-steps input") == "17"


def test_saved_from_a_picture_out_and_in_again(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    make(page, "a heron in ink", steps=5, seed=4)
    page.click(".tile-open")
    page.click("#viewer [data-save-preset]")
    page.fill("#preset-save-title", "Heron ink")
    area = page.locator("#preset-save-prompt")
    area.evaluate("area => area.setSelectionRange(0, 7)")
    page.click(".preset-hint button")
    expect(area).to_have_value("{prompt} in ink")
    page.click("#preset-dialog [type=submit]")
    tile = page.locator("#preset-strip [data-preset='heron-ink']")
    expect(tile).to_be_visible()
    page.click("[data-preset-details='heron-ink']")
    with page.expect_download() as download:
        page.click("#preset-dialog a[download]")
    kept = tmp_path / "heron-ink.toml"
    download.value.save_as(kept)
    assert "thumbnail" in kept.read_text()
    page.click(".preset-delete")
    expect(tile).to_have_count(0)
    page.set_input_files("#preset-file", kept)
    expect(tile).to_be_visible()
    page.fill("#field-prompt textarea", "two owls")
    lay(page, "heron-ink")
    expect(page.locator("#field-prompt textarea")).to_have_value("two owls in ink")
    assert page.input_value("#field-steps input") == "5"
    page.wait_for_function("document.querySelector('[data-preset=heron-ink] img').naturalWidth > 0")


def test_of_a_prompt_that_a_preset_wrote_its_words_are_kept_apart(open_page: OpenPage) -> None:
    page = open_page()
    make(page, "flat rocket on a white background", steps=2)
    page.click(".tile-open")
    page.click("#viewer [data-save-preset]")
    expect(page.locator("#preset-save-prompt")).to_have_value("flat {prompt} on a white background")


def test_deleting_can_be_undone_and_a_title_changed(open_page: OpenPage, server: Server) -> None:
    with server.client() as client:
        client.post("/api/v1/presets", json={"title": "Mine", "recipe": {"steps": 6}})
    page = open_page()
    lay(page, "mine")
    page.click("[data-layer='mine'] .preset-name")
    page.click(".preset-changing summary")
    page.fill(".preset-changing [name=title]", "Yours")
    page.press(".preset-changing [name=title]", "Tab")
    expect(page.locator("#preset-dialog h2")).to_have_text("Yours")
    page.click(".preset-delete")
    expect(page.locator("[data-origin=own]")).to_have_count(0)
    expect(page.locator("#field-steps input")).to_have_value("")
    page.click(".toast-action")
    expect(page.locator("[data-origin=own]")).to_have_count(1)
    expect(page.locator("[data-origin=own]")).to_contain_text("Yours")


def test_styles_are_imported(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    file = tmp_path / "styles.csv"
    file.write_text('name,prompt,negative_prompt\nPencil,"pencil, {prompt}",colour\nChalk,chalk,\n')
    page.set_input_files("#preset-file", file)
    expect(page.locator("[data-preset='pencil']")).to_be_visible()
    page.fill("#field-prompt textarea", "a cat")
    lay(page, "pencil")
    lay(page, "chalk")
    expect(page.locator("#field-prompt textarea")).to_have_value("pencil, a cat, chalk")
    assert page.input_value("#field-negative_prompt textarea") == "colour"


def test_a_form_begins_with_ones_default(open_page: OpenPage, server: Server) -> None:
    body = {"title": "As I like it", "recipe": {"negative_prompt": "text"}, "default_for": "any"}
    with server.client() as client:
        client.post("/api/v1/presets", json=body)
    page = open_page()
    expect(page.locator("#field-negative_prompt textarea")).to_have_value("text")
    expect(page.locator("[data-layer='as-i-like-it'][data-automatic]")).to_be_visible()
    page.click("[data-layer='as-i-like-it'] .preset-remove")
    expect(page.locator("#field-negative_prompt textarea")).to_have_value("")
    page.click("[data-act=reset]")
    expect(page.locator("#field-negative_prompt textarea")).to_have_value("text")


def test_on_a_phone_the_strip_stands_before_the_stage(open_page: OpenPage) -> None:
    page = open_page(**PHONE)
    page.tap("[data-preset='quick-sketch']")
    expect(page.locator("#field-steps input")).to_have_value("12")
    top = "selector => document.querySelector(selector).getBoundingClientRect().top"
    assert page.evaluate(top, "#preset-strip") < page.evaluate(top, "#stage") < page.evaluate(top, "#field-steps")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
