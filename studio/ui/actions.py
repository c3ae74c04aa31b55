"""What the page does, as plain functions of a `Studio` and values: no Gradio in here.

An action that can fail for a reason the person should read answers with a sentence instead of raising, because the
page shows it where they look; what nobody foresaw is caught at the page's boundary in `wiring`. It is long because
every way into the form stands here side by side: they must agree about what is kept and what is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studio.errors import NotFound, StudioError, UnknownCheckpoint, UnknownSampler
from studio.recipe import CheckpointFacts, Mode, Recipe
from studio.recipe.finish import NO_UPSCALER
from studio.recipe.model import AUTO, OWN_VAE
from studio.recipe.presets import PICTURE_FIELDS, Preset
from studio.recipe.templates import Templates, as_typed
from studio.sampling import catalogue
from studio.services import LOCAL_OWNER, Studio
from studio.ui.fields import Values, is_auto, recipe_from, untouched, values_from
from studio.ui.preset_stack import Layer, Stack

ASPECTS: dict[str, tuple[int, int]] = {
    "1:1": (1, 1),
    "4:5": (4, 5),
    "2:3": (2, 3),
    "9:16": (9, 16),
    "3:2": (3, 2),
    "16:9": (16, 9),
}
"""Shapes the page offers; sizes follow from the checkpoint's own."""

STARTER = "starter"
STARTER_EXAMPLES = (
    "3d cat face on a blue background",
    "flat rocket on a yellow background",
    "3d pizza on a green background",
    "flat octopus on a black background",
)
EXAMPLES = (
    "a lighthouse at dusk, storm clouds, oil painting",
    "portrait of an old clockmaker in his workshop, warm light",
    "a fox in fresh snow, photograph, morning sun",
    "isometric little bakery, soft colours, illustration",
)

EMPTY_DEFAULTS = ("steps", "guidance_scale", "width_px", "height_px", "clip_skip", "eta")
"""Fields that show what they stand for while they are empty."""


TEMPLATE = "The template is in the form, with the seed that makes its words."

KEPT: tuple[str, ...] = ("checkpoint", "sampler", "schedule")
"""What the form keeps where a recipe from elsewhere names one that is not here."""


@dataclass(frozen=True)
class Filled:
    """New values for the whole form, and a sentence about what could not be taken over (else empty).

    ``state`` is what the page's script remembers of the presets in the form; ``None``: there are none.
    """

    values: dict[str, Any]
    note: str = ""
    state: dict[str, Any] | None = None


@dataclass(frozen=True)
class Advice:
    """What to know about a sampler: its useful steps, a sentence, and whether the step count lies outside."""

    steps_low: int
    steps_high: int
    sentence: str
    outside: bool


def checkpoint_choices(studio: Studio) -> list[tuple[str, str]]:
    """(label, value) of every checkpoint that can run, the automatic choice first."""
    facts = _facts(studio, AUTO)
    automatic = (f"Auto: {facts.name}" if facts else "Auto", AUTO)
    usable = (checkpoint.name for checkpoint in studio.library.checkpoints() if checkpoint.problem is None)
    return [automatic, *((name, name) for name in usable)]


def sampler_choices(studio: Studio, checkpoint: str | None) -> list[tuple[str, str]]:
    """(label, value) of every sampler; the automatic choice says what it is for this checkpoint."""
    facts = _facts(studio, checkpoint)
    automatic = f"Auto: {facts.default_sampler}" if facts else "Auto"
    return [(automatic, AUTO), *((entry.name, entry.name) for entry in catalogue.SAMPLERS)]


def schedule_choices(studio: Studio, checkpoint: str | None, sampler: str | None) -> list[tuple[str, str]]:
    """(label, value) of every schedule; the automatic choice says what it is for this sampler."""
    entry = _sampler(studio, checkpoint, sampler)
    automatic = f"Auto: {catalogue.find_schedule(entry.default_schedule).label}"
    others = (schedule.label for schedule in catalogue.SCHEDULES if schedule.name != "automatic")
    return [(automatic, AUTO), *((label, label) for label in others)]


def upscaler_choices(studio: Studio, *, latent: bool) -> list[tuple[str, str]]:
    """(label, value) of every upscaler: of latents and pixels for the second pass, of pixels alone for the finish."""
    names = [one.facts.name for one in studio.offer.upscalers() if latent or one.kind != "latent"]
    return [*([] if latent else [("Off", NO_UPSCALER)]), *((name, name) for name in names)]


