"""The Create page in a real browser, as a person uses it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.servers import Server
from tests.ui.conftest import PHONE, OpenPage, Watch, make, order, wait_for_pictures, wait_until_ready

pytestmark = pytest.mark.browser

BUSY = "document.documentElement.classList.contains('busy')"
IDLE = f"!{BUSY}"


def jobs(server: Server) -> list[dict[str, object]]:
    with server.client() as client:
        found: list[dict[str, object]] = client.get("/api/v1/jobs?limit=500").json()["jobs"]
    return found


@pytest.fixture(autouse=True)
def quiet(server: Server) -> None:
    """Each test begins with nothing in the works."""
    with server.client() as client:
        for job in client.get("/api/v1/jobs").json()["jobs"]:
            if job["state"] in ("queued", "running"):
                client.delete(f"/api/v1/jobs/{job['id']}")


def test_from_prompt_to_picture(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#count input", "2")
    page.fill("#field-seed input", "41")
    page.click("#field-prompt textarea")
    page.keyboard.type("a lighthouse <script>window.broken = true</script>")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".stage-prompt")).to_contain_text("lighthouse")
    wait_for_pictures(page, 2)
    assert page.locator("button.seed").all_inner_texts() == ["Seed 41", "Seed 42"]
    assert page.locator("img.final").first.evaluate("image => image.naturalWidth") == 128
    assert "<script>" in page.inner_text(".stage-prompt")
    assert page.evaluate("window.broken") is None
    expect(page.locator("#announcer")).to_have_text("2 pictures done")
    assert page.title() == "Latent Studio"


HOLD_ORDERS = """() => {
const real = window.fetch;
window.fetch = async (...asked) => {
  const answer = await real(...asked);
  if (asked[1]?.method !== "POST" || !String(asked[0]).endsWith("/jobs")) return answer;
  await new Promise((resolve) => (window.letGo = resolve));
  return answer;
};
}"""
"""The answer to an order is held back until the page is told to let it go."""


def test_an_answer_that_comes_after_the_picture_takes_nothing_back(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(HOLD_ORDERS)
    before = page.evaluate("document.querySelector('#stage-now').dataset.job ?? ''")
    order(page, "told by an event first")
    page.wait_for_function(
        "before => window.letGo && document.querySelector('#stage-now').dataset.job !== before"
        " && document.querySelector('.tile[data-state=done] img.final')",
        arg=before,
    )
    page.evaluate("() => { letGo(); return new Promise((resolve) => setTimeout(resolve, 300)) }")
    wait_for_pictures(page)


def test_a_picture_that_cannot_be_fetched_at_once_is_fetched_again(open_page: OpenPage, watch: Watch) -> None:
    page = open_page()
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if failed:
            route.continue_()
            return
        failed.append(route.request.url)
        watch.expected.append(route.request.url)
        route.abort()

    page.route(re.compile(r"/images/[^/]+/file$"), fail_once)
    make(page, "fetched at the second try")
    assert failed


def test_a_reload_and_another_device_show_the_running_job(open_page: OpenPage) -> None:
    page = open_page()
    order(page, "a slow boat !slow", count=2, steps=500)
    page.wait_for_selector(".tile[data-state=running]")
    page.reload()
    wait_until_ready(page)
    page.wait_for_selector(".tile[data-state=running] img.preview:not([hidden])")
    assert "Making" in page.inner_text(".headline") and "step" in page.inner_text(".details")
    assert page.input_value("#field-prompt textarea") == "a slow boat !slow"
    assert page.input_value("#field-steps input") == "500"
    other = open_page(**PHONE)
    other.wait_for_selector(".tile[data-state=running]")
    assert other.inner_text(".stage-prompt") == "a slow boat !slow"
    assert other.input_value("#field-prompt textarea") == ""
    other.click("#cancel")
    page.wait_for_function(IDLE)
    assert page.inner_text(".headline") == "Cancelled"


def test_a_bad_value_is_said_at_its_field_and_queues_nothing(open_page: OpenPage, server: Server, watch: Watch) -> None:
    watch.expected.append("422")
    page = open_page()
    before = len(jobs(server))
    order(page, "a cat", width_px=100)
    page.wait_for_selector("#field-width_px .field-error")
    assert "multiples of 8" in page.inner_text("#field-width_px .field-error")
    assert page.inner_text("#form-message").startswith("Width: 100")
    assert page.get_attribute("#field-width_px input", "aria-invalid") == "true"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Width"
    assert len(jobs(server)) == before
    page.fill("#field-width_px input", "64")
    assert page.locator(".field-error").count() == 0
    make(page, "a cat", width_px=64)


def test_a_bad_value_in_a_fold_opens_it(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("422")
    page = open_page()
    page.click("[data-fold=advanced]")
    page.fill("#field-clip_skip input", "99")
    page.click("[data-fold=advanced]")
    expect(page.locator("[data-fold=advanced] .fold-note")).to_have_text("1 changed")
    order(page, "a cat")
    page.wait_for_selector("#field-clip_skip .field-error", state="visible")
    assert "1 to 12" in page.inner_text("#field-clip_skip .field-error")


def test_what_is_no_number_is_not_taken_for_an_empty_field(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    before = len(jobs(server))
    page.focus("#field-steps input")
    page.keyboard.type("1e")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#field-steps .field-error")).to_have_text("This is not a number")
    assert len(jobs(server)) == before


def test_a_prompt_error_points_at_the_prompt(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("422")
    page = open_page()
    order(page, "a" * 20_001)
    page.wait_for_selector("#field-prompt .field-error")
    assert "20,000" in page.inner_text("#field-prompt .field-error")


def test_escape_cancels_and_it_can_be_started_again(open_page: OpenPage) -> None:
    page = open_page()
    order(page, "never mind !slow", steps=100)
    page.wait_for_selector(".tile[data-state=running]")
    page.keyboard.press("Escape")
    page.wait_for_function(IDLE)
    assert page.inner_text(".headline") == "Cancelled"
    page.click(".toast-action")
    page.wait_for_selector(".tile[data-state=running]")
    page.click(".stage-cancel")
    page.wait_for_function(IDLE)


def test_a_failed_picture_says_why(open_page: OpenPage) -> None:
    page = open_page()
    order(page, "it will !unstable")
    page.wait_for_selector(".reason:not([hidden])")
    assert "guidance" in page.inner_text(".reason")
    assert page.inner_text(".stage-head .button:visible") == "Try again"


def test_a_second_job_waits_in_the_queue_and_can_leave_it(open_page: OpenPage) -> None:
    page = open_page()
    order(page, "first !slow", count=8, steps=60)
    page.wait_for_selector(".tile[data-state=running]")
    order(page, "second in line", count=3)
    row = page.locator(".waiting li", has_text="second in line")
    expect(row).to_contain_text("3 pictures")
    row.get_by_label("Cancel this job").click()
    expect(row).to_have_count(0)
    page.keyboard.press("Escape")
    page.wait_for_function(IDLE)


def test_a_picture_is_deleted_and_brought_back(open_page: OpenPage) -> None:
    page = open_page()
    make(page, "keep one of two", count=2)
    page.locator(".tile").first.get_by_label("Delete").click()
    wait_for_pictures(page, 1)
    page.click(".toast-action:has-text('Undo')")
    wait_for_pictures(page, 2)
    page.locator(".tile").first.get_by_label("Delete").click()
    wait_for_pictures(page, 1)
    page.reload()
    wait_until_ready(page)
    wait_for_pictures(page, 1)


def test_a_seed_is_used_again_and_rolled_again(open_page: OpenPage) -> None:
    page = open_page()
    make(page, "seeds", seed=1234)
    page.click("[data-act=seed-roll]")
    assert page.input_value("#field-seed input") == ""
    page.click("button.seed")
    assert page.input_value("#field-seed input") == "1234"
    page.click("[data-act=seed-roll]")
    page.click("[data-act=seed-reuse]")
    assert page.input_value("#field-seed input") == "1234"


def test_steps_outside_the_useful_range_are_marked(open_page: OpenPage) -> None:
    page = open_page()
    page.click("#field-sampler input")
    page.click("ul.option-list li:has-text('Euler a')")
    expect(page.locator("#advice")).to_contain_text("8 to 16 for quick looks")
    page.fill("#field-steps input", "5")
    expect(page.locator("#advice .outside")).to_contain_text("5 steps are few for Euler a")
    page.locator("[data-slider=steps]").fill("20")
    expect(page.locator("#advice .outside")).to_have_count(0)
    assert page.input_value("#field-steps input") == "20"
    page.click(".slider:has([data-slider=steps]) [data-act=auto]")
    assert page.input_value("#field-steps input") == ""


def test_tokens_are_counted_while_typing(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#field-prompt textarea", "a cat face")
    page.wait_for_function("/^\\d+ \\/ 75$/.test(document.querySelector('#tokens-prompt').innerText.trim())")


def test_a_shape_is_chosen_and_turned(open_page: OpenPage) -> None:
    page = open_page()
    page.click("#aspect label:has-text('2:3')")
    page.wait_for_function("document.querySelector('#field-width_px input').value !== ''")
    width, height = (int(page.input_value(f"#field-{side}_px input")) for side in ("width", "height"))
    assert width < height
    page.click("[data-act=swap-size]")
    assert page.input_value("#field-width_px input") == str(height)
    page.wait_for_selector("#aspect label.selected:has-text('3:2')")


def test_a_pasted_recipe_fills_the_form_and_can_be_undone(open_page: OpenPage) -> None:
    page = open_page()
    text = "a red fox\nNegative prompt: blurry\nSteps: 31, Sampler: Euler a, CFG scale: 5.5, Seed: 77, Size: 64x128"
    page.fill("#field-prompt textarea", text)
    page.click("[data-act=read-paste]")
    expect(page.locator("#field-prompt textarea")).to_have_value("a red fox")
    expect(page.locator("#field-sampler input")).to_have_value("Euler a")
    shown = {name: page.input_value(f"#field-{name} :is(input, textarea)") for name in ("steps", "seed", "height_px")}
    assert shown == {"steps": "31", "seed": "77", "height_px": "128"}
    page.click(".toast-action:has-text('Undo')")
    expect(page.locator("#field-prompt textarea")).to_have_value(text)
    page.click("[data-act=reset]")
    expect(page.locator("#field-prompt textarea")).to_have_value("")


def test_a_preset_is_laid_over_the_form_once(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#field-prompt textarea", "pizza")
    page.click("[data-preset='quick-sketch']")
    expect(page.locator("#field-steps input")).to_have_value("12")
    expect(page.locator("#field-prompt textarea")).to_have_value("pizza")
    expect(page.locator(".toast")).to_have_count(0)


def test_a_lost_connection_loses_nothing(open_page: OpenPage, server: Server, watch: Watch) -> None:
    watch.expected += ["ERR_INTERNET_DISCONNECTED", "net::ERR", "Failed to fetch"]
    page = open_page()
    before = len(jobs(server))
    for round_number in range(3):
        page.context.set_offline(True)
        order(page, f"through the tunnel {round_number}")
        page.wait_for_timeout(600)
        page.context.set_offline(False)
        expect(page.locator(".stage-prompt")).to_have_text(f"through the tunnel {round_number}")
        wait_for_pictures(page)
    assert len(jobs(server)) == before + 3


def test_weights_by_keys(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#field-prompt textarea", "a red cat")
    page.locator("#field-prompt textarea").evaluate("area => area.setSelectionRange(4, 4)")
    for expected in ("a (red:1.1) cat", "a (red:1.2) cat"):
        page.keyboard.press("Control+ArrowUp")
        assert page.input_value("#field-prompt textarea") == expected
    for _ in range(2):
        page.keyboard.press("Control+ArrowDown")
    assert page.input_value("#field-prompt textarea") == "a red cat"


def test_tab_goes_from_the_prompts_to_generate(open_page: OpenPage) -> None:
    page = open_page()
    page.focus("#field-prompt textarea")
    assert tab(page) == "loras-add"
    assert tab(page) == "field-negative_prompt"
    assert tab(page) == "prompt-tools"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.act") == "many-prompts"
    assert tab(page) == "modes"
    assert tab(page) == "generate"
    assert tab(page) == "preset-family"
    assert tab(page) == "preset-search"
    assert tab(page) == "preset-all"
    assert tab(page) == "preset-strip"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement === document.querySelector('#preset-strip').lastElementChild")
    assert tab(page) == "preset-note"
    assert tab(page) == "preset-save"
    assert tab(page) == "preset-import"
    assert tab(page) == "read-picture"
    assert tab(page) == "field-checkpoint"


def tab(page: Page) -> str:
    page.keyboard.press("Tab")
    return str(page.evaluate("document.activeElement.closest('[id]').id.replace(/^c\\d+.*/, '')"))


def test_colours_follow_the_system_until_chosen(open_page: OpenPage) -> None:
    page = open_page(color_scheme="dark")
    dark = "document.body.classList.contains('dark')"
    assert page.evaluate(dark)
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"!{dark}")
    page.click("#theme")
    page.click("#theme")
    assert page.evaluate(dark)
    page.reload()
    wait_until_ready(page)
    assert page.evaluate(dark)


def test_the_last_picture_is_as_large_for_who_comes_by_another_page(open_page: OpenPage) -> None:
    make(open_page(), "a fox by another way", steps=2)
    page = open_page("/#/models")
    page.click("#header >> text=Create")
    box = page.locator("#stage-now .tile img.final").bounding_box()
    assert box is not None and box["width"] >= 400


def test_a_checkpoint_that_comes_later_can_be_chosen(open_page: OpenPage, server: Server, toy_models: Path) -> None:
    shutil.copytree(toy_models / "toy-a", server.home / "models" / "newcomer")
    page = open_page()
    page.click("#field-checkpoint input")
    page.click("ul.option-list li:has-text('newcomer')")
    make(page, "a cat")
    assert jobs(server)[0]["recipe"]["checkpoint"] == "newcomer"  # type: ignore[index]
    shutil.rmtree(server.home / "models" / "newcomer")
    with server.client() as client:
        client.get("/api/v1/models?refresh=true")
