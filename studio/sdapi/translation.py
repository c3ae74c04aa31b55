"""The one seam between A1111's requests and recipes.

What the studio has the feature for is translated, or refused in words; what it has no counterpart for, and what does
not name a model or script, is left out and said in ``comments``. Source pictures are stored here, before anything is
ordered. It orders nothing itself.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.accounts import ClientOptions
from studio.errors import InvalidField, NotFound, UnknownSampler
from studio.recipe import Recipe, Tiling
from studio.recipe.finish import LATENT_UPSCALERS, SAME
from studio.recipe.limits import MAX_SEED, SIZE_MULTIPLE_PX
from studio.recipe.model import AUTO, AUTO_SEED
from studio.recipe.presets import Preset, find_preset
from studio.sampling import catalogue
from studio.sdapi import models, options
from studio.sdapi.errors import Refusal
from studio.sdapi.fields import DIRECT, SECOND_PASS, named_as_sent
from studio.sdapi.schemas import Generation, ImageToImage, TextToImage
from studio.sdapi.scripts import SdUpscale, find_script, sd_upscale, soft_inpainting
from studio.sdapi.starts import Start, start_fields
from studio.services import Studio

HIRES_STRENGTH = 0.75
"""A1111's, where a second pass is asked for without one."""

_TAGS = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*>")
_SAMES = ("use same sampler", "use same scheduler", "")
_WITHOUT_COUNTERPART: Mapping[str, Any] = {
    # what each may be without a word: A1111's default, and what clients send that leave it at that
    "restore_faces": (False,),
    "s_min_uncond": (0,),
    "s_churn": (0,),
    "s_tmin": (0,),
    "s_tmax": (0,),
    "s_noise": (1, 0),
    "firstpass_image": ("",),
    "refiner_switch_at": (0, 0.8, 1),
    "image_cfg_scale": (0, 1.5),
    "initial_noise_multiplier": (1,),
    "latent_mask": ("",),
}


@dataclass(frozen=True)
class Plan:
    """What to order: ``recipe`` (its seeds rolled) from each of ``starts`` in turn, ``batch_size`` at a time, that
    ``iterations`` times. ``upscale`` is set where it is made in tiles. ``comments`` say what was left out.
    """

    kind: str
    recipe: Recipe
    starts: tuple[Start, ...]
    batch_size: int
    iterations: int
    chosen: options.Chosen
    upscale: SdUpscale | None = None
    comments: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()

    def orders(self) -> Iterator[tuple[int, Recipe, int]]:
        """Each job as its iteration, its recipe and its count; seeds count up over all of them."""
        place = 0
        moved = "variation_seed" if self.recipe.variation_strength > 0 else "seed"
        for iteration in range(self.iterations):
            for start in self.starts or ({},):
                first = (getattr(self.recipe, moved) + place) % (MAX_SEED + 1)
                count = 1 if len(self.starts) > 1 else self.batch_size
                yield iteration, self.recipe.with_fields({**start, moved: first}), count
                place += count


@dataclass
class _Draft:
    """A recipe on its way: what is set of it, and what to say about the rest."""

    fields: dict[str, Any] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)


def plan_of(request: Generation, studio: Studio, owner: str) -> Plan:
    """What a request means here, for ``owner`` with the options they have set.

    Raises:
        Refusal: what A1111 refuses with a status of its own (sampler, script, init image).
        InvalidField, PromptError: a value that cannot be used, named as it was sent.
        UnknownCheckpoint, UnknownPart: a model that is not here.
    """
    kind = "img2img" if isinstance(request, ImageToImage) else "txt2img"
    script, is_soft = find_script(kind, request.script_name), soft_inpainting(kind, request.alwayson_scripts)
    overrides = options.checked(request.override_settings or {}, studio)
    stored = options.Chosen(ClientOptions(studio.database).of(owner))
    chosen = overrides.over(stored)
    draft = _Draft(comments=list(_left_out(request, overrides)))
    from_text = _from_infotext(request.infotext, studio, draft)
    draft.fields = {**stored.recipe_fields(), **from_text, **overrides.recipe_fields()}
    with named_as_sent():
        _fill(draft, request, from_text, chosen)
        if isinstance(request, TextToImage):
            _second_pass(draft, request, studio)
        styles = _with_styles(draft, request, studio, owner)
        if request.disable_extra_networks:
            words = {name: draft.fields[name] for name in ("prompt", "hires_prompt") if name in draft.fields}
            draft.fields |= {name: _TAGS.sub("", text) for name, text in words.items()}
        starts: tuple[Start, ...] = ()
        if isinstance(request, ImageToImage):
            draft.fields["soft_inpainting"] = is_soft
            starts = start_fields(request, studio, owner, chosen, draft.fields, draft.comments)
        recipe = Recipe(**{**draft.fields, **_rolled(draft.fields)})
    upscale = None
    if script:
        upscale = sd_upscale(request.script_args, [entry["name"] for entry in models.upscalers(studio.library)])
    plan = Plan(
        kind, recipe, starts, request.batch_size, request.n_iter, chosen, upscale, tuple(draft.comments), styles
    )
    _check_count(plan, studio.settings.max_count)
    if not request.override_settings_restore_afterwards and overrides.values:
        ClientOptions(studio.database).change(owner, overrides.values)
    return plan