def vae_choices(studio: Studio, checkpoint: str | None) -> list[tuple[str, str]]:
    """(label, value) of every VAE that can be used, the checkpoint’s own first; for one that has none, what fits."""
    usable = [card.name for card in studio.library.parts("vae") if card.usable]
    facts = _facts(studio, checkpoint)
    automatic, own = "Auto: what suits the checkpoint", "The checkpoint’s own"
    if facts is not None and facts.needs_vae:
        automatic = f"Auto: {facts.default_vae}" if facts.default_vae else "Choose one: the checkpoint has none"
        own = "The checkpoint’s own: it has none"
        usable = [*facts.fitting_vaes, *(name for name in usable if name not in facts.fitting_vaes)]
    return [(automatic, AUTO), (own, OWN_VAE), *((name, name) for name in usable)]


def examples(studio: Studio) -> tuple[str, ...]:
    """Prompts to begin with, of the kind that the automatic checkpoint knows."""
    return STARTER_EXAMPLES if begins_with_starter(studio) else EXAMPLES


def begins_with_starter(studio: Studio) -> bool:
    """Whether the automatic checkpoint is the small one that ships."""
    facts = _facts(studio, AUTO)
    return facts is not None and facts.name == STARTER


def defaults(studio: Studio, checkpoint: str | None, sampler: str | None) -> dict[str, str]:
    """What an empty field stands for with this checkpoint and sampler, as text to show in it."""
    facts = _facts(studio, checkpoint)
    shown = {"eta": f"{_sampler(studio, checkpoint, sampler).default_eta:g}"}
    if facts is None:
        return {**dict.fromkeys(("steps", "guidance_scale", "width_px", "height_px", "clip_skip"), ""), **shown}
    size = str(facts.native_size_px)
    return {
        "steps": str(facts.default_steps),
        "guidance_scale": f"{facts.default_guidance_scale:g}",
        "width_px": size,
        "height_px": size,
        "clip_skip": str(facts.default_clip_skip),
        **shown,
    }


def advise(studio: Studio, checkpoint: str | None, sampler: str | None, steps: float | None) -> Advice:
    """What to know about the chosen sampler at this step count."""
    entry = _sampler(studio, checkpoint, sampler)
    facts = _facts(studio, checkpoint)
    count = int(steps) if steps is not None else facts.default_steps if facts else entry.steps_low
    warning = catalogue.advice_for(entry.name, count)
    sentence = warning or f"{entry.advice} Useful steps: {entry.useful_steps}."
    return Advice(entry.steps_low, entry.steps_high, sentence, warning is not None)


def count_tokens(studio: Studio, text: str | None, checkpoint: str | None) -> str:
    """The token count to show beside a prompt; empty while there is nothing to count or nothing to count with."""
    if not text:
        return ""
    try:
        used, capacity = studio.count_tokens(text, AUTO if is_auto(checkpoint) else str(checkpoint))
    except StudioError:
        return ""  # what is wrong with it is said under the prompt
    return f"{used} / {capacity}"


def size_for(aspect: str, native_size_px: int) -> tuple[int, int]:
    """Width and height of an aspect with about as many pixels as the checkpoint was trained on.

    Sides are multiples of 64, which every network takes, or of 8 for checkpoints too small for that to be close.
    """
    across, down = ASPECTS[aspect]
    cell = 64 if native_size_px >= 512 else 8
    scale = native_size_px / (across * down) ** 0.5
    return _rounded(across * scale, cell), _rounded(down * scale, cell)


def choose_aspect(studio: Studio, aspect: str, checkpoint: str | None) -> tuple[int | None, int | None]:
    """Width and height for the form; the checkpoint's own square is left to it."""
    facts = _facts(studio, checkpoint)
    if aspect == "1:1" or facts is None:
        return None, None
    return size_for(aspect, facts.native_size_px)


def aspect_of(studio: Studio, width_px: float | None, height_px: float | None, checkpoint: str | None) -> str | None:
    """The offered aspect that makes exactly this size, or ``None``; an empty side is the checkpoint's own."""
    facts = _facts(studio, checkpoint)
    if facts is None:
        return None
    native = facts.native_size_px
    size = (width_px if width_px is not None else native, height_px if height_px is not None else native)
    return next((aspect for aspect in ASPECTS if size_for(aspect, native) == size), None)


