"""A1111's infotext: a recipe as the text that the rest of the world reads.

Owns the order and the words of its keys, and what each means for a recipe. A prompt that the form of the text would
change (blanks at its beginning, a line that looks like the negative prompt) stands once more among the keys, where our
reader finds it; what the text leaves out is the business of ``metadata``. It refuses nothing that it reads but a
prompt that is too long: what a recipe has no place for is kept as ``unknown``.

    positive prompt, over as many lines as it has
    Negative prompt: likewise, left out when empty
    Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, …
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio import __version__
from studio.errors import InvalidField
from studio.recipe.infotext_finish import (
    FINISH_KEYS,
    finish_fields,
    finish_pairs,
    second_pass_fields,
    second_pass_pairs,
    shows_second_pass,
    strength_of,
)
from studio.recipe.infotext_source import (
    HASH_CHARACTERS,
    SOURCE_KEYS,
    STRENGTH,
    mode_of,
    source_fields,
    source_pairs,
    value_of,
)
from studio.recipe.model import AUTO, OWN_VAE, Emphasis, Mode, NoiseDevice, Recipe, ResolvedRecipe, Tiling
from studio.recipe.parameter_line import LEAST_PAIRS, can_be_key, joined, number_text, pairs_in
from studio.recipe.schedule_labels import label_of, sampler_and_schedule
from studio.recipe.templates import NO_TEMPLATES, Templates

NEGATIVE_PREFIX = "Negative prompt:"
MAX_INFOTEXT_CHARACTERS = 1_000_000
VERBATIM = {"Verbatim prompt": "prompt", "Verbatim negative prompt": "negative_prompt"}
"""Our own keys for prompts that do not come back from the lines above the parameters; other readers skip them."""
TEMPLATES = {
    "Template": "prompt",
    "Negative Template": "negative_prompt",
    "Hires template": "hires_prompt",
    "Hires negative template": "hires_negative_prompt",
}
"""The first two are those of A1111's dynamic-prompts extension."""

_NOISY_SAMPLERS = frozenset(
    (
        "Euler a",
        "DPM2 a",
        "DPM++ 2S a",
        "DPM++ SDE",
        "DPM++ 2M SDE",
        "DPM++ 2M SDE Heun",
        "DPM++ 3M SDE",
        "Restart",
        "LCM",
    )
)
_TIMESTEP_SAMPLERS = frozenset(("DDIM", "DDIM CFG++", "PLMS", "UniPC"))
_EMPHASIS_LABELS = {Emphasis.ORIGINAL: "Original", Emphasis.NO_NORM: "No norm", Emphasis.IGNORE: "Ignore"}
_TILING_LABELS = {
    Tiling.OFF: "False",
    Tiling.BOTH: "True",
    # A1111 knows both or none; its readers take any other word for none.
    Tiling.HORIZONTAL: "horizontal",
    Tiling.VERTICAL: "vertical",
}
_VAE_LABELS = {OWN_VAE: "None"}
_SUFFIX = re.compile(r"\.(safetensors|ckpt|pt)$", re.IGNORECASE)
"""A1111 names VAEs by their files."""
_NOISE_LABELS = {NoiseDevice.CPU: "CPU", NoiseDevice.PHILOX: "NV"}


@dataclass(frozen=True)
class Infotext:
    """What a text or a picture says about how it was made.

    ``unknown`` holds, as they stood, the keys that a recipe has no field for and values it cannot take. ``notes`` and
    ``resolved`` are there only where our own exact metadata was found. ``templates`` are what the prompts were drawn
    from, where that is told. ``model_hash`` is the first 10 hex digits of
    the checkpoint's sha256, and ``vae_hash`` of the VAE's, when the text names them.
    """

    recipe: Recipe
    unknown: dict[str, str] = field(default_factory=dict)
    model_hash: str = ""
    notes: dict[str, str] = field(default_factory=dict)
    resolved: ResolvedRecipe | None = None
    vae_hash: str = ""
    templates: Templates = NO_TEMPLATES


def default_eta(sampler: str) -> float:
    """The eta that goes without saying in the text: 1 where a sampler adds noise, else 0."""
    return 1.0 if sampler in _NOISY_SAMPLERS else 0.0


def write(recipe: ResolvedRecipe, notes: Mapping[str, str] | None = None) -> str:
    """The infotext of one picture. ``notes`` stand before the version, except those whose key the text cannot hold."""
    pairs = dict(_pairs(recipe))
    for key, value in (notes or {}).items():
        if can_be_key(key) and key not in _FIELD_KEYS:
            pairs.setdefault(key, value)
    pairs["Version"] = f"latent-studio {__version__}"
    text = _laid_out(recipe, pairs)
    if split(text)[:2] == (recipe.prompt, recipe.negative_prompt):
        return text
    version = pairs.pop("Version")
    return _laid_out(
        recipe, {**pairs, **{key: getattr(recipe, name) for key, name in VERBATIM.items()}, "Version": version}
    )


