"""What helps with a prompt, in a real browser: suggestions, how it is read, history, wildcards, many at once."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.servers import Server
from tests.ui.conftest import PHONE, OpenPage, Watch, make, wait_for_pictures

pytestmark = pytest.mark.browser

PROMPT = "#field-prompt textarea"
OPTIONS = "#completions:not([hidden]) [role=option]"


def typed(page: Page, text: str) -> None:
    page.fill(PROMPT, "")
    page.focus(PROMPT)
    page.keyboard.type(text)


def test_suggestions_by_keyboard(open_page: OpenPage) -> None:
    page = open_page()
    typed(page, "3d __star")
    options = page.locator(OPTIONS)
    expect(options).to_have_count(6)
    area = page.locator(PROMPT)
    expect(area).to_have_attribute("aria-controls", "completions")
    first = area.get_attribute("aria-activedescendant")
    assert page.locator(f"#{first}").get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    expect(area).to_have_value("3d __starter/colours__")
    expect(options).to_have_count(0)
    page.keyboard.type(" <lora:st")
    page.wait_for_selector(OPTIONS)
    page.keyboard.press("Enter")
    expect(area).to_have_value("3d __starter/colours__ <lora:starter-ink:1>")
    page.keyboard.press("Control+z")
    expect(area).to_have_value("3d __starter/colours__ <lora:st")


def test_suggestions_are_never_in_the_way(open_page: OpenPage) -> None:
    page = open_page()
    typed(page, "a fox __")
    page.wait_for_selector(OPTIONS)
    page.keyboard.press("Escape")
    expect(page.locator(OPTIONS)).to_have_count(0)
    page.keyboard.type("x")
    page.keyboard.press("Backspace")
    page.wait_for_selector(OPTIONS)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(OPTIONS)).to_have_count(0)
    page.keyboard.press("End")
    typed(page, "plain words, nothing else <3 and 4 < 5 snake_case")
    page.wait_for_timeout(200)
    expect(page.locator(OPTIONS)).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator(PROMPT)).to_have_value("plain words, nothing else <3 and 4 < 5 snake_case\n")


def test_a_preset_is_applied_from_the_prompt(open_page: OpenPage) -> None:
    page = open_page()
    typed(page, "a fox /quick")
    page.wait_for_selector(OPTIONS)
    page.keyboard.press("Enter")
    expect(page.locator("#field-steps input")).not_to_have_value("")
    assert page.input_value(PROMPT).startswith("a fox") and "/" not in page.input_value(PROMPT)


def test_suggestions_by_touch(open_page: OpenPage) -> None:
    page = open_page(**PHONE)
    page.tap(PROMPT)
    page.keyboard.type("a __starter/f")
    option = page.locator(OPTIONS).first
    box = option.bounding_box()
    assert (
        box is not None
        and box["height"] >= 44
        and box["x"] >= 0
        and box["x"] + box["width"] <= PHONE["viewport"]["width"]
    )
    option.tap()
    expect(page.locator(PROMPT)).to_have_value("a __starter/food__")
    assert page.evaluate("document.activeElement.matches('#field-prompt textarea')")


def test_how_a_prompt_is_read(open_page: OpenPage) -> None:
    page = open_page()
    page.fill(PROMPT, "a {red} (fox:1.3) [in snow:at night:0.5] AND owl :0.5")
    page.click("[data-fold=understanding]")
    expect(page.locator(".example-words")).to_have_text("a red (fox:1.3) [in snow:at night:0.5] AND owl :0.5")
    expect(page.locator(".stage-steps")).to_have_text(["Steps 1 to 11", "Steps 12 to 20"])
    expect(page.locator(".chunk .weight.more").first).to_have_text("fox1.3")
    expect(page.locator(".reading-part p")).to_have_text(["Part 1 of AND, weight 1", "Part 2 of AND, weight 0.5"])
    page.fill(PROMPT, "cat " * 80 + "BREAK dog")
    expect(page.locator(".chunk-count")).to_have_text(["75 / 75", "5 / 75", "1 / 75"])
    page.fill("#field-seed input", "7")
    page.fill(PROMPT, "a __starter/animals__")
    expect(page.locator(".example .muted")).to_have_text("With seed 7")
    shown = page.inner_text(".example-words")
    make(page, "a __starter/animals__", seed=7)
    expect(page.locator(".tile img.final")).to_have_attribute("alt", shown)


def test_what_is_wrong_is_underlined_where_it_stands(open_page: OpenPage) -> None:
    page = open_page()
    page.fill(PROMPT, "a fox and __nothing__ \U0001f431 else")
    mark = page.locator("#field-prompt .prompt-marks .problem")
    expect(mark).to_have_text("__nothing__")
    expect(page.locator("#prompt-notes")).to_contain_text("There is no wildcard 'nothing'")
    page.click("#prompt-notes button")
    selected = f"(a => a.value.slice(a.selectionStart, a.selectionEnd))(document.querySelector('{PROMPT}'))"
    assert page.evaluate(selected) == "__nothing__"
    place, field = mark.bounding_box(), page.locator(PROMPT).bounding_box()
    assert place and field and field["x"] < place["x"] and place["y"] > field["y"]
    page.fill(PROMPT, "a \U0001f431 (fox:1.2.3)")
    expect(mark).to_have_text("1.2.3")
    page.fill(PROMPT, "a fox")
    expect(mark).to_have_count(0)
    expect(page.locator("#prompt-notes li")).to_have_count(0)


def test_prompts_of_before(open_page: OpenPage) -> None:
    page = open_page()
    make(page, "an older {prompt of|prompt by} mine")
    make(page, "a newer one of mine")
    page.fill(PROMPT, "being typed")
    page.focus(PROMPT)
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(PROMPT)).to_have_value("a newer one of mine")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(PROMPT)).to_have_value("an older {prompt of|prompt by} mine")
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator(PROMPT)).to_have_value("being typed")
    page.click("[data-act=prompt-history]")
    page.keyboard.type("older mine")
    expect(page.locator(".prompt-entry")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(PROMPT)).to_have_value("an older {prompt of|prompt by} mine")


def test_a_wildcard_is_made_used_and_deleted(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("/wildcards/")  # the list with a mistake in it is refused
    page = open_page()
    page.click("[data-act=wildcards]")
    page.click("#wildcard-editor >> text=New list")
    page.fill(".wildcard-form input", "tests/moods")
    page.fill(".wildcard-text", "calm\n{wild")
    page.click(".wildcard-form [type=submit]")
    expect(page.locator(".wildcard-form .field-error")).to_contain_text("Line 2: this { is never closed")
    assert page.input_value(".wildcard-text") == "calm\n{wild"
    page.fill(".wildcard-text", "calm\n")
    page.click(".wildcard-form [type=submit]")
    expect(page.locator(".wildcard-file[aria-current]")).to_contain_text("1 entry · yours")
    page.fill(".wildcard-text", "wild\n")
    page.keyboard.press("Escape")
    page.click("#question >> text=Go on typing")
    page.click(".wildcard-form [type=submit]")
    expect(page.locator(".wildcard-form [type=submit]")).to_be_disabled()
    page.click(".wildcard-uses .chip")
    expect(page.locator(PROMPT)).to_have_value("__tests/moods__")
    make(page, "a __tests/moods__ fox")
    expect(page.locator(".tile img.final")).to_have_attribute("alt", "a wild fox")
    page.click("[data-act=wildcards]")
    page.fill("#wildcard-editor input[type=search]", "moods")
    page.locator(".wildcard-file", has_text="tests/moods").click()
    page.click(".wildcard-form .danger")
    page.click("#question >> text=Delete it")
    expect(page.locator(".wildcard-file", has_text="tests/moods")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#prompt-notes")).to_contain_text("There is no wildcard 'tests/moods'")


def test_many_prompts_at_once(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("/batches")  # the text with a mistake in it is refused
    page = open_page()
    page.fill(PROMPT, "a fox|in snow|at night")
    page.click("[data-act=many-prompts]")
    expect(page.locator(".combinations li")).to_have_text(
        ["a fox", "a fox, in snow", "a fox, at night", "a fox, in snow, at night"]
    )
    page.click("#many-prompts >> text=Make 4 pictures")
    wait_for_pictures(page, 4)
    page.fill(PROMPT, "flat {prompt}")
    page.click("[data-act=many-prompts]")
    page.fill("#many-prompts textarea", "fox\n--steps 0")
    page.click("#many-prompts .primary")
    expect(page.locator("#many-prompts .field-error")).to_have_text(
        "Line 2: steps: 0 is out of range (allowed: 1 to 1000)"
    )
    page.fill("#many-prompts textarea", "fox\n--prompt owl --steps 3")
    page.click("#many-prompts >> text=Queue 2 jobs")
    page.wait_for_function("document.querySelectorAll('#many-prompts[open]').length === 0")
    page.click("[data-act=prompt-history]")
    expect(page.locator(".prompt-words").nth(1)).to_have_text("flat fox")
    expect(page.locator(".prompt-words").first).to_have_text("flat owl")


def test_a_picture_brings_its_template_back_or_its_words(open_page: OpenPage, server: Server) -> None:
    page = open_page()
    make(page, "a {red|blue|green} fox", seed=11)
    words = page.get_attribute(".tile img.final", "alt")
    page.fill(PROMPT, "")
    page.fill("#field-seed input", "")
    page.click(".tile [aria-label='Use this recipe']")
    expect(page.locator(PROMPT)).to_have_value("a {red|blue|green} fox")
    expect(page.locator("#field-seed input")).to_have_value("11")
    page.click(".toast >> text=Take its words")
    expect(page.locator(PROMPT)).to_have_value(words or "")
    page.click(".tile-open")
    expect(page.locator(".viewer-details dt", has_text="Template")).to_have_count(1)


WEIGHTS: tuple[tuple[str, tuple[int, int], str, str], ...] = (
    ("a red fox", (3, 3), "++", "a (red:1.2) fox"),
    ("a red fox", (2, 9), "+", "a (red fox:1.1)"),
    ("a (red fox:1.1)", (5, 5), "-", "a red fox"),
    ("a (red fox:1.1)", (8, 8), "+-", "a (red fox:1.1)"),
    ("a red fox ", (2, 10), "-", "a (red fox:0.9) "),
    ("a ((fox)) x", (5, 5), "+", "a (fox:1.3) x"),
    ("a [fox] x", (4, 4), "-", "a (fox:0.8) x"),
    ("a (fox:0.1)", (4, 4), "--", "a (fox:-0.1)"),
    ("a <lora:ink:0.8> x", (8, 8), "+", "a <lora:ink:0.85> x"),
    ("a <lora:ink> x", (8, 8), "-", "a <lora:ink:0.95> x"),
    ("a <lora:ink:0.5:0.7> x", (4, 4), "+", "a <lora:ink:0.55:0.75> x"),
    ("a, fox", (2, 2), "+", "a, fox"),
)
"""What is typed, what is selected, which keys (+ for Ctrl+Up), and what it becomes."""


def test_weights_by_keys_as_in_a1111(open_page: OpenPage) -> None:
    page = open_page()
    for text, selection, keys, becomes in WEIGHTS:
        page.fill(PROMPT, text)
        page.locator(PROMPT).evaluate("(area, [from, to]) => area.setSelectionRange(from, to)", list(selection))
        for key in keys:
            page.keyboard.press("Control+ArrowUp" if key == "+" else "Control+ArrowDown")
        assert page.input_value(PROMPT) == becomes, text
