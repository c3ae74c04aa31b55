"""Starting from pictures in a real browser: source slot, mask editor, batch, finish, before and after."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from playwright.sync_api import Page, expect

from studio.pictures import Picture, adjusted
from studio.pictures.mask import blur_reach_px
from studio.services import shipped
from tests.servers import Server, running_server
from tests.ui.conftest import FORGET, PHONE, OpenPage, Watch, make, wait_for_pictures, wait_until_ready

pytestmark = pytest.mark.browser

Levels = NDArray[np.uint8]


def photo(width_px: int, height_px: int, seed: int = 0) -> Levels:
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width_px, height_px), Image.Resampling.BICUBIC))


def file(levels: Levels, name: str = "photo.png") -> dict[str, Any]:
    data = io.BytesIO()
    Image.fromarray(levels).save(data, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": data.getvalue()}


def choose(page: Page, mode: str, *files: dict[str, Any]) -> None:
    page.click(f"#modes [data-mode={mode}]")
    page.set_input_files("#source-file", files=list(files))
    page.wait_for_selector("#source-slot[data-state=full] :is(.source-frame, .source-batch)")


def open_editor(page: Page, words: str = "Paint what to change") -> dict[str, float]:
    page.click(f"#source-shown >> text={words}")
    page.wait_for_selector("#editor[open] .editor-board img")
    return board(page)


def board(page: Page) -> dict[str, float]:
    """Where the picture lies on the screen, once the view has come to rest."""
    page.wait_for_function(
        "() => { const box = document.querySelector('.editor-board').getBoundingClientRect();"
        " const same = window.lastBoard === box.width && box.width > 0; window.lastBoard = box.width; return same }",
        polling=100,
    )
    found: dict[str, float] = page.evaluate(
        "() => { const { x, y, width, height } = document.querySelector('.editor-board').getBoundingClientRect();"
        " return { x, y, width, height } }"
    )
    return found


def draw(page: Page, box: dict[str, float], *points: tuple[float, float]) -> None:
    """A stroke through points given in shares of the picture."""
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def generate(page: Page) -> dict[str, Any]:
    with page.expect_response(lambda one: one.request.method == "POST" and one.url.endswith("/jobs")) as taken:
        page.click("#generate")
    job: dict[str, Any] = taken.value.json()
    assert taken.value.status == 202, job
    page.wait_for_selector(f"#stage-now[data-job='{job['id']}']")
    wait_for_pictures(page, job["count"])
    return job


def stored(server: Server, sha256: str) -> Levels:
    with server.client() as client:
        return np.asarray(Image.open(io.BytesIO(client.get(f"/api/v1/sources/{sha256}/file").content)))


def result(server: Server, job_id: str) -> Levels:
    with server.client() as client:
        image_id = client.get(f"/api/v1/jobs/{job_id}").json()["pictures"][0]["image_id"]
        return np.asarray(Image.open(io.BytesIO(client.get(f"/api/v1/images/{image_id}/file").content)))


def changed_only_within(before: Levels, after: Levels, mask: Levels, blur_px: int = 4) -> bool:
    near = np.asarray(Image.fromarray(mask).filter(ImageFilter.MaxFilter(2 * blur_reach_px(blur_px) + 1))) > 0
    return bool(np.array_equal(before[~near], after[~near]) and not np.array_equal(before[near], after[near]))


def reference(size: tuple[int, int], points: list[tuple[float, float]], diameter: float) -> NDArray[np.bool_]:
    """Every pixel whose middle lies within half a brush of the path."""
    width_px, height_px = size
    y, x = np.mgrid[:height_px, :width_px] + 0.5
    near = np.full((height_px, width_px), np.inf)
    scaled = [(px * width_px, py * height_px) for px, py in points]
    for (x0, y0), (x1, y1) in pairwise(scaled):
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
        near = np.minimum(near, np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)))
    inside: NDArray[np.bool_] = near <= diameter / 2
    return inside


def test_an_inpainting_from_file_to_picture(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    source = photo(150, 90)
    choose(page, "inpaint", file(source))
    page.fill("#field-prompt textarea", "a fox")
    box = open_editor(page)
    draw(page, box, (0.4, 0.5), (0.6, 0.5))
    page.click(".editor-done")
    expect(page.locator("#source-shown")).to_contain_text("Change the mask")
    job = generate(page)
    assert job["recipe"]["mode"] == "inpaint"
    mask = stored(server, job["recipe"]["mask"])
    assert mask.shape == (90, 150) and set(np.unique(mask)) == {0, 255}
    assert mask[45, 75] == 255 and mask[5, 5] == 0
    assert changed_only_within(source, result(server, job["id"]), mask)
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#source-shown")).to_contain_text("Change the mask")
    again = generate(page)
    assert again["recipe"]["mask"] == job["recipe"]["mask"], "a reload keeps the mask"


@pytest.mark.parametrize("zoom", [0.5, 1.0, 1.5])
def test_a_mask_is_where_it_was_drawn_at_every_zoom(open_page: OpenPage, server: Server, zoom: float) -> None:
    """A browser zoomed to a share has its window larger by the inverse, and that many device pixels to one of CSS."""
    size = (800, 600)
    window = {"width": round(1280 / zoom), "height": round(900 / zoom)}
    page = open_page(viewport=window, device_scale_factor=zoom)
    choose(page, "inpaint", file(photo(*size)))
    open_editor(page)
    path = [(0.2, 0.3), (0.5, 0.7), (0.8, 0.35)]
    page.locator("#editor [aria-label='Brush size']").fill("60")
    draw(page, board(page), *path)
    page.keyboard.press("+")
    second = [(0.45, 0.35), (0.55, 0.4)]
    draw(page, board(page), *second)
    page.click(".editor-done")
    mask = stored(server, generate(page)["recipe"]["mask"]) > 0
    wanted = reference(size, path, 60) | reference(size, second, 60)
    overlap = (mask & wanted).sum() / (mask | wanted).sum()
    print(f"intersection over union at {zoom:.0%}: {overlap:.4f}")
    assert overlap >= 0.99


def test_undo_redo_clear_invert_and_eraser_give_the_same_pixels_back(open_page: OpenPage) -> None:
    page = open_page()
    choose(page, "inpaint", file(photo(96, 64)))
    box = open_editor(page)
    pixels = (
        "() => { const mask = document.querySelector('.editor-mask'); const { data } ="
        " mask.getContext('2d').getImageData(0, 0, mask.width, mask.height); return data.join() }"
    )
    states = [page.evaluate(pixels)]
    for place in range(50):
        draw(page, box, (0.1 + place / 70, 0.2), (0.15 + place / 70, 0.2 + (place % 5) / 8))
        if place in (10, 30):
            page.keyboard.press("x")
        if place == 20:
            page.keyboard.press("e")
        states.append(page.evaluate(pixels))
    count = page.evaluate("document.querySelector('#editor [aria-label^=Undo]').disabled")
    assert count is False
    for _ in range(52):
        page.keyboard.press("Control+z")
    assert page.evaluate(pixels) == states[0]
    expect(page.locator("#editor [aria-label^=Undo]")).to_be_disabled()
    for _ in range(52):
        page.keyboard.press("Control+Shift+Z")
    assert page.evaluate(pixels) == states[-1]
    page.keyboard.press("Delete")
    assert set(page.evaluate(pixels).split(",")) == {"0"}


def test_a_finger_draws_and_two_fingers_move_the_view(open_page: OpenPage) -> None:
    page = open_page(**PHONE)
    choose(page, "inpaint", file(photo(120, 120)))
    box = open_editor(page)
    page.evaluate(
        """() => {
          const area = document.querySelector('.editor-area');
          area.setPointerCapture = () => {};  // there is no such pointer to capture
          window.finger = (kind, id, x, y) => area.dispatchEvent(new PointerEvent(`pointer${kind}`, {
            pointerId: id, pointerType: 'touch', clientX: x, clientY: y, button: 0, buttons: 1,
            bubbles: true, cancelable: true, isPrimary: id === 1 }));
          window.drawn = () => document.querySelector('.editor-mask').getContext('2d')
            .getImageData(0, 0, 120, 120).data.reduce((sum, one) => sum + one, 0);
        }"""
    )
    at = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    page.evaluate(
        "([x, y]) => { finger('down', 1, x, y); finger('move', 1, x + 30, y); finger('up', 1, x + 30, y) }", at
    )
    before = page.evaluate("drawn()")
    assert before > 0
    page.evaluate(
        """([x, y]) => {
          finger('down', 1, x - 20, y); finger('down', 2, x + 20, y);
          finger('move', 1, x - 60, y); finger('move', 2, x + 60, y);
          finger('up', 1, x, y); finger('up', 2, x, y);
        }""",
        at,
    )
    assert board(page)["width"] > box["width"] * 2, "two fingers enlarge"
    assert page.evaluate("drawn()") == before, "and draw nothing"


def test_a_sketch_is_painted_into_the_picture(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    source = photo(120, 80)
    choose(page, "image", file(source))
    box = open_editor(page, "Sketch on it")
    page.locator("#editor input[type=color]").fill("#00ff00")
    draw(page, box, (0.5, 0.5), (0.6, 0.5))
    page.click(".editor-done")
    job = generate(page)
    sketched = stored(server, job["recipe"]["source"])[..., :3]
    assert tuple(sketched[40, 64]) == (0, 255, 0)
    assert np.array_equal(sketched[:10], source[:10])


def test_several_pictures_are_a_batch_and_a_bad_one_is_named(open_page: OpenPage, server: Server, watch: Watch) -> None:
    watch.expected.append("422")
    page = open_page()
    files = [file(photo(64, 64, seed), f"{seed}.png") for seed in range(3)]
    bad = {"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture at all"}
    choose(page, "image", *files, bad)
    expect(page.locator("#source-shown")).to_contain_text("3 pictures")
    expect(page.locator("#source-message")).to_contain_text("notes.png: ")
    expect(page.locator("#source-message")).to_contain_text("no picture that can be read")
    page.fill("#field-prompt textarea", "batch of three")
    with page.expect_response(lambda one: one.request.method == "POST" and one.url.endswith("/jobs")):
        page.click("#generate")
    expect(page.locator("#toasts")).to_contain_text("3 pictures in the queue")
    with server.client() as client:
        jobs = [j for j in client.get("/api/v1/jobs").json()["jobs"] if j["recipe"]["prompt"] == "batch of three"]
    assert len({job["recipe"]["source"] for job in jobs}) == 3


def test_tabs_keep_the_form_and_a_missing_source_is_said_there(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("422")
    page = open_page()
    page.fill("#field-prompt textarea", "a heron")
    page.fill("#field-steps input", "7")
    for mode in ("image", "inpaint", "text"):
        page.click(f"#modes [data-mode={mode}]")
        expect(page.locator(f"#modes [data-mode={mode}]")).to_have_attribute("aria-selected", "true")
        assert page.input_value("#field-prompt textarea") == "a heron"
        assert page.input_value("#field-steps input") == "7"
    page.click("#modes [data-mode=image]")
    page.click("#generate")
    expect(page.locator("#form-message")).to_contain_text("upload one")


def test_a_result_goes_to_the_tabs_and_is_finished_with_a_live_view(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    make(page, "a result")
    page.locator(".tile [aria-label='To inpaint']").click()
    page.wait_for_selector("#editor[open] .editor-board img")
    page.click(".editor-done")
    expect(page.locator("#modes [data-mode=inpaint]")).to_have_attribute("aria-selected", "true")
    page.locator(".tile-open").first.click()
    page.wait_for_selector("#viewer[open] .viewer-tools")
    page.click("#viewer [aria-label^=Finish]")
    page.wait_for_selector("#finisher[open] canvas")
    values = {"brightness": 0.3, "contrast": -0.2, "saturation": 0.5, "temperature": 0.6, "sharpness": 0.4}
    for name, value in values.items():
        page.locator(f"[data-adjust={name}]").fill(str(value))
    page.evaluate("() => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")
    shown = page.evaluate(
        "() => { const canvas = document.querySelector('#finisher canvas'); const { data } ="
        " canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
        " return { width: canvas.width, height: canvas.height, data: [...data] } }"
    )
    live = np.array(shown["data"], dtype=np.uint8).reshape(shown["height"], shown["width"], 4)[..., :3]
    with page.expect_response(lambda one: one.request.method == "POST" and one.url.endswith("/jobs")) as taken:
        page.click("#finisher >> text=Apply")
    job = taken.value.json()
    page.wait_for_selector(f"#stage-now[data-job='{job['id']}']")
    wait_for_pictures(page)
    finished = result(server, job["id"])
    source = stored(server, job["recipe"]["source"])
    assert np.array_equal(finished, adjusted(Picture(np.ascontiguousarray(source[..., :3])), **values).rgb)
    assert np.abs(finished.astype(int) - live).max() <= 2, "the live view is what is made"
    page.locator(".tile-open").first.click()
    page.click("text=Compare before and after")
    page.wait_for_selector("#viewer .compare img")
    page.locator("#viewer .compare input").fill("80")
    assert page.evaluate("getComputedStyle(document.querySelector('.compare')).getPropertyValue('--at')") == "80%"


def test_a_result_is_enlarged_later_without_being_rolled_again(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    make(page, "enlarged later")
    for option, size in (("Lanczos", 256), ("second pass", 256)):
        page.locator(".tile [aria-label^=Finish]").first.click()
        page.wait_for_selector("#finisher[open] canvas")
        page.locator("#finisher [aria-label=Upscaler]").select_option(option)
        with page.expect_response(lambda one: one.request.method == "POST" and one.url.endswith("/jobs")) as taken:
            page.click("#finisher >> text=Apply")
        job = taken.value.json()
        page.wait_for_selector(f"#stage-now[data-job='{job['id']}']")
        wait_for_pictures(page)
        assert job["recipe"]["mode"] == "finish"
        assert result(server, job["id"]).shape[:2] == (size, size)
        make(page, "enlarged later")


def test_an_unused_part_of_the_form_is_out_of_sight(open_page: OpenPage) -> None:
    page = open_page()
    for mode, shown, hidden in (
        ("text", ["#field-steps"], ["#source-slot", "#field-denoising_strength", "#field-inpaint_area"]),
        ("image", ["#source-slot", "#field-resize_mode"], ["#field-inpaint_area"]),
        ("inpaint", ["#field-inpaint_area"], ["#field-resize_mode", "[data-fold=second-pass]"]),
    ):
        page.click(f"#modes [data-mode={mode}]")
        for selector in shown:
            expect(page.locator(selector)).to_be_visible()
        for selector in hidden:
            expect(page.locator(selector)).to_be_hidden()


def test_painting_a_subject_into_a_picture_of_the_starter(browser: Any, tmp_path: Path) -> None:
    """The real engine and the checkpoint that ships: inside the mask it changes, everywhere else it keeps its bytes."""
    with running_server(tmp_path / "home", engine="torch") as server:
        server.wait_until_ready()
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(FORGET)
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(server.address)
        wait_until_ready(page)
        page.fill("#field-seed input", "3")
        make(page, "3d pizza on a green background", steps=8)
        page.locator(".tile [aria-label='To inpaint']").click()
        page.wait_for_selector("#editor[open] .editor-board img")
        page.locator("#editor [aria-label='Brush size']").fill("40")
        draw(page, board(page), (0.4, 0.45), (0.6, 0.55))
        page.click(".editor-done")
        page.fill("#field-prompt textarea", "3d cat face on a green background")
        job = generate(page)
        recipe = job["recipe"]
        assert json.dumps(recipe["checkpoint"]) == '"starter"' and shipped("assets").is_dir()
        before, after = stored(server, recipe["source"])[..., :3], result(server, job["id"])
        mask = stored(server, recipe["mask"])
        assert changed_only_within(before, after, mask)
        assert np.abs(after[mask > 0].astype(int) - before[mask > 0]).mean() > 5
        context.close()