def _from_infotext(text: str | None, studio: Studio, draft: _Draft) -> dict[str, Any]:
    """The fields of a recipe that a text brings, as far as they can be used here."""
    if not text:
        return {}
    stock = studio.holdings.read_text(text)
    draft.comments += [f"infotext: {item.words}" for item in stock.lacks if item.kind != "source"]
    return {name: value for name, value in stock.recipe.items() if name not in ("mode", "source", "mask")}


def _fill(draft: _Draft, request: Generation, from_text: Mapping[str, Any], chosen: options.Chosen) -> None:
    """Lay the request's own values over what stands there; of an infotext only what the client left open stays."""
    given = request.model_fields_set

    def is_open(target: str, *names: str) -> bool:
        return target in from_text and not given.intersection(names)

    fields = draft.fields
    for name, target in DIRECT.items():
        if not is_open(target, name):
            fields[target] = getattr(request, name)
    for name, target in (("width", "width_px"), ("height", "height_px")):
        if not is_open(target, name):
            fields[target] = _whole_cells(getattr(request, name), name, draft)
    if not is_open("sampler", "sampler_name", "sampler_index"):
        fields["sampler"] = _sampler(request.sampler_name or request.sampler_index)
        fields["schedule"] = AUTO
    if request.scheduler:
        fields["schedule"] = _schedule(request.scheduler)
    if not is_open("seed_resize_width_px", "seed_resize_from_w"):
        resized = request.seed_resize_from_w > 0 and request.seed_resize_from_h > 0
        fields["seed_resize_width_px"] = request.seed_resize_from_w if resized else 0
        fields["seed_resize_height_px"] = request.seed_resize_from_h if resized else 0
    if not is_open("tiling", "tiling"):
        tiles = chosen["tiling"] if request.tiling is None else request.tiling
        fields["tiling"] = Tiling.BOTH if tiles else Tiling.OFF
    if not is_open("eta", "eta"):
        fields["eta"] = _eta(request, fields["sampler"], chosen)


def _sampler(name: str) -> str:
    try:
        catalogue.find_sampler(name)
    except UnknownSampler as error:
        raise Refusal(400, "Sampler not found", f"sampler_name: {error}") from error
    return name


def _schedule(name: str) -> str:
    try:
        return catalogue.find_schedule(name).label
    except UnknownSampler as error:
        raise Refusal(400, "Scheduler not found", f"scheduler: {error}") from error


def _eta(request: Generation, sampler: str, chosen: options.Chosen) -> float | None:
    """What was sent or set, where the sampler draws noise; A1111 has no use for it elsewhere either."""
    entry, _ = catalogue.find_sampler(sampler)
    if entry.noise == "none":
        return None
    option = "eta_ddim" if entry.default_schedule == "ddim" else "eta_ancestral"
    return request.eta if request.eta is not None else chosen.values.get(option)


def _whole_cells(pixels: int, name: str, draft: _Draft) -> int:
    """The size in whole latent cells, as A1111 makes it."""
    cells = pixels // SIZE_MULTIPLE_PX * SIZE_MULTIPLE_PX
    if cells != pixels:
        draft.comments.append(f"{name}: {pixels} is no multiple of {SIZE_MULTIPLE_PX}; {cells} was made.")
    return cells