def _laid_out(recipe: ResolvedRecipe, pairs: Mapping[str, str]) -> str:
    negative = f"\n{NEGATIVE_PREFIX} {recipe.negative_prompt}" if recipe.negative_prompt else ""
    return f"{recipe.prompt}{negative}\n{joined(pairs.items())}".strip()


def read(text: str) -> Infotext:
    """The recipe that ``text`` describes; what it leaves out is "auto", or A1111's default where it has one.

    Raises:
        InvalidField: a prompt longer than a recipe may hold, or a text longer than any infotext.
    """
    prompt, negative_prompt, line = split(text)
    pairs = dict(pairs_in(line))
    unknown = dict(pairs)
    fields: dict[str, Any] = {"prompt": prompt, "negative_prompt": negative_prompt}
    for key, values in _fields(pairs):
        if _fits(values):
            fields.update(values)
            unknown.pop(key, None)
    model_hash = unknown.pop("Model hash", "")
    if model_hash:
        fields.setdefault("checkpoint", model_hash)
    vae_hash = unknown.pop("VAE hash", "")
    return Infotext(Recipe(**fields), unknown, model_hash, vae_hash=vae_hash, templates=_templates(unknown))


def _templates(unknown: dict[str, str]) -> Templates:
    """The templates among the keys that no recipe has a field for, taken out of them."""
    found = Templates()
    for key, name in TEMPLATES.items():
        if key in unknown:
            with contextlib.suppress(InvalidField):
                found = Templates(**{**found.model_dump(), name: unknown[key]})
                del unknown[key]
    return found


def split(text: str) -> tuple[str, str, str]:
    """Prompt, negative prompt and parameter line, the last empty when the text has none.

    Raises:
        InvalidField: a text longer than any infotext.
    """
    if len(text) > MAX_INFOTEXT_CHARACTERS:
        raise InvalidField(
            "infotext", f"{len(text):,} characters are too many", f"up to {MAX_INFOTEXT_CHARACTERS:,} characters"
        )
    *lines, last = text.strip().split("\n")
    if len(pairs_in(last)) < LEAST_PAIRS:
        lines, last = [*lines, last], ""
    for index, line in enumerate(lines):
        if line.strip().startswith(NEGATIVE_PREFIX):
            first = line.lstrip().removeprefix(NEGATIVE_PREFIX).removeprefix(" ")
            return "\n".join(lines[:index]), "\n".join([first, *lines[index + 1 :]]), last
    return "\n".join(lines), "", last


def _pairs(recipe: ResolvedRecipe) -> Iterator[tuple[str, str]]:
    """The pairs of a recipe in A1111 1.10's order; ours come last."""
    if recipe.mode is Mode.FINISH and not recipe.has_second_pass:
        # No network had a part in it: steps and seed would say what never was.
        yield "Size", f"{recipe.width_px}x{recipe.height_px}"
        yield "Init image hash", recipe.source[:HASH_CHARACTERS]
        yield from source_pairs(recipe)
        yield from finish_pairs(recipe)
        return
    yield "Steps", str(recipe.steps)
    yield "Sampler", recipe.sampler
    yield "Schedule type", label_of(recipe.schedule)
    yield "CFG scale", number_text(recipe.guidance_scale)
    yield "Seed", str(recipe.seed)
    yield "Size", f"{recipe.width_px}x{recipe.height_px}"
    if recipe.checkpoint_sha256:
        yield "Model hash", recipe.checkpoint_sha256[:HASH_CHARACTERS]
    yield "Model", recipe.checkpoint
    yield from _vae_pairs(recipe)
    yield from _variation_pairs(recipe)
    strength = strength_of(recipe)
    if strength is not None:
        yield STRENGTH, number_text(strength)
    if recipe.clip_skip > 1:
        yield "Clip skip", str(recipe.clip_skip)
    if recipe.eta_noise_seed_delta:
        yield "ENSD", str(recipe.eta_noise_seed_delta)
    if recipe.source and recipe.mode is not Mode.TEXT:
        yield "Init image hash", recipe.source[:HASH_CHARACTERS]
    if adapters := recipe.all_adapters:
        yield "Lora hashes", ", ".join(f"{one.name}: {one.short_hash}" for one in adapters)
    if recipe.learned_words:
        yield "TI hashes", ", ".join(f"{one.name}: {one.short_hash}" for one in recipe.learned_words)
    yield "RNG", _NOISE_LABELS[recipe.noise]
    if recipe.tiling is not Tiling.OFF:
        yield "Tiling", _TILING_LABELS[recipe.tiling]
    yield from second_pass_pairs(recipe)
    if recipe.emphasis is not Emphasis.ORIGINAL:
        yield "Emphasis", _EMPHASIS_LABELS[recipe.emphasis]
    if recipe.eta != default_eta(recipe.sampler):
        yield "Eta DDIM" if recipe.sampler in _TIMESTEP_SAMPLERS else "Eta", number_text(recipe.eta)
    yield from source_pairs(recipe)
    yield from finish_pairs(recipe)
    if recipe.exact:
        yield "Exact", "True"
    for key, name in TEMPLATES.items():
        if template := getattr(recipe.templates, name):
            yield key, template


