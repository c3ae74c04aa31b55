"""Other programs' pictures on the page: dropped, chosen, or from a folder of the machine; seen to come, and found."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.gallery.foreign import OF_PROGRAMS, other_with, outputs, png_with, put
from tests.ui.conftest import OpenPage, Watch

pytestmark = pytest.mark.browser

DROP = """({files, half}) => {
  const transfer = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    transfer.items.add(new File([bytes], name, {type: "image/png", lastModified: 1700000000000}));
  }
  const event = (type) => new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: transfer});
  document.body.dispatchEvent(event("dragover"));
  const target = document.querySelector(`#drop-veil [data-drop=${half}]`);
  if (!target.getBoundingClientRect().width) throw new Error("that half is not shown");
  target.dispatchEvent(event("drop"));
}"""


def drop(page: Page, files: dict[str, bytes], half: str) -> None:
    encoded = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    page.evaluate(DROP, {"files": encoded, "half": half})


def search(page: Page, words: str, count: int) -> None:
    page.fill("#gallery-search", words)
    page.wait_for_function("count => document.querySelectorAll('.cell-open').length === count", arg=count)


def test_dropped_files_come_in_and_are_used_like_own_ones(open_page: OpenPage, watch: Watch) -> None:
    page = open_page("/#/gallery")
    watch.expected.append("422")
    files = {
        "comfy.png": png_with(OF_PROGRAMS["ComfyUI"][0], 500),
        "again.png": png_with(OF_PROGRAMS["ComfyUI"][0], 500),
        "a1111.jpg": other_with("a zebra <b>x</b>\nSteps: 9, Sampler: Heun, Seed: 4321, CFG scale: 3", "JPEG", 501),
        "cut <i>.png": png_with({}, 502)[:-30],
        "notes.txt": b"no picture",
    }
    drop(page, files, "import")
    words = page.locator(".arriving-words")
    expect(words).to_have_text("2 pictures imported · 1 was here already · 1 skipped")
    page.click(".arriving summary")
    expect(page.locator(".arriving li")).to_contain_text("cut <i>.png is cut off")
    page.click(".arriving [aria-label=Dismiss]")
    expect(page.locator("#gallery-arriving")).to_be_hidden()
    search(page, "beautiful scenery", 1)
    page.click(".cell-open")
    details = page.locator("#viewer .recipe")
    expect(details).to_contain_text("ComfyUI")
    expect(details).to_contain_text("DPM++ 2M SDE")
    page.click("text=Use this recipe")
    expect(page.locator("#field-prompt textarea")).to_have_value("beautiful scenery, bottle")
    expect(page.locator("#toasts")).to_contain_text("The LoRA “glow” is not here.")
    page.goto(page.url.split("#")[0] + "#/gallery")
    page.fill("#gallery-search", "zebra sampler:heun steps:9 seed:4321")
    page.click(".cell-open[title='a zebra <b>x</b>']")
    with page.expect_download() as saved:
        page.select_option("#viewer [aria-label='Download format']", "jpeg")
        page.click("#viewer [aria-label=Download]")
    assert Path(saved.value.path()).read_bytes() == files["a1111.jpg"]


def test_a_picture_dropped_on_the_other_half_is_read(open_page: OpenPage) -> None:
    page = open_page("/#/gallery")
    for route in ("#/gallery", "#/models"):
        page.goto(page.url.split("#")[0] + route)
        drop(page, {"x.png": png_with(OF_PROGRAMS["InvokeAI"][0], 510)}, "read")
        expect(page.locator("#reading h2")).to_have_text("Made with InvokeAI")
        page.click("#reading >> text=Close")


def test_a_chosen_folder_asks_what_its_names_become(open_page: OpenPage, tmp_path: Path) -> None:
    theirs = tmp_path / "Render"
    for number, place in enumerate(("a.png", "Cats/b.png", "Cats/Old/c.png", "thumbnails/d.png")):
        put(theirs / place, png_with({"parameters": f"rendered {number}"}, 520 + number))
    page = open_page("/#/gallery")
    page.click("#gallery-import")
    with page.expect_file_chooser() as chooser:
        page.click("#importer >> text=Choose a folder")
    chooser.value.set_files(theirs)
    page.select_option("#importer .importer-labels select", "albums")
    page.click("#importer >> text=Import 3 pictures")
    expect(page.locator(".arriving-words")).to_have_text("3 pictures imported")
    expect(page.locator("#gallery-album")).to_contain_text("Cats / Old (1)")
    expect(page.locator("#gallery-album")).to_contain_text("Render (1)")
    page.click(".arriving [aria-label=Dismiss]")
    page.select_option("#gallery-album", "Cats")
    page.wait_for_function("document.querySelectorAll('.cell-open').length === 1")


def test_a_folder_of_the_machine_is_looked_at_first(open_page: OpenPage, watch: Watch, tmp_path: Path) -> None:
    watch.expected.append("422")
    theirs = outputs(tmp_path / "outputs")
    page = open_page("/#/gallery")
    page.click("#gallery-import")
    place = page.locator("#importer textarea")
    place.fill(str(tmp_path / "nowhere"))
    page.click("#importer >> text=Look")
    expect(page.locator("#importer-said")).to_contain_text("There is no folder")
    place.fill(str(theirs))
    page.click("#importer >> text=Look")
    expect(page.locator("#importer-said")).to_contain_text("13 pictures, ")
    page.click("#importer >> text=Import 13 pictures")
    expect(page.locator(".arriving-words")).to_contain_text("imported")
    expect(page.locator(".arriving-words")).to_contain_text("2 skipped")
    search(page, "castle hill", 4)
    page.click(".arriving summary")
    expect(page.locator(".arriving ul")).to_contain_text("A1111/cut.jpg is damaged or cut off")


def test_an_upload_is_cancelled_and_one_without_a_studio_waits(open_page: OpenPage, watch: Watch) -> None:
    page = open_page("/#/gallery")
    watch.expected += ["ERR_", "Failed to load"]
    page.route("**/images/import*", lambda route: route.abort())
    drop(page, {f"{number}.png": png_with({}, 540 + number) for number in range(5)}, "import")
    expect(page.locator(".arriving-words")).to_contain_text("Importing: 0 of 5 pictures · The studio does not answer.")
    page.unroute("**/images/import*")
    expect(page.locator(".arriving-words")).to_have_text("5 pictures imported")
    page.click(".arriving [aria-label=Dismiss]")
    page.route("**/images/import*", lambda route: None)  # never answered
    drop(page, {f"{number}.png": png_with({}, 550 + number) for number in range(5)}, "import")
    page.click(".arriving >> text=Cancel")
    expect(page.locator(".arriving-words")).to_have_text("Cancelled · 0 pictures imported")
    page.unroute_all(behavior="ignoreErrors")
