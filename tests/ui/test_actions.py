"""The page's actions against a real studio (with no worker): choices, advice, sizes, and filling the form."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from studio.library.hashes import Hashes
from studio.recipe import Recipe
from studio.recipe.events import Pixels
from studio.sampling.catalogue import SAMPLERS, SCHEDULES
from studio.services import LOCAL_OWNER, Studio, build_studio
from studio.settings import load_settings
from studio.ui import actions
from studio.ui.fields import untouched, values_from

INFOTEXT = (
    "a red fox\nNegative prompt: blurry\n"
    "Steps: 31, Sampler: DPM++ 2M Karras, CFG scale: 5.5, Seed: 77, Size: 512x768, Model: nowhere, Clip skip: 2"
)


def test_the_automatic_choice_says_what_it_is(studio: Studio) -> None:
    (label, value), *others = actions.checkpoint_choices(studio)
    assert value == "auto" and label.startswith("Auto: ")
    assert {"toy-a", "toy-b"} <= {name for name, _ in others}
    assert actions.sampler_choices(studio, "auto")[0][0].removeprefix("Auto: ") in {one.name for one in SAMPLERS}


def test_every_sampler_and_schedule_can_be_chosen(studio: Studio) -> None:
    assert {value for _, value in actions.sampler_choices(studio, "auto")} == {"auto", *(one.name for one in SAMPLERS)}
    labels = {one.label for one in SCHEDULES if one.name != "automatic"}
    assert {value for _, value in actions.schedule_choices(studio, "auto", "Euler a")} == {"auto", *labels}


@pytest.mark.parametrize(
    ("sampler", "steps", "outside"),
    [
        ("Euler a", 8, False),
        ("Euler a", 35, False),
        ("Euler a", 7, True),
        ("Euler a", 36, True),
        ("Euler", 29, True),
        ("Euler", 50, False),
        ("LMS", 50, False),
        ("PLMS", 50, False),
        ("DDIM", 8, False),
        ("DDIM", 7, True),
        ("DPM2", 29, True),
        ("DPM2 a", 80, False),
    ],
)
def test_steps_outside_the_useful_range_are_marked(studio: Studio, sampler: str, steps: int, outside: bool) -> None:
    advice = actions.advise(studio, "auto", sampler, steps)
    assert advice.outside is outside
    assert (sampler in advice.sentence and str(steps) in advice.sentence) is outside


def test_empty_steps_are_judged_by_what_they_stand_for(studio: Studio) -> None:
    shown = int(actions.defaults(studio, "auto", "Euler a")["steps"])
    assert actions.advise(studio, "auto", "Euler a", None) == actions.advise(studio, "auto", "Euler a", shown)


def test_a_studio_without_checkpoints_still_has_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.services.shipped", lambda name: tmp_path / "nothing")
    bare = build_studio(load_settings(home=tmp_path / "home", engine="fake"))
    try:
        assert actions.checkpoint_choices(bare) == [("Auto", "auto")]
        assert actions.defaults(bare, "auto", "auto")["steps"] == ""
        assert actions.count_tokens(bare, "a cat", "auto") == ""
        assert actions.choose_aspect(bare, "3:2", "auto") == (None, None)
    finally:
        bare.close()


def test_the_form_waits_for_no_hash(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large checkpoint that takes seconds, and everybody who opens the page would wait for them."""

    def never(*given: object) -> str:
        raise AssertionError("a file was read for the form")

    monkeypatch.setattr(Hashes, "compute", never)
    names = [name for _, name in actions.checkpoint_choices(studio)]
    for name in names:
        assert actions.defaults(studio, name, "auto")
        assert actions.sampler_choices(studio, name)
        text = f"a cat\nSteps: 4, Sampler: Euler, Model: {name}"
        assert actions.fill(studio, {"from": "text", "text": text}, untouched()).values["prompt"] == "a cat"


def test_tokens_are_counted_against_full_chunks(studio: Studio) -> None:
    assert actions.count_tokens(studio, "cat", "toy-a") == "1 / 75"
    assert actions.count_tokens(studio, "cat " * 76, "toy-a") == "76 / 150"
    assert actions.count_tokens(studio, "", "toy-a") == ""


@pytest.mark.parametrize("native", [128, 512, 768, 1024])
@pytest.mark.parametrize("aspect", actions.ASPECTS)
def test_sizes_keep_aspect_and_area(aspect: str, native: int) -> None:
    width, height = actions.size_for(aspect, native)
    across, down = actions.ASPECTS[aspect]
    cell = 64 if native >= 512 else 8
    assert width % cell == 0 and height % cell == 0
    assert width / height == pytest.approx(across / down, rel=0.2)
    assert width * height == pytest.approx(native * native, rel=0.2)


def test_a_size_finds_its_aspect_again(studio: Studio) -> None:
    for aspect in actions.ASPECTS:
        width, height = actions.choose_aspect(studio, aspect, "toy-a")
        assert actions.aspect_of(studio, width, height, "toy-a") == aspect
    assert actions.aspect_of(studio, 72, 128, "toy-a") in (None, "9:16")
    assert actions.aspect_of(studio, 64, 640, "toy-a") is None