def _vae_pairs(recipe: ResolvedRecipe) -> Iterator[tuple[str, str]]:
    if recipe.vae_sha256:
        yield "VAE hash", recipe.vae_sha256[:HASH_CHARACTERS]
    if recipe.vae != AUTO:
        yield "VAE", _VAE_LABELS.get(recipe.vae, recipe.vae)


def _variation_pairs(recipe: ResolvedRecipe) -> Iterator[tuple[str, str]]:
    if recipe.variation_strength > 0:
        yield "Variation seed", str(recipe.variation_seed)
        yield "Variation seed strength", number_text(recipe.variation_strength)
    if recipe.seed_resize_width_px > 0 and recipe.seed_resize_height_px > 0:
        yield "Seed resize from", f"{recipe.seed_resize_width_px}x{recipe.seed_resize_height_px}"


def _fields(pairs: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key that is there with the fields it sets, and A1111's defaults for keys left out on purpose."""
    if not pairs:
        return
    mode = mode_of(pairs, has_second_pass=shows_second_pass(pairs))
    for key, name in VERBATIM.items():
        if key in pairs:
            yield key, {name: pairs[key]}
    yield from source_fields(pairs, mode)
    yield from second_pass_fields(pairs, mode)
    yield from finish_fields(pairs)
    for key, field_name in _NUMBER_FIELDS.items():
        if key in pairs:
            yield key, {field_name: pairs[key]}
    for key, (width, height) in _SIZE_FIELDS.items():
        if key in pairs:
            width_px, _, height_px = pairs[key].partition("x")
            yield key, {width: width_px, height: height_px}
    if "Model" in pairs:
        yield "Model", {"checkpoint": pairs["Model"]}
    if "VAE" in pairs:
        names = {label: name for name, label in _VAE_LABELS.items()} | {"Automatic": AUTO}
        yield "VAE", {"vae": names.get(pairs["VAE"], _SUFFIX.sub("", pairs["VAE"]))}
    if "Exact" in pairs:
        yield "Exact", {"exact": pairs["Exact"]}
    if "Tiling" in pairs:
        yield "Tiling", {"tiling": value_of(pairs["Tiling"], _TILING_LABELS)}
    if mode is not Mode.FINISH or "Sampler" in pairs:
        yield from _network_fields(pairs)


def _network_fields(pairs: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a text means for the network also where it leaves a key out."""
    sampler, schedule = sampler_and_schedule(pairs.get("Sampler", ""), pairs.get("Schedule type", "Automatic"))
    yield "Sampler", {"sampler": sampler or "auto"}
    yield "Schedule type", {"schedule": schedule}
    if "Clip skip" not in pairs:
        yield "Clip skip", {"clip_skip": 1}
    # Left out, it was drawn on the GPU, and Philox draws what CUDA draws.
    noise = {"CPU": NoiseDevice.CPU, "NV": NoiseDevice.PHILOX, "GPU": NoiseDevice.PHILOX}
    yield "RNG", {"noise": noise.get(pairs.get("RNG", "GPU"), pairs.get("RNG"))}
    emphasis = {label: emphasis for emphasis, label in _EMPHASIS_LABELS.items()}
    yield "Emphasis", {"emphasis": emphasis.get(pairs.get("Emphasis", "Original"), "unknown")}


def _fits(values: dict[str, Any]) -> bool:
    try:
        Recipe(**values)
    except InvalidField:
        return False
    return True


_NUMBER_FIELDS = {
    "Steps": "steps",
    "CFG scale": "guidance_scale",
    "Seed": "seed",
    "Variation seed": "variation_seed",
    "Variation seed strength": "variation_strength",
    "Clip skip": "clip_skip",
    "ENSD": "eta_noise_seed_delta",
    "Eta": "eta",
    "Eta DDIM": "eta",
}
_SIZE_FIELDS = {
    "Size": ("width_px", "height_px"),
    "Seed resize from": ("seed_resize_width_px", "seed_resize_height_px"),
}
_FIELD_KEYS = frozenset(
    (
        *_NUMBER_FIELDS,
        *_SIZE_FIELDS,
        *SOURCE_KEYS,
        *FINISH_KEYS,
        *VERBATIM,
        *TEMPLATES,
        "Tiling",
        "Sampler",
        "Schedule type",
        "Model hash",
        "Model",
        "VAE",
        "VAE hash",
        "RNG",
        "Emphasis",
        "Exact",
        "Version",
    )
)