def _second_pass(draft: _Draft, request: TextToImage, studio: Studio) -> None:
    fields, given = draft.fields, request.model_fields_set
    if "enable_hr" in given or not _has_second_pass(fields):
        for name in [name for name in fields if name.startswith("hires_")]:
            del fields[name]
        if not request.enable_hr:
            return
    elif not given.intersection(SECOND_PASS):
        return
    for name, target in SECOND_PASS.items():
        fields[target] = getattr(request, name)
    _check_second_checkpoint(request.hr_checkpoint_name, fields.get("checkpoint", AUTO), studio)
    if request.denoising_strength is not None or "hires_denoising_strength" not in fields:
        strength = request.denoising_strength
        fields["hires_denoising_strength"] = HIRES_STRENGTH if strength is None else strength
    upscaler = request.hr_upscaler or LATENT_UPSCALERS[0]
    fields["hires_upscaler"] = "Lanczos" if upscaler.lower() == "none" else upscaler
    sampler, schedule = request.hr_sampler_name or "", request.hr_scheduler or ""
    fields["hires_sampler"] = SAME if sampler.lower() in _SAMES else _sampler(sampler)
    fields["hires_schedule"] = SAME if schedule.lower() in _SAMES else _schedule(schedule)
    fields["hires_width_px"] = _whole_cells(request.hr_resize_x, "hr_resize_x", draft)
    fields["hires_height_px"] = _whole_cells(request.hr_resize_y, "hr_resize_y", draft)
    if request.firstphase_width or request.firstphase_height:
        # Before hr_scale there was, the size was that of the end, and this that of the beginning.
        fields["hires_width_px"], fields["hires_height_px"] = fields["width_px"], fields["height_px"]
        fields["width_px"] = _whole_cells(request.firstphase_width or request.width, "firstphase_width", draft)
        fields["height_px"] = _whole_cells(request.firstphase_height or request.height, "firstphase_height", draft)


def _has_second_pass(fields: Mapping[str, Any]) -> bool:
    return any(fields.get(name, usual) > usual for name, usual in _NO_SECOND_PASS.items())


_NO_SECOND_PASS = {"hires_scale": 1, "hires_width_px": 0, "hires_height_px": 0}


def _check_second_checkpoint(name: str | None, first: str, studio: Studio) -> None:
    """Both passes are made by one checkpoint here."""
    if not name or name.lower() == "use same checkpoint":
        return
    if studio.library.find(name, hashed=False).path != studio.library.find(first, hashed=False).path:
        raise InvalidField(
            "hr_checkpoint_name", "the second pass is made by the checkpoint of the first", "leave it out"
        )


def _with_styles(draft: _Draft, request: Generation, studio: Studio, owner: str) -> tuple[str, ...]:
    """Lay the prompts of presets round the request's: a client's own numbers count more than a preset's."""
    used = []
    for name in request.styles or []:
        try:
            preset = find_preset(studio.presets_of(owner), name)
        except NotFound:
            draft.comments.append(f"styles: there is no preset {name[:60]!r}; it was left out.")
            continue
        laid = prompts_only(preset).apply(Recipe(**{key: draft.fields[key] for key in ("prompt", "negative_prompt")}))
        draft.fields.update(prompt=laid.prompt, negative_prompt=laid.negative_prompt)
        used.append(preset.name)
    return tuple(used)


def prompts_only(preset: Preset) -> Preset:
    """A preset as A1111's styles are: prompts, and nothing else."""
    kept = {name: text for name, text in preset.fields.items() if name in ("prompt", "negative_prompt")}
    return Preset(preset.name, preset.title, fields=kept, problem=preset.problem)


def _rolled(fields: Mapping[str, Any]) -> dict[str, int]:
    """Seeds for those left open: several jobs must count up from the same ones."""
    open_ = [name for name in ("seed", "variation_seed") if fields.get(name, AUTO_SEED) == AUTO_SEED]
    return {name: secrets.randbelow(MAX_SEED + 1) for name in open_}


def _left_out(request: Generation, overrides: options.Chosen) -> Iterator[str]:
    for name, silent in _WITHOUT_COUNTERPART.items():
        value = getattr(request, name, None)
        if value is not None and value not in silent:
            yield f"{name}: this studio has no counterpart; it was left out."
    if request.refiner_checkpoint and request.refiner_checkpoint.lower() != "none":
        raise InvalidField("refiner_checkpoint", "a picture is made by one checkpoint here", "leave it out")
    if overrides.unknown:
        yield f"override_settings: {', '.join(overrides.unknown)[:300]} have no counterpart here and were left out."


def _check_count(plan: Plan, most: int) -> None:
    for name, value in (("batch_size", plan.batch_size), ("n_iter", plan.iterations)):
        if not 1 <= value <= most:
            raise InvalidField(name, f"{str(value)[:20]} is out of range", f"1 to {most}")
    if sum(count for _, _, count in plan.orders()) > most:
        raise InvalidField("n_iter", "with this batch_size that is too many pictures at once", f"{most} in all")