def fill(studio: Studio, message: Mapping[str, Any], values: Values, owner: str = LOCAL_OWNER) -> Filled:
    """Fill the form from what a click meant: presets, a picture's recipe, pasted text, or the form's beginning.

    ``message`` is ``{"from": "presets", "names", "state"}`` (all that are to lie over the form, in their order),
    ``{"from": "defaults", "state"}`` (the checkpoint is another), ``{"from": "image", "id"}``,
    ``{"from": "job", "id"}`` (what was ordered), ``{"from": "text", "text"}``,
    ``{"from": "reading", "said"}`` (what ``/recipes/read`` answered for a picture), ``{"from": "model", "id"}`` (a
    checkpoint and the settings that somebody keeps for it), ``{"from": "values", "values"}`` (as they were before, to
    undo) or ``{"from": "nothing"}``. Where a prompt was drawn from a template, the form gets the template, or with
    ``"take": "words"`` what became of it.
    """
    words = message.get("take") == "words"
    try:
        source = message.get("from")
        if source == "presets":
            return _from_presets(studio, message, values, owner)
        if source == "defaults":
            return _follow_checkpoint(studio, message, values, owner)
        if source == "image":
            return _from_image(studio, str(message.get("id")), values, owner, words)
        if source == "job":
            return _known(studio, studio.job(str(message.get("id")), owner).recipe.to_recipe(), values)
        if source == "text":
            said = studio.holdings.read_text(str(message.get("text"))).as_dict()
            return _from_stock(studio, said, values, words)
        if source == "reading":
            return _from_stock(studio, message.get("said", {}), values, words)
        if source == "model":
            return _from_model(studio, str(message.get("id")), values)
        if source == "values":
            return Filled({**values, **message.get("values", {})}, state=message.get("state"))
        if source == "nothing":
            return _from_nothing(studio, owner)
        raise NotFound(f"There is nothing to fill the form from: {source!r}.")
    except StudioError as error:
        return Filled(dict(values), str(error), message.get("state"))


def _from_presets(studio: Studio, message: Mapping[str, Any], values: Values, owner: str) -> Filled:
    presets = studio.presets_of(owner)
    stack = Stack.read(message.get("state"), values).settled(values, presets)
    return _laid(studio, stack.with_names(map(str, message.get("names") or ())), presets, values)


def _follow_checkpoint(studio: Studio, message: Mapping[str, Any], values: Values, owner: str) -> Filled:
    presets = studio.presets_of(owner)
    stack = Stack.read(message.get("state"), values).settled(values, presets)
    defaults = _defaults(studio, owner, values.get("checkpoint"))
    return _laid(studio, stack.with_defaults(defaults), presets, values)


def _from_nothing(studio: Studio, owner: str) -> Filled:
    """An untouched form, and the presets somebody begins with."""
    values = untouched()
    first = studio.presets.defaults(owner, "")
    checkpoint = first[0].fields.get("checkpoint") if first else None
    stack = Stack(values).with_defaults(_defaults(studio, owner, checkpoint))
    return _laid(studio, stack, studio.presets_of(owner), values)


def _defaults(studio: Studio, owner: str, checkpoint: str | None) -> list[Layer]:
    """The presets an untouched form begins with; what is for a family of checkpoints does not choose another."""
    facts = _facts(studio, checkpoint)
    found = studio.presets.defaults(owner, facts.family if facts else "")
    kept = frozenset(("checkpoint",))
    return [Layer(one.name, frozenset() if one.default_for == "any" else kept, automatic=True) for one in found]


def _laid(studio: Studio, stack: Stack, presets: Mapping[str, Preset], values: Values) -> Filled:
    """The form with the stack's presets on it; those that cannot be used are named and left out."""
    notes, usable = [], []
    for layer in stack.layers:
        preset = presets.get(layer.name)
        if preset is None:
            notes.append(f"The preset “{layer.name}” is no longer there.")
        elif preset.problem:
            notes.append(f"“{preset.title}” cannot be used: {preset.problem}.")
        else:
            usable.append(layer)
    stack = Stack(stack.base, tuple(usable), stack.shown)
    laid = stack.laid(presets)
    shown = _known(studio, laid.recipe, values, " ".join(notes))
    state = {
        "base": dict(stack.base),
        "layers": [
            {
                "name": layer.name,
                "title": presets[layer.name].title,
                "released": sorted(layer.released),
                "automatic": layer.automatic,
            }
            for layer in stack.layers
        ],
        "shown": shown.values,
        "set_by": {field: [presets[name].title for name in names] for field, names in laid.set_by.items()},
        "frames": laid.frames,
    }
    return Filled(shown.values, shown.note, state)


