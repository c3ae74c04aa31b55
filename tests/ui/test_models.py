"""The Models page in a real browser: cards come and go by themselves, and say what is wrong where it is."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from tests.library import header_files as files
from tests.library.header_files import spoil, write_header_file
from tests.library.pickles import small_state
from tests.servers import Server, wait_for_job
from tests.ui.conftest import PHONE, OpenPage, Watch, make, wait_until_ready

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def folder(server: Server) -> Iterator[Path]:
    """The models folder of the running studio, emptied afterwards."""
    folder = server.home / "models"
    folder.mkdir(exist_ok=True)
    yield folder
    for file in folder.iterdir():
        shutil.rmtree(file) if file.is_dir() else file.unlink()


def names(page: Page) -> list[str]:
    return page.locator(".model h3").all_inner_texts()


def card(page: Page, name: str) -> object:
    return page.locator(".model", has=page.locator("h3", has_text=name))


def put_lora(folder: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (600, 300), "teal").save(picture, "PNG")
    metadata = {
        "ss_tag_frequency": json.dumps({"1_x": {"inked lines": 9, MARKUP: 3}}),
        "modelspec.description": MARKUP,
        "ss_output_name": "ink_old",
    }
    write_header_file(folder / "ink.safetensors", files.LORA_SD1, metadata=metadata)
    (folder / "ink.png").write_bytes(picture.getvalue())


def test_what_lies_there_appears_without_a_reload(open_page: OpenPage, folder: Path) -> None:
    page = open_page("/#/models")
    page.wait_for_selector(".model h3")
    assert "starter" in names(page) and "toy-a" in names(page)
    put_lora(folder)
    write_header_file(folder / "flux.safetensors", files.FLUX_DEV)
    os.truncate(write_header_file(folder / "cut.safetensors", files.SD1), 9_000)
    for name, words in (("flux", "Flux checkpoint, which the studio recognises"), ("cut", "The file is cut short")):
        expect(card(page, name).locator(".model-problem")).to_contain_text(words)  # type: ignore[attr-defined]
        expect(card(page, name).locator(".model-actions button")).to_have_count(0)  # type: ignore[attr-defined]
    inked = page.locator(".model", has=page.get_by_role("heading", name="ink", exact=True)).locator(".model-open img")
    expect(inked).to_have_js_property("naturalWidth", 384)
    (folder / "cut.safetensors").unlink()
    expect(page.locator(".model h3", has_text="cut")).to_have_count(0)


def test_kinds_families_and_words_narrow_it_down(open_page: OpenPage, folder: Path) -> None:
    put_lora(folder)
    write_header_file(folder / "neon.safetensors", files.LORA_SDXL)
    page = open_page("/#/models/lora")
    page.wait_for_selector("text=neon")
    assert names(page) == ["ink", "neon", "starter-ink"]
    page.select_option("#models-family", "sdxl")
    page.wait_for_function("document.querySelectorAll('.model').length === 1")
    assert names(page) == ["neon"]
    page.select_option("#models-family", "")
    page.keyboard.press("Escape")
    page.fill("#models-search", "lines inked")
    page.wait_for_function("document.querySelectorAll('.model').length === 1")
    assert names(page) == ["ink"]
    page.fill("#models-search", MARKUP + "nothing")
    expect(page.locator("#models-note h2")).to_have_text("Nothing found")
    page.click("text=Show everything")
    page.wait_for_function("document.querySelectorAll('.model').length === 3")
    page.click("#models-kinds >> text=Checkpoints")
    page.wait_for_selector(".model h3 >> text=toy-a")
    assert "ink" not in names(page)


def test_a_folder_narrows_it_down_over_a_reload(open_page: OpenPage, folder: Path) -> None:
    for place in ("anime/faces/mika", "anime/line", "photo/grain"):
        write_header_file(folder / f"{place}.safetensors", files.LORA_SD1, metadata={"n": place})
    page = open_page("/#/models/lora", **PHONE)
    chosen = page.locator("#models-folder")
    expect(chosen).to_have_text(re.compile(r"All folders.*anime \(2\).*anime/faces \(1\).*photo \(1\)"))
    chosen.select_option("anime")
    expect(page.locator(".model h3")).to_have_text(["line", "mika"])
    page.reload()
    wait_until_ready(page)
    expect(chosen).to_have_value("anime")
    expect(page.locator(".model h3")).to_have_text(["line", "mika"])
    page.click("#models-kinds >> text=Checkpoints")
    expect(page.locator("#models-note")).to_contain_text("No model of this kind is of that family and in that folder")
    page.click("text=Show everything")
    expect(page.locator(".model h3", has_text="toy-a")).to_be_visible()
    page.reload()
    wait_until_ready(page)
    expect(chosen).to_have_value("")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_command_in_a_sentence_is_shown_as_code(open_page: OpenPage, folder: Path) -> None:
    torch.save(small_state(), folder / "old.pt")
    write_header_file(folder / "ink.safetensors", files.LORA_SD1)
    (folder / "ink.json").write_text(json.dumps({"preferred weight": f"`{MARKUP}`"}))
    page = open_page("/#/models")
    expect(card(page, "old").locator(".model-problem code")).to_have_text("studio models convert")  # type: ignore[attr-defined]
    expect(page.locator(".model-problem", has_text="`")).to_have_count(0)
    page.get_by_role("button", name="Details of ink", exact=True).click()
    expect(page.locator(".model-warning code")).to_have_text(MARKUP)
    assert not page.locator("#model-details img[src=x]").count(), "what others wrote stays text"


def test_a_lora_and_its_words_go_into_the_prompt(open_page: OpenPage, folder: Path) -> None:
    put_lora(folder)
    page = open_page()
    page.fill("#field-prompt textarea", "a cat")
    page.click("#header >> text=Models")
    page.click("[aria-label='Details of ink']")
    expect(page.locator(".details-theirs")).to_have_text(MARKUP)
    page.click(".chip >> text=inked lines")
    page.click("#model-details >> text=Insert into prompt")
    page.keyboard.press("Escape")
    page.click("#header >> text=Create")
    expect(page.locator("#field-prompt textarea")).to_have_value("a cat, inked lines <lora:ink:1>")


def test_words_and_weight_that_a1111_knows_and_those_of_ones_own(open_page: OpenPage, folder: Path) -> None:
    put_lora(folder)
    said = {"activation text": "sks style", "preferred weight": 0.65, "negative text": "photo"}
    (folder / "ink.json").write_text(json.dumps(said))
    page = open_page()
    page.click("#header >> text=Models")
    page.click("[aria-label='Details of ink']")
    details = page.locator("#model-details")
    details.get_by_role("button", name="sks style").click()
    details.get_by_role("button", name="photo").click()
    weight = details.get_by_label("Weight")
    expect(weight).to_have_attribute("placeholder", "0.65")
    details.get_by_label("Trigger words of your own").fill("mine (a, b), brush")
    page.keyboard.press("Tab")
    expect(details.locator(".chips >> nth=0").get_by_role("button")).to_have_text(["mine (a, b)", "brush"])
    expect(weight).to_be_focused()
    weight.fill("0.4")
    page.keyboard.press("Tab")
    expect(page.locator(".toast", has_text="Weight kept")).to_be_visible()
    expect(details.locator("dl div", has=page.get_by_text("Weight", exact=True))).to_contain_text("0.4")
    details.get_by_role("button", name="Insert into prompt").click()
    page.click("#header >> text=Create")
    expect(page.locator("#field-prompt textarea")).to_have_value("sks style <lora:ink:0.4>")
    expect(page.locator("#field-negative_prompt textarea")).to_have_value("photo")
    page.click("#header >> text=Models")
    page.click("[aria-label='Details of ink']")
    weight.fill("")
    page.keyboard.press("Tab")
    details.get_by_role("button", name="Insert into prompt").click()
    expect(page.locator(".toast").last).to_contain_text("That is in the prompt already")


def test_what_a_checkpoint_predicts_is_set_right(open_page: OpenPage, folder: Path, server: Server) -> None:
    page = open_page("/#/models/checkpoint")
    card(page, "toy-a").locator(".model-open").click()  # type: ignore[attr-defined]
    prediction = page.get_by_label("Prediction")
    expect(prediction).to_have_value("")
    prediction.select_option("v_prediction")
    page.get_by_label("It begins with").select_option("true")
    expect(page.get_by_label("It begins with")).to_have_value("true")
    page.keyboard.press("Escape")
    expect(card(page, "toy-a").locator(".traits")).to_contain_text("v-prediction")  # type: ignore[attr-defined]
    expect(card(page, "toy-a").locator(".traits")).to_contain_text("zero SNR")  # type: ignore[attr-defined]
    assert "zero_snr = true" in (server.home / "model-cards" / "toy-a.toml").read_text(encoding="utf-8")
    with server.client() as client:
        order = {"recipe": {"prompt": "a lighthouse", "checkpoint": "toy-a", "steps": 2}}
        wait_for_job(client, client.post("/api/v1/jobs", json=order).json()["id"])
    page.goto(f"{server.address}/#/gallery")
    page.locator("#gallery-grid .cell-open").first.click()
    expect(page.locator("#viewer .recipe")).to_contain_text("v-prediction, zero SNR")
    page.keyboard.press("Escape")
    page.wait_for_function("!history.state?.viewer")
    page.goto(f"{server.address}/#/models/checkpoint")
    card(page, "toy-a").locator(".model-open").click()  # type: ignore[attr-defined]
    prediction.select_option("")
    page.get_by_label("It begins with").select_option("")
    page.keyboard.press("Escape")
    expect(card(page, "toy-a").locator(".traits")).not_to_contain_text("zero SNR")  # type: ignore[attr-defined]
    (server.home / "model-cards" / "toy-a.toml").unlink()


def test_notes_and_settings_are_kept(open_page: OpenPage, folder: Path, server: Server) -> None:
    page = open_page()
    page.fill("#field-steps input", "31")
    page.keyboard.press("Tab")
    page.wait_for_function("JSON.parse(localStorage['latent-studio.form']).values.steps === 31")
    page.click("#header >> text=Models")
    page.click("[aria-label='Details of toy-b']")
    page.fill("#model-details textarea", "for tests only")
    page.click("text=Keep the form’s settings for it")
    expect(page.locator("#model-details")).to_contain_text("steps 31")
    page.keyboard.press("Escape")
    expect(card(page, "toy-b").locator(".model-note")).to_have_text("for tests only")  # type: ignore[attr-defined]
    page.click("#header >> text=Create")
    page.fill("#field-steps input", "7")
    page.click("#header >> text=Models")
    page.reload()
    wait_until_ready(page)
    card(page, "toy-b").get_by_role("button", name="Use", exact=True).click()  # type: ignore[attr-defined]
    expect(page.locator("#field-steps input[type=number]")).to_have_value("31")
    expect(page.locator("#field-checkpoint input")).to_have_value("toy-b")
    expect(page.locator(".toast")).to_contain_text("“toy-b” is in the form")
    assert "for tests only" in (server.home / "model-cards" / "toy-b.toml").read_text(encoding="utf-8")
    (server.home / "model-cards" / "toy-b.toml").unlink()


def test_a_file_is_checked_from_its_details(open_page: OpenPage, folder: Path) -> None:
    put_lora(folder)
    page = open_page("/#/models", **PHONE)
    page.get_by_role("button", name="Details of ink", exact=True).click()
    details = page.locator("#model-details")
    details.get_by_role("button", name="Check the file").press("Enter")
    expect(details).to_contain_text("It is sound")
    (folder / "ink.safetensors").write_bytes((folder / "ink.safetensors").read_bytes()[:3000])
    details.get_by_role("button", name="Check the file").press("Enter")
    expect(details.locator(".model-problem")).to_contain_text("cut short")
    assert page.evaluate("document.querySelector('#model-details').scrollWidth") <= 390


def test_all_are_checked_over_a_reload_and_it_stands_on_their_cards(
    open_page: OpenPage, folder: Path, server: Server
) -> None:
    put_lora(folder)
    large = write_header_file(folder / "large.safetensors", {**files.SD1, "filler": (2_000_000_000,)})
    page = open_page("/#/models")
    page.fill("#models-search", "ink")
    page.wait_for_function("document.querySelectorAll('.model').length === 2")
    checked = page.locator("#models-checks")
    for _ in ("while it is read again", "after it was spoilt"):
        page.click("#models-check")
        expect(page.locator("#question")).to_contain_text("Check 2 models?")
        page.locator("#question").get_by_role("button", name="Check", exact=True).click()
        expect(checked.locator("[data-state=done]")).to_be_visible()
        expect(card(page, "starter-ink").locator(".model-sound")).to_contain_text("Sound on")  # type: ignore[attr-defined]
        spoil(folder / "ink.safetensors")
    expect(checked).to_contain_text("2 models were checked: 1 is not sound")
    ink = page.locator(".model", has=page.get_by_role("heading", name="ink", exact=True))
    expect(ink.locator(".model-problem")).to_contain_text("Its bytes changed although size and time did not")
    expect(ink.get_by_role("button", name="Insert into prompt")).to_be_visible()
    checked.get_by_role("button", name="Dismiss").click()
    expect(checked).to_be_hidden()

    page.fill("#models-search", "large")
    page.wait_for_function("document.querySelectorAll('.model').length === 1")
    page.click("#models-check")
    page.locator("#question").get_by_role("button", name="Check", exact=True).click()
    expect(checked).to_contain_text("Checking")
    checked.get_by_role("button", name="Stop").press("Enter")
    expect(checked).to_contain_text("Stopped after 0 of 1 model")
    large.unlink()
    page.reload()
    wait_until_ready(page)
    expect(ink.locator(".model-problem")).to_be_visible()
    checked.get_by_role("button", name="Go on").click()
    expect(checked.locator(".arrival-problem")).to_contain_text("no longer there")
    with server.client() as client:
        client.delete("/api/v1/models/checks")


def test_a_picture_is_put_on_the_card_of_what_made_it(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    make(page, "a lighthouse")
    page.goto(f"{server.address}/#/gallery")
    page.locator("#gallery-grid .cell-open").first.click()
    button = page.locator("#viewer").get_by_role("button", name="Use as picture of")
    name = button.inner_text().removeprefix("Use as picture of ").strip()
    button.click()
    expect(page.locator(".toast", has_text=f"{name} shows this picture now")).to_be_visible()
    page.goto(f"{server.address}/#/models/checkpoint")
    shown = page.locator(".model", has=page.get_by_role("heading", name=name, exact=True))
    expect(shown.locator(".model-open img")).to_have_attribute("src", re.compile(r"thumbnail\?of=[0-9a-f]{16}$"))
    shown.locator(".model-open").click()
    page.get_by_role("button", name="Take this picture away").click()
    expect(page.get_by_role("button", name="Take this picture away")).to_have_count(0)
    assert not list((server.home / "model-cards" / "pictures").iterdir())


def test_on_a_phone_nothing_is_wider_than_the_screen(open_page: OpenPage, folder: Path) -> None:
    put_lora(folder)
    write_header_file(folder / f"{'a-very-long-name_' * 6}.safetensors", files.LOHA)
    page = open_page("/#/models", **PHONE)
    page.wait_for_selector("text=a-very-long-name")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.click("[aria-label='Details of ink']")
    assert page.evaluate("document.querySelector('#model-details').scrollWidth") <= 390


def test_a_checkpoint_without_a_vae_asks_for_one(open_page: OpenPage, folder: Path, watch: Watch) -> None:
    write_header_file(folder / "bare.safetensors", files.WITHOUT_VAE)
    write_header_file(folder / "soft.safetensors", files.VAE_ORIGINAL)
    watch.expected.append("422")
    page = open_page("/#/models/checkpoint")
    bare = page.locator(".model", has=page.get_by_role("heading", name="bare", exact=True))
    expect(bare.locator(".model-warning")).to_have_text(
        "It has no VAE of its own: choose one. Here for its family: soft."
    )
    bare.get_by_role("button", name="Use").click()
    expect(page.locator("#swap-cost")).to_contain_text("It has no VAE of its own: choose one under Advanced.")
    page.fill("#field-prompt textarea", "a cat")
    page.click("#generate")
    error = page.locator("#field-vae .field-error")
    expect(error).to_contain_text("so name the one for its family that is here (allowed: soft)")
    below = page.locator("#field-tiling").bounding_box()
    said = error.bounding_box()
    assert below is not None and said is not None and said["y"] + said["height"] <= below["y"], "it covers nothing"
    page.get_by_role("option", name="soft", exact=True).click()
    expect(page.locator("#swap-cost")).not_to_contain_text("VAE")
    page.click("#header >> text=Models")
    page.click("[aria-label='Details of bare']")
    page.get_by_label("Used with").select_option("soft")
    expect(page.locator("#model-details .model-remark")).to_have_text(
        "It has no VAE of its own and takes soft, unless another is chosen."
    )
    page.keyboard.press("Escape")
    expect(bare.locator(".model-warning")).to_have_count(0)