def test_a_preset_keeps_what_it_says_nothing_of(studio: Studio) -> None:
    before = {**untouched(), "prompt": "a cat", "seed": 5}
    filled = actions.fill(studio, {"from": "presets", "names": ["quick-sketch"]}, before)
    assert filled.values["sampler"] == "Euler a" and filled.values["seed"] == 5 and filled.values["prompt"] == "a cat"
    assert filled.note == ""


def test_pasted_text_fills_the_form_and_tells_what_is_not_here(studio: Studio) -> None:
    filled = actions.fill(studio, {"from": "text", "text": INFOTEXT}, {**untouched(), "checkpoint": "toy-b"})
    expected = {"prompt": "a red fox", "negative_prompt": "blurry", "steps": 31, "guidance_scale": 5.5, "seed": 77}
    expected |= {"width_px": 512, "height_px": 768, "clip_skip": 2, "sampler": "DPM++ 2M", "schedule": "Karras"}
    assert {name: filled.values[name] for name in expected} == expected
    assert filled.values["checkpoint"] == "toy-b" and "nowhere" in filled.note


OF_A_PICTURE = "a fox\nSteps: 9, Sampler: Euler, Seed: 1, Size: 64x64, Denoising strength: 0.4, Model: toy-a"


def test_a_text_of_a_picture_keeps_the_forms_own_picture(studio: Studio) -> None:
    own = {**untouched(), "source": "5e" * 32, "source_image": "0123"}
    filled = actions.fill(studio, {"from": "text", "text": OF_A_PICTURE}, own)
    kept = {name: filled.values[name] for name in ("mode", "source", "source_image", "denoising_strength")}
    assert kept == {"mode": "image", "source": "5e" * 32, "source_image": "0123", "denoising_strength": 0.4}
    assert "yours was kept" in filled.note


def test_a_text_of_a_picture_stays_text_to_image_where_there_is_none(studio: Studio) -> None:
    filled = actions.fill(studio, {"from": "text", "text": OF_A_PICTURE}, untouched())
    assert (filled.values["mode"], filled.values["source"], filled.values["steps"]) == ("text", "", 9)
    assert "Image to image" in filled.note


def test_what_was_read_of_a_picture_fills_the_form(studio: Studio) -> None:
    said = studio.holdings.read_text(INFOTEXT.replace("DPM++ 2M", "HeunPP2") + ", Odd key: 3").as_dict()
    before = {**untouched(), "checkpoint": "toy-b", "sampler": "Heun"}
    filled = actions.fill(studio, {"from": "reading", "said": said}, before)
    assert (filled.values["steps"], filled.values["checkpoint"], filled.values["sampler"]) == (31, "toy-b", "Heun")
    assert "HeunPP2" in filled.note and "Odd key" in filled.note


def test_a_picture_gives_its_recipe_back(studio: Studio) -> None:
    recipe = studio.resolve(Recipe(prompt="a <b>cat</b>", seed=9, checkpoint="toy-b", sampler="Euler a"))
    kept = studio.gallery.add(Pixels(64, 64, bytes(64 * 64 * 3)), recipe, {}, LOCAL_OWNER, "job", 0)
    filled = actions.fill(studio, {"from": "image", "id": kept.id}, untouched())
    assert filled.values == values_from(recipe.to_recipe())
    assert studio.resolve(Recipe(**{k: v for k, v in filled.values.items() if v is not None})) == recipe


@pytest.mark.parametrize("message", [{"from": "image", "id": "none"}, {"from": "presets", "names": ["none"]}, {}])
def test_what_cannot_be_read_leaves_the_form_alone(studio: Studio, message: dict[str, str]) -> None:
    before = {**untouched(), "prompt": "mine"}
    filled = actions.fill(studio, message, before)
    assert filled.values == before and filled.note


def test_undo_and_reset(studio: Studio) -> None:
    before = {**untouched(), "prompt": "mine", "steps": 3}
    assert actions.fill(studio, {"from": "values", "values": before}, untouched()).values == before
    assert actions.fill(studio, {"from": "nothing"}, before).values == untouched()


def test_a_damaged_checkpoint_is_not_offered(tmp_path: Path, toy_models: Path) -> None:
    hurt = tmp_path / "models" / "hurt"
    shutil.copytree(toy_models / "toy-a", hurt)
    weights = next((hurt / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    built = build_studio(load_settings(home=tmp_path / "home", models=[tmp_path / "models"], engine="fake"))
    try:
        assert "hurt" not in dict(actions.checkpoint_choices(built)).values()
    finally:
        built.close()


def test_examples_suit_the_checkpoint(studio: Studio) -> None:
    assert actions.examples(studio) in (actions.EXAMPLES, actions.STARTER_EXAMPLES)
    starter = studio.offer.checkpoint("auto").name == actions.STARTER
    assert (actions.examples(studio) == actions.STARTER_EXAMPLES) is starter
