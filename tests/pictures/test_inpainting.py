"""Whatever lies farther from the mask than its blur keeps its bytes; the rest is painted."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import InvalidField
from studio.pictures import Inpainting, Picture
from studio.pictures.mask import blur_reach_px, grown
from studio.pictures.picture import Bytes
from tests.pictures.recipes import inpaint_recipe


def noise(width_px: int, height_px: int, seed: int = 0, alpha: bool = False) -> Picture:
    dice = np.random.default_rng(seed)
    rgb = dice.integers(0, 256, (height_px, width_px, 3), np.uint8)
    return Picture(rgb, dice.integers(0, 256, (height_px, width_px), np.uint8) if alpha else None)


def box(width_px: int, height_px: int, left: int, top: int, right: int, bottom: int) -> Bytes:
    mask = np.zeros((height_px, width_px), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def reached(mask: Bytes, blur_x_px: int, blur_y_px: int) -> np.ndarray:  # type: ignore[type-arg]
    """Every pixel within the blur's reach of the mask, by brute force."""
    reach_x_px, reach_y_px = blur_reach_px(blur_x_px), blur_reach_px(blur_y_px)
    padded = np.pad(mask > 0, ((reach_y_px, reach_y_px), (reach_x_px, reach_x_px)))
    answer = np.zeros(mask.shape, bool)
    for y in range(2 * reach_y_px + 1):
        for x in range(2 * reach_x_px + 1):
            answer |= padded[y : y + mask.shape[0], x : x + mask.shape[1]]
    return answer


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_outside_the_blur_every_byte_is_the_sources(data: st.DataObject) -> None:
    draw = data.draw
    width_px, height_px = draw(st.integers(1, 150)), draw(st.integers(1, 150))
    left, top = draw(st.integers(0, width_px - 1)), draw(st.integers(0, height_px - 1))
    mask = box(
        width_px, height_px, left, top, draw(st.integers(left + 1, width_px)), draw(st.integers(top + 1, height_px))
    )
    source = noise(width_px, height_px, draw(st.integers(0, 99)), draw(st.booleans()))
    recipe = inpaint_recipe(
        width_px=draw(st.integers(8, 20)) * 8,
        height_px=draw(st.integers(8, 20)) * 8,
        inpaint_area=draw(st.sampled_from(["whole", "masked"])),
        masked_content=draw(st.sampled_from(["fill", "original"])),
        masked_padding_px=draw(st.integers(0, 40)),
        mask_invert=draw(st.booleans()),
        mask_grow_px=draw(st.integers(-3, 6)),
        mask_blur_x_px=draw(st.integers(0, 6)),
        mask_blur_y_px=draw(st.integers(0, 6)),
        soft_inpainting=draw(st.booleans()),
    )
    try:
        inpainting = Inpainting.of(source, mask, recipe)
    except InvalidField as error:
        assert error.field == "mask"
        return
    painted = noise(recipe.width_px, recipe.height_px, 7).rgb
    answer = inpainting.pasted(painted)
    wanted = 255 - mask if recipe.mask_invert else mask
    kept = ~reached(grown(wanted, recipe.mask_grow_px), recipe.mask_blur_x_px, recipe.mask_blur_y_px)
    assert answer.rgb.shape == source.rgb.shape
    assert np.array_equal(answer.rgb[kept], source.rgb[kept])
    assert (answer.alpha is None) == (source.alpha is None)
    if source.alpha is not None and answer.alpha is not None:
        assert np.array_equal(answer.alpha[kept], source.alpha[kept])
    assert inpainting.working.shape == painted.shape and inpainting.mask.shape == painted.shape[:2]
    assert inpainting.latent_mask.shape == (recipe.height_px // 8, recipe.width_px // 8)
    assert inpainting.latent_mask.any(), "something is painted"


@pytest.mark.parametrize("area", ["whole", "masked"])
def test_inside_the_mask_is_what_was_painted(area: str) -> None:
    mask = box(300, 200, 100, 60, 180, 140)
    recipe = inpaint_recipe(width_px=128, height_px=128, inpaint_area=area)
    answer = Inpainting.of(noise(300, 200), mask, recipe).pasted(np.full((128, 128, 3), 77, np.uint8))
    assert (answer.rgb[72:128, 112:168] == 77).all()


@pytest.mark.parametrize("area", ["whole", "masked"])
def test_a_thing_comes_back_where_it_was(area: str) -> None:
    """The working picture pasted back unchanged is the source, but for two resamplings of smooth colours."""
    y, x = np.mgrid[0:240, 0:360]
    source = Picture(np.stack([x * 255 // 360, y * 255 // 240, (x + y) * 255 // 600], axis=-1).astype(np.uint8))
    recipe = inpaint_recipe(width_px=192, height_px=128, inpaint_area=area)
    inpainting = Inpainting.of(source, box(360, 240, 40, 130, 150, 210), recipe)
    answer = inpainting.pasted(inpainting.working)
    assert np.abs(answer.rgb.astype(int) - source.rgb).max() <= 3


def test_no_resampling_where_sizes_agree() -> None:
    source = noise(128, 96)
    recipe = inpaint_recipe(width_px=128, height_px=96)
    inpainting = Inpainting.of(source, box(128, 96, 30, 30, 90, 70), recipe)
    assert np.array_equal(inpainting.working, source.rgb)
    assert np.array_equal(inpainting.pasted(source.rgb).rgb, source.rgb)


def test_fill_lets_nothing_of_the_hole_through() -> None:
    rgb = np.full((200, 300, 3), (20, 120, 220), np.uint8)
    mask = box(300, 200, 100, 60, 180, 140)
    rgb[mask > 0] = (255, 0, 0)
    recipe = inpaint_recipe(width_px=160, height_px=128, masked_content="fill")
    working = Inpainting.of(Picture(rgb), mask, recipe).working
    assert np.abs(working.astype(int) - (20, 120, 220)).max() <= 1


def test_outpainting_keeps_the_picture_and_fills_the_room() -> None:
    source = noise(100, 80)
    recipe = inpaint_recipe(width_px=128, height_px=96, outpaint_left_px=20, outpaint_bottom_px=16)
    answer = Inpainting.of(source, None, recipe).pasted(np.full((96, 128, 3), 9, np.uint8))
    assert (answer.width_px, answer.height_px, answer.alpha) == (120, 96, None)
    reach_px = blur_reach_px(4)
    assert np.array_equal(answer.rgb[: 80 - reach_px, 20 + reach_px :], source.rgb[: 80 - reach_px, reach_px:])
    assert (answer.rgb[:, :20] == 9).all() and (answer.rgb[80:] == 9).all()


def test_transparency_is_painted_without_a_mask() -> None:
    source = Picture(noise(100, 80).rgb, 255 - box(100, 80, 30, 20, 60, 50))
    answer = Inpainting.of(source, None, inpaint_recipe()).pasted(np.full((64, 64, 3), 9, np.uint8))
    assert answer.alpha is not None and answer.alpha.min() == 255
    assert (answer.rgb[20:50, 30:60] == 9).all(), "nothing was there to blend with"


@pytest.mark.parametrize(
    ("mask", "fields"),
    [
        (box(60, 40, 0, 0, 0, 0), {}),
        (box(60, 40, 0, 0, 60, 40), {"mask_invert": True}),
        (None, {}),
        (box(60, 40, 5, 5, 9, 9), {"mask_grow_px": -8}),
        (box(60, 40, 5, 5, 6, 6), {"mask_blur_x_px": 60, "mask_blur_y_px": 60}),
        (box(70, 70, 5, 5, 60, 60), {}),
    ],
)
def test_nothing_to_paint_or_a_mask_that_does_not_fit_is_refused(mask: Bytes | None, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as caught:
        Inpainting.of(noise(60, 40), mask, inpaint_recipe(**fields))
    assert caught.value.field == "mask" and caught.value.allowed


def test_a_mask_of_the_same_aspect_is_stretched() -> None:
    small, large = box(60, 40, 15, 10, 45, 30), box(300, 200, 75, 50, 225, 150)
    recipe = inpaint_recipe(width_px=96, height_px=64)
    stretched, exact = [Inpainting.of(noise(300, 200), mask, recipe).mask for mask in (small, large)]
    assert np.abs(stretched - exact).mean() < 0.01


def test_the_faint_noise_of_a_jpeg_mask_paints_nothing() -> None:
    mask = box(64, 64, 20, 20, 40, 40)
    mask[mask == 0] = 9
    answer = Inpainting.of(noise(64, 64), mask, inpaint_recipe()).pasted(np.zeros((64, 64, 3), np.uint8))
    assert np.array_equal(answer.rgb[55:], noise(64, 64).rgb[55:])


def test_soft_inpainting_follows_the_change() -> None:
    source = Picture(np.full((128, 128, 3), 100, np.uint8))
    mask = box(128, 128, 40, 40, 90, 90)
    fields: dict[str, Any] = {"width_px": 128, "height_px": 128, "mask_blur_x_px": 8, "mask_blur_y_px": 8}
    shares = {}
    for level in (104, 250):
        for is_soft in (False, True):
            inpainting = Inpainting.of(source, mask, inpaint_recipe(soft_inpainting=is_soft, **fields))
            answer = inpainting.pasted(np.full((128, 128, 3), level, np.uint8))
            rim = answer.rgb[60, 80:100, 0].astype(float)  # across the mask's edge, where weights are between
            shares[level, is_soft] = ((rim - 100) / (level - 100)).mean()
    assert shares[104, True] < shares[104, False] - 0.1, "what hardly changed stays the source's"
    assert shares[250, True] > shares[250, False] + 0.1, "what changed is not see-through at its rim"


def test_a_small_mask_in_a_large_source_costs_little() -> None:
    def cost(side_px: int) -> tuple[float, int]:
        source = Picture(np.full((side_px, side_px, 3), 50, np.uint8))
        mask = box(side_px, side_px, 200, 200, 260, 270)
        recipe = inpaint_recipe(width_px=512, height_px=512, inpaint_area="masked", masked_content="fill")
        tracemalloc.start()
        began = time.monotonic()
        inpainting = Inpainting.of(source, mask, recipe)
        inpainting.pasted(inpainting.working)
        seconds, peak_bytes = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return seconds, peak_bytes

    cost(512)
    small_s, small_bytes = cost(512)
    large_s, large_bytes = cost(4096)
    print(f"512: {small_s:.3f} s, {small_bytes >> 20} MB; 4096: {large_s:.3f} s, {large_bytes >> 20} MB")
    one_copy = 4096 * 4096 * 3
    assert large_bytes - small_bytes < 2 * one_copy, "the answer, and at most as much again"
    assert large_s < small_s + 2