def _from_model(studio: Studio, model_id: str, values: Values) -> Filled:
    card = studio.library.by_id(model_id)
    recipe = recipe_from(values).with_fields({"checkpoint": card.name, **card.recipe})
    own = f" with {len(card.recipe)} settings of its own" if card.recipe else ""
    return _known(studio, recipe, values, f"“{card.name}” is in the form{own}.")


def _from_image(studio: Studio, image_id: str, values: Values, owner: str, words: bool) -> Filled:
    image = studio.gallery.get(owner, image_id)
    recipe, typed = image.to_recipe(), image.to_typed_recipe()
    if recipe is None or typed is None:
        return Filled(dict(values), "This picture does not say how it was made; the form is as it was.")
    if image.recipe is not None:
        return _known(studio, recipe if words else typed, values, TEMPLATE if not words and typed != recipe else "")
    # made elsewhere, with what that program had
    read = studio.holdings.read_picture(studio.gallery.file(owner, image_id).read_bytes())
    return _from_stock(studio, read.as_dict(), values, words)


def _from_stock(studio: Studio, said: Mapping[str, Any], values: Values, words: bool) -> Filled:
    """The form for what a picture or text said; what this studio lacks of it, the form keeps as it was."""
    lacking = {str(item["kind"]): str(item["name"]) for item in said.get("lacks", ())}
    kept = [kind for kind in KEPT if kind in lacking and values.get(kind)]
    fields: dict[str, Any] = {kind: values[kind] for kind in kept}
    notes = [f"The {kind} “{lacking[kind]}” is not here; yours was kept." for kind in kept]
    notes += [str(item["words"]) for item in said.get("lacks", ()) if item["kind"] not in (*kept, "source")]
    if "source" in lacking:
        mode = str(said.get("mode"))
        if values.get("source") and mode in (Mode.IMAGE.value, Mode.INPAINT.value):
            fields |= {"mode": mode, **{name: values.get(name) or "" for name in PICTURE_FIELDS}}
            notes.append("It was made from a picture that it does not bring; yours was kept.")
        else:
            notes.append("It was made from a picture that it does not bring. Choose one under “Image to image”.")
    templates = Templates(**({} if words else said.get("templates") or {}))
    notes += [TEMPLATE] if templates.typed() else []
    recipe = Recipe(**as_typed({**fields, **said.get("recipe", {})}, templates))
    unused = said.get("unused") or {}
    if unused:
        notes.append(f"Not understood and left out: {', '.join(unused)}.")
    return _known(studio, recipe, values, " ".join([*notes, *said.get("notes", ())]))


def _known(studio: Studio, recipe: Recipe, values: Values, note: str = "") -> Filled:
    """The form for ``recipe``, keeping the present choice where it names something this studio does not have."""
    shown = values_from(recipe)
    notes = [note] if note else []
    try:
        if not is_auto(recipe.checkpoint):
            shown["checkpoint"] = studio.library.find(recipe.checkpoint, hashed=False).name
    except UnknownCheckpoint:
        shown["checkpoint"] = values.get("checkpoint") or AUTO
        notes.append(f"The checkpoint “{recipe.checkpoint}” is not here; yours was kept.")
    try:
        if not is_auto(recipe.sampler):
            shown["sampler"] = catalogue.find_sampler(recipe.sampler)[0].name
        if not is_auto(recipe.schedule):
            entry = catalogue.find_schedule(recipe.schedule)
            shown["schedule"] = AUTO if entry.name == "automatic" else entry.label
    except UnknownSampler as error:
        shown["sampler"], shown["schedule"] = values.get("sampler") or AUTO, values.get("schedule") or AUTO
        notes.append(f"{error} Yours was kept.")
    return Filled(shown, " ".join(notes))


def _facts(studio: Studio, checkpoint: str | None) -> CheckpointFacts | None:
    try:
        return studio.library.facts(AUTO if is_auto(checkpoint) else str(checkpoint), hashed=False)
    except StudioError:
        return None


def _sampler(studio: Studio, checkpoint: str | None, sampler: str | None) -> catalogue.SamplerEntry:
    facts = _facts(studio, checkpoint)
    name = sampler if not is_auto(sampler) else facts.default_sampler if facts else catalogue.SAMPLERS[0].name
    try:
        return catalogue.find_sampler(str(name))[0]
    except UnknownSampler:
        return catalogue.SAMPLERS[0]


def _rounded(side: float, cell: int) -> int:
    return max(64, round(side / cell) * cell)
