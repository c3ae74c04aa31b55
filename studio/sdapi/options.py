"""Settings that clients read and post: those of A1111 that mean something here, kept for each owner.

What somebody posts is their own and changes nothing for others or for the server. What was never set stays open, so
that a checkpoint's card can answer it. ``GET`` shows everything, and what it shows is taken back by ``POST``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import ImageColor

from studio.errors import InvalidField, ModelError, NotFound
from studio.recipe import Emphasis, NoiseDevice
from studio.recipe.limits import MAX_SEED
from studio.recipe.model import AUTO
from studio.sdapi.models import title_of
from studio.services import Studio

CHECKPOINT, VAE, CLIP_SKIP = "sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers"
HASH = "sd_checkpoint_hash"


@dataclass(frozen=True)
class Option:
    """A setting; its type is that of its default. ``is_fixed``: it tells how things are, and cannot be set."""

    name: str
    default: Any
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = 0
    is_fixed: bool = False

    def checked(self, value: Any) -> Any:
        """``value`` as it is kept. Raises `InvalidField`."""
        kind = type(self.default)
        if kind is bool and isinstance(value, bool | int) and value in (0, 1):
            return bool(value)
        if kind in (int, float) and isinstance(value, int | float) and not isinstance(value, bool):
            if not self.least <= value <= self.most or (kind is int and value != int(value)):
                raise InvalidField(self.name, "is out of range", f"{self.least:g} to {self.most:.0f}")
            return kind(value)
        if kind is str and isinstance(value, str):
            if self.choices and value not in self.choices:
                raise InvalidField(self.name, f"{value[:60]!r} is not known", ", ".join(self.choices))
            return value
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise InvalidField(self.name, f"{str(value)[:60]!r} cannot be used", words[kind])


OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(CHECKPOINT, ""),
        Option(HASH, "", is_fixed=True),
        Option(VAE, "Automatic"),
        Option(CLIP_SKIP, 1, least=1, most=12),
        Option("eta_noise_seed_delta", 0, least=0, most=MAX_SEED),
        Option("randn_source", "CPU", ("CPU", "GPU", "NV")),
        Option("emphasis", "Original", ("Original", "No norm", "Ignore")),
        Option("eta_ddim", 0.0, least=0, most=10),
        Option("eta_ancestral", 1.0, least=0, most=10),
        Option("tiling", False),
        Option("img2img_color_correction", False),
        Option("img2img_background_color", "#ffffff"),
        Option("samples_format", "png", ("png", "jpg", "jpeg", "webp", "avif")),
        Option("jpeg_quality", 92, least=1, most=100),
        Option("return_grid", True),
        Option("n_rows", -1, least=-1, most=16),
        Option("send_seed", True),
        Option("send_size", True),
        Option("live_previews_enable", True),
        Option("live_previews_image_format", "png", ("png", "jpeg")),
        Option("show_progress_every_n_steps", 2, is_fixed=True),
        Option("face_restoration_model", "None", is_fixed=True),
        Option("sd_hypernetwork", "None", is_fixed=True),
        Option("upscaler_for_img2img", "None", is_fixed=True),
        Option("initial_noise_multiplier", 1.0, is_fixed=True),
    )
}

_NOISE = {"CPU": NoiseDevice.CPU, "GPU": NoiseDevice.PHILOX, "NV": NoiseDevice.PHILOX}
"""Philox draws what CUDA draws, so "GPU" is that."""

_EMPHASIS = {"Original": Emphasis.ORIGINAL, "No norm": Emphasis.NO_NORM, "Ignore": Emphasis.IGNORE}


@dataclass(frozen=True)
class Chosen:
    """What is set, and by default what is not. ``unknown`` are names that nothing here answers to."""

    values: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name, OPTIONS[name].default)

    def recipe_fields(self) -> dict[str, Any]:
        """Fields of a recipe that are set."""
        fields: dict[str, Any] = {}
        for name, target, words in (
            (CHECKPOINT, "checkpoint", None),
            (VAE, "vae", None),
            (CLIP_SKIP, "clip_skip", None),
            ("eta_noise_seed_delta", "eta_noise_seed_delta", None),
            ("randn_source", "noise", _NOISE),
            ("emphasis", "emphasis", _EMPHASIS),
            ("img2img_color_correction", "colour_correction", None),
        ):
            if name in self.values:
                value = self.values[name]
                fields[target] = words[value] if words else AUTO if value == "" else value
        return fields

    def over(self, below: Chosen) -> Chosen:
        """These, and what they leave open from ``below``."""
        return Chosen({**below.values, **self.values}, self.unknown)


def checked(values: Mapping[str, Any], studio: Studio) -> Chosen:
    """Values that a client sent, as far as they can be set.

    Raises:
        InvalidField: a value that cannot be; it names the setting.
        UnknownCheckpoint, UnknownPart, ModelError: a model that is not here, or cannot be used.
    """
    kept: dict[str, Any] = {}
    for name, value in values.items():
        option = OPTIONS.get(name)
        if option is None or option.is_fixed or value is None:
            continue
        kept[name] = option.checked(value)
        if name == "img2img_background_color":
            _check_colour(value)
        if name == CHECKPOINT and value:
            kept[name] = studio.library.find(value, hashed=False).name
        if name == VAE and value.lower() not in ("automatic", "none", ""):
            kept[name] = studio.library.part("vae", value, hashed=False).name
    return Chosen(kept, tuple(name for name in values if name not in OPTIONS))


def shown(chosen: Chosen, studio: Studio) -> dict[str, Any]:
    """All settings as ``GET`` answers them."""
    values = {name: chosen[name] for name in OPTIONS}
    values[CHECKPOINT], values[HASH] = _present_checkpoint(chosen[CHECKPOINT], studio)
    values["show_progress_every_n_steps"] = studio.settings.preview_every_steps
    return values


def changes(posted: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``posted`` is not so already: who posts back all that ``GET`` showed sets only what they changed."""
    return {name: value for name, value in posted.items() if name not in present or present[name] != value}


def _present_checkpoint(name: str, studio: Studio) -> tuple[str, str | None]:
    try:
        card = studio.library.find(name or AUTO, hashed=False)
    except (NotFound, ModelError):
        return name, None
    return title_of(card), card.sha256 or None


def _check_colour(value: str) -> None:
    try:
        ImageColor.getrgb(value)
    except ValueError as error:
        raise InvalidField("img2img_background_color", f"{value[:40]!r} is no colour", "#rrggbb") from error
