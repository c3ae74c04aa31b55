"""Flags become fields of a recipe: every flag of the command has one, and shapes are read or refused in words."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from studio.cli.finish import finish
from studio.cli.generate import generate
from studio.cli.recipe_flags import fields_of
from studio.errors import InvalidField
from studio.recipe import Recipe

NO_FIELDS = {"context", "count", "preset", "init", "mask", "out", "home", "models", "device", "format", "quality"}
NO_FIELDS |= {"matrix", "prompts_from"}
VALUES: dict[str, Any] = {
    "size": "64x128", "hires_size": "128 x 256".replace(" ", ""), "blur": "4,8", "outpaint": "8,0,16,0",
    "masked_content": "latent-noise", "mode": "inpaint", "resize": "crop", "area": "masked", "tiling": "both",
    "steps": 7, "seed": 5, "padding": 8, "grow": -2, "hires_steps": 3, "guidance": 3.5, "strength": 0.25,
    "hires_scale": 1.5, "hires_strength": 0.75, "hires_guidance": 2.5, "upscale": 4.0,
    "exact": True, "invert": True, "soft": True, "colour_correction": True,
}  # fmt: skip
ADJUSTMENTS = ("brightness", "contrast", "saturation", "temperature", "sharpness")


@pytest.mark.parametrize("command", [generate, finish])
def test_every_flag_sets_a_field_of_its_own(command: Any) -> None:
    flags = [name for name in inspect.signature(command).parameters if name not in NO_FIELDS | {"picture"}]
    seen: dict[str, str] = {}
    for flag in flags:
        value = VALUES.get(flag, 0.5 if flag in ADJUSTMENTS else "words")
        fields = fields_of({flag: value})
        assert fields, f"--{flag} sets nothing"
        changed = Recipe(**fields)
        assert changed != Recipe(), f"--{flag} changes nothing"
        own = {name for name in fields if name not in ("upscaler", "upscale") or name == flag}
        assert not own & set(seen), f"--{flag} and --{seen} set the same field"
        seen |= dict.fromkeys(own, flag)


def test_a_flag_that_is_left_out_sets_nothing() -> None:
    assert fields_of(dict.fromkeys(inspect.signature(generate).parameters)) == {}
    assert fields_of({"invert": False, "soft": False}) == {}
    assert fields_of({"brightness": 0.0, "seed": 0}) == {"brightness": 0.0, "seed": 0}


def test_shapes() -> None:
    assert fields_of({"size": "64×128"}) == {"width_px": 64, "height_px": 128}
    assert fields_of({"blur": "4"}) == {"mask_blur_x_px": 4, "mask_blur_y_px": 4}
    assert fields_of({"blur": "4, 8"}) == {"mask_blur_x_px": 4, "mask_blur_y_px": 8}
    sides = fields_of({"outpaint": "1,2,3,4"})
    assert [sides[f"outpaint_{side}_px"] for side in ("left", "right", "top", "bottom")] == [1, 2, 3, 4]


def test_half_an_upscaling_is_completed() -> None:
    assert fields_of({"upscale": 3.0}) == {"upscaler": "Lanczos", "upscale": 3.0}
    assert fields_of({"upscaler": "4x"}) == {"upscaler": "4x", "upscale": 2.0}


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("size", "big"),
        ("hires_size", "512"),
        ("blur", "1,2,3"),
        ("blur", "-1"),
        ("outpaint", "64"),
        ("outpaint", "a,b,c,d"),
    ],
)
def test_what_has_no_such_shape_is_refused_in_words(flag: str, text: str) -> None:
    with pytest.raises(InvalidField, match="such as") as caught:
        fields_of({flag: text})
    assert caught.value.field == flag
