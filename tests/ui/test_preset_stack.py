"""Presets over the form: an order, taken off again without a trace, and what a person types stays theirs."""

from __future__ import annotations

from typing import Any

import pytest

from studio.recipe.presets import Preset
from studio.services import Studio
from studio.ui import actions
from studio.ui.fields import untouched
from studio.ui.preset_stack import Stack, same

PRESETS = {
    "ink": Preset("ink", "Ink", fields={"prompt": "ink, {prompt}, on paper", "steps": 8}, example="a heron"),
    "oil": Preset("oil", "Oil", fields={"prompt": "{prompt}, oil", "steps": 30, "sampler": "Heun"}),
    "plain": Preset("plain", "Plain", fields={"prompt": "grainy", "exact": True}),
}


def form(**values: Any) -> dict[str, Any]:
    return {**untouched(), **values}


def laid(stack: Stack, *names: str) -> tuple[Stack, dict[str, Any]]:
    """The stack with these presets, and what the form shows."""
    stack = stack.with_names(names)
    recipe = stack.laid(PRESETS).recipe
    shown = {**dict(stack.base), **{name: getattr(recipe, name) for name in ("prompt", "steps", "sampler", "exact")}}
    return Stack(stack.base, stack.layers, shown), shown


def test_taking_one_off_restores_what_was_there() -> None:
    before = form(prompt="a cat", steps=21, seed=5)
    stack, shown = laid(Stack(before), "ink", "oil")
    assert (shown["prompt"], shown["steps"], shown["sampler"]) == ("ink, a cat, on paper, oil", 30, "Heun")
    stack, shown = laid(stack.settled(shown, PRESETS), "ink")
    assert (shown["prompt"], shown["steps"], shown["sampler"]) == ("ink, a cat, on paper", 8, "auto")
    stack, shown = laid(stack.settled(shown, PRESETS))
    assert all(same(shown[name], before[name]) for name in before)


def test_the_last_one_on_top_wins_and_the_order_can_be_changed() -> None:
    stack, shown = laid(Stack(form(prompt="a cat")), "oil", "ink")
    assert (shown["prompt"], shown["steps"]) == ("ink, a cat, oil, on paper", 8)
    _, shown = laid(stack.settled(shown, PRESETS), "ink", "oil")
    assert (shown["prompt"], shown["steps"]) == ("ink, a cat, on paper, oil", 30)
    said = stack.with_names(["ink", "oil"]).laid(PRESETS).set_by
    assert said == {"prompt": ["ink", "oil"], "steps": ["oil"], "sampler": ["oil"]}


def test_words_changed_between_those_of_presets_stay_ones_own() -> None:
    stack, shown = laid(Stack(form(prompt="a cat")), "ink", "oil")
    typed = {**shown, "prompt": "ink, two dogs, on paper, oil"}
    _, shown = laid(stack.settled(typed, PRESETS), "oil")
    assert shown["prompt"] == "two dogs, oil"
    _, shown = laid(stack.settled(typed, PRESETS))
    assert shown["prompt"] == "two dogs"


def test_a_prompt_written_anew_is_not_touched_by_those_below() -> None:
    stack, shown = laid(Stack(form(prompt="a cat")), "ink")
    typed = {**shown, "prompt": "something else"}
    stack, shown = laid(stack.settled(typed, PRESETS), "ink", "oil")
    assert shown["prompt"] == "something else, oil" and shown["steps"] == 30
    _, shown = laid(stack.settled(shown, PRESETS))
    assert shown["prompt"] == "something else"


def test_a_number_set_by_hand_stays_until_a_later_preset_sets_it() -> None:
    stack, shown = laid(Stack(form(prompt="a cat")), "ink")
    typed = {**shown, "steps": 14}
    stack, shown = laid(stack.settled(typed, PRESETS), "ink", "plain")
    assert shown["steps"] == 14 and shown["exact"] is True
    stack, shown = laid(stack.settled(shown, PRESETS), "ink", "plain", "oil")
    assert shown["steps"] == 30
    _, shown = laid(stack.settled(shown, PRESETS), "plain")
    assert shown["steps"] == 14


def test_an_example_stands_for_words_until_there_are_some() -> None:
    stack, shown = laid(Stack(form()), "ink")
    assert shown["prompt"] == "ink, a heron, on paper"
    _, gone = laid(stack.settled(shown, PRESETS))
    assert gone["prompt"] == ""
    typed = {**shown, "prompt": "ink, a fox, on paper"}
    _, shown = laid(stack.settled(typed, PRESETS))
    assert shown["prompt"] == "a fox"


@pytest.mark.parametrize("said", [None, 3, {}, {"base": 3}, {"base": {}, "layers": [3, {}], "shown": None}])
def test_what_a_browser_remembers_wrongly_does_no_harm(studio: Studio, said: Any) -> None:
    message = {"from": "presets", "names": ["quick-sketch", "none"], "state": said}
    filled = actions.fill(studio, message, form(prompt="mine"))
    assert filled.values["steps"] == 12 and "none" in filled.note
    assert filled.state is not None and [one["name"] for one in filled.state["layers"]] == ["quick-sketch"]


def test_the_form_tells_which_preset_set_what(studio: Studio) -> None:
    filled = actions.fill(studio, {"from": "presets", "names": ["starter-candy", "careful-finish"]}, form())
    assert filled.state is not None
    assert filled.values["prompt"] == "3d cupcake on a pink background" and filled.values["sampler"] == "DPM++ 2M"
    assert filled.state["set_by"]["prompt"] == ["Candy"] and filled.state["set_by"]["steps"] == ["Careful finish"]
    assert filled.state["frames"]["prompt"] == ("3d ", " on a pink background")
    back = actions.fill(studio, {"from": "presets", "names": [], "state": filled.state}, filled.values)
    assert back.values == form()


def test_a_form_begins_with_ones_defaults_and_they_follow_the_checkpoint(studio: Studio) -> None:
    save = studio.presets.save
    save("anna", Preset("", "Mine", default_for="any", fields={"negative_prompt": "text"}))
    save("anna", Preset("", "For 1.x", default_for="sd1", fields={"steps": 11, "checkpoint": "toy-b"}))
    save("anna", Preset("", "For XL", default_for="sdxl", fields={"steps": 44}))
    begun = actions.fill(studio, {"from": "nothing"}, form(prompt="x"), "anna")
    assert (begun.values["negative_prompt"], begun.values["steps"]) == ("text", 11)
    assert begun.values["checkpoint"] == "auto" and begun.state is not None
    assert [layer["automatic"] for layer in begun.state["layers"]] == [True, True]
    assert actions.fill(studio, {"from": "nothing"}, form(prompt="x"), "ben").values == form()
    studio.presets.change("anna", "for-1-x", default_for="sd2")
    other = {**begun.values, "checkpoint": "toy-a", "prompt": "typed"}
    moved = actions.fill(studio, {"from": "defaults", "state": begun.state}, other, "anna")
    assert moved.values["steps"] is None and moved.values["negative_prompt"] == "text"
    assert (moved.values["checkpoint"], moved.values["prompt"]) == ("toy-a", "typed")
