"""What there is: samplers, schedulers, upscalers, models, styles, scripts; and the clients' own options."""

from __future__ import annotations

from typing import Any

from fastapi import Body

from studio.accounts import ClientOptions
from studio.errors import ModelError, NotFound
from studio.recipe.finish import LATENT_UPSCALERS
from studio.sampling import catalogue
from studio.sdapi import models, options
from studio.sdapi.desk import DeskOf
from studio.sdapi.errors import Refusal, sdapi_router
from studio.sdapi.scripts import NAMES, script_info
from studio.sdapi.translation import prompts_only

router = sdapi_router()

Rows = list[dict[str, Any]]


@router.get("/options")
def get_options(desk: DeskOf) -> dict[str, Any]:
    """Your options: what you have set, and how it is where you have not. All of it may be posted back."""
    return options.shown(options.Chosen(ClientOptions(desk.studio.database).of(desk.owner)), desk.studio)


@router.post("/options")
def set_options(
    desk: DeskOf,
    body: dict[str, Any] = Body(examples=[{"samples_format": "png", "CLIP_stop_at_last_layers": 2}]),  # noqa: B008
) -> None:
    """Set options of your own: nobody else's change, nor the studio's. Names that are not known here are ignored."""
    kept = ClientOptions(desk.studio.database)
    changed = options.changes(body, options.shown(options.Chosen(kept.of(desk.owner)), desk.studio))
    try:
        chosen = options.checked(changed, desk.studio)
    except (NotFound, ModelError) as error:
        # A1111 fails inside for a checkpoint that it does not have; clients know that status.
        raise Refusal(500, str(error), code="RuntimeError") from error
    if chosen.values:
        kept.change(desk.owner, chosen.values)


@router.get("/cmd-flags")
def cmd_flags(desk: DeskOf) -> dict[str, Any]:
    """How the studio was started, under the names clients know; no secret and no folder of this machine."""
    settings = desk.studio.settings
    return {
        "api": True,
        "listen": settings.host not in ("127.0.0.1", "localhost", "::1"),
        "port": settings.port,
        "nowebui": False,
        "api_server_stop": False,
        "api_log": False,
        "device_id": settings.device,
        "subpath": None,
        "disable_extra_extensions": True,
        "hide_ui_dir_config": True,
    }


@router.get("/samplers")
def samplers() -> Rows:
    """Every sampler."""
    return [
        {"name": one.name, "aliases": list(one.aliases), "options": {"scheduler": one.default_schedule}}
        for one in catalogue.SAMPLERS
    ]


@router.get("/schedulers")
def schedulers() -> Rows:
    """Every schedule of noise levels."""
    return [
        {
            "name": one.name,
            "label": one.label,
            "aliases": list(one.aliases) or None,
            "default_rho": one.default_rho,
            "need_inner_model": one.uses_timesteps,
        }
        for one in catalogue.SCHEDULES
    ]


@router.get("/upscalers")
def upscalers(desk: DeskOf) -> Rows:
    """What enlarges pixels, beginning with ``None``."""
    return models.upscalers(desk.studio.library)


@router.get("/latent-upscale-modes")
def latent_upscale_modes() -> Rows:
    """What enlarges latents, for the second pass."""
    return [{"name": name} for name in LATENT_UPSCALERS]


@router.get("/sd-models")
def sd_models(desk: DeskOf) -> Rows:
    """Every checkpoint."""
    return models.checkpoints(desk.studio.library)


@router.get("/sd-vae")
def sd_vae(desk: DeskOf) -> Rows:
    """Every VAE."""
    return models.vaes(desk.studio.library)


@router.get("/sd-modules")
def sd_modules(desk: DeskOf) -> Rows:
    """Every VAE again, for clients of Forge."""
    return models.vaes(desk.studio.library)


@router.get("/hypernetworks")
def hypernetworks() -> Rows:
    """There are none here."""
    return []


@router.get("/face-restorers")
def face_restorers() -> Rows:
    """There are none here."""
    return []


@router.get("/realesrgan-models")
def realesrgan_models(desk: DeskOf) -> Rows:
    """Upscalers of that architecture."""
    return models.realesrgan_models(desk.studio.library)


@router.get("/prompt-styles")
def prompt_styles(desk: DeskOf) -> Rows:
    """Presets that bring a prompt; only their prompts count as a style."""
    found = [prompts_only(preset) for preset in desk.studio.presets_of(desk.owner).values() if not preset.problem]
    return [
        {
            "name": preset.name,
            "prompt": preset.fields.get("prompt", ""),
            "negative_prompt": preset.fields.get("negative_prompt", ""),
        }
        for preset in found
        if preset.fields
    ]


@router.get("/embeddings")
def embeddings(desk: DeskOf) -> dict[str, Any]:
    """Embeddings by name."""
    return models.embeddings(desk.studio.library)


@router.get("/loras")
def loras(desk: DeskOf) -> Rows:
    """Every LoRA, with what its file says of itself."""
    return models.loras(desk.studio.library)


@router.get("/scripts")
def scripts() -> dict[str, list[str]]:
    """The scripts there are."""
    return {kind: list(names) for kind, names in NAMES.items()}


@router.get("/script-info")
def scripts_with_arguments() -> Rows:
    """The scripts with their arguments."""
    return script_info()


@router.get("/extensions")
def extensions() -> Rows:
    """There are none here."""
    return []
