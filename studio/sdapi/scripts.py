"""The scripts there are: those of A1111's that the studio has the feature for, and no others.

Clients look at the list to decide what to send along, so it must not promise anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from studio.errors import InvalidField
from studio.sdapi.errors import Refusal

SD_UPSCALE = "sd upscale"
SOFT_INPAINTING = "soft inpainting"
NAMES: Mapping[str, tuple[str, ...]] = {"txt2img": (), "img2img": (SD_UPSCALE, SOFT_INPAINTING)}

MOST_OVERLAP_PX = 256


@dataclass(frozen=True)
class SdUpscale:
    """What ``sd upscale`` is asked: how far tiles overlap, what enlarges, and by how much."""

    overlap_px: int = 64
    upscaler: str = "None"
    factor: float = 2.0


def find_script(kind: str, name: str | None) -> str:
    """The script of that name, empty for none. Raises `Refusal` (422) for one that is not here."""
    wanted = (name or "").strip().lower()
    if wanted in ("", "none"):
        return ""
    if wanted != SD_UPSCALE or wanted not in NAMES[kind]:
        raise Refusal(
            422, f"Script '{name}' not found", f"script_name: there is no script {name!r}. {_there_are(kind)}"
        )
    return wanted


def sd_upscale(args: list[Any], upscalers: list[str]) -> SdUpscale:
    """The arguments as A1111 orders them: a text, the overlap, the upscaler by name or place, the factor.

    Raises:
        InvalidField: one that cannot be used.
    """
    defaults = SdUpscale()
    given: list[Any] = [*args[:4], None, None, None, None]
    overlap, upscaler, factor = given[1:4]
    overlap = defaults.overlap_px if overlap is None else overlap
    factor = defaults.factor if factor is None else factor
    upscaler = defaults.upscaler if upscaler is None else upscaler
    if not _is_number(overlap) or not 0 <= overlap <= MOST_OVERLAP_PX:
        raise InvalidField("script_args.1", "the overlap cannot be used", f"0 to {MOST_OVERLAP_PX}")
    if not _is_number(factor) or not 1 <= factor <= 8:
        raise InvalidField("script_args.3", "the factor cannot be used", "1 to 8")
    if _is_number(upscaler) and 0 <= upscaler < len(upscalers):
        upscaler = upscalers[int(upscaler)]
    if not isinstance(upscaler, str):
        raise InvalidField("script_args.2", "that is no upscaler", ", ".join(upscalers))
    return SdUpscale(int(overlap), upscaler, float(factor))


def soft_inpainting(kind: str, scripts: Mapping[str, Any]) -> bool:
    """Whether soft inpainting is asked for.

    Raises:
        Refusal: an always-on script that is not here (422).
        InvalidField: arguments that are none.
    """
    asked = False
    for name, given in scripts.items():
        if name.strip().lower() != SOFT_INPAINTING or SOFT_INPAINTING not in NAMES[kind]:
            sentence = f"alwayson_scripts: there is no script {name!r}. {_there_are(kind)}"
            raise Refusal(422, f"always on script {name} not found", sentence)
        args = given.get("args", []) if isinstance(given, Mapping) else None
        if not isinstance(args, list):
            raise InvalidField("alwayson_scripts", f"{name} has no args", '{"args": [true]}')
        first = args[0] if args else False
        asked = bool(first.get("Soft inpainting", False) if isinstance(first, Mapping) else first)
    return asked


def script_info() -> list[dict[str, Any]]:
    """The scripts with their arguments."""
    return [
        {
            "name": SD_UPSCALE,
            "is_alwayson": False,
            "is_img2img": True,
            "args": [
                _argument("", ""),
                _argument("Tile overlap", 64, 0, MOST_OVERLAP_PX, 16),
                _argument("Upscaler", "None"),
                _argument("Scale Factor", 2.0, 1.0, 8.0, 0.05),
            ],
        },
        {
            "name": SOFT_INPAINTING,
            "is_alwayson": True,
            "is_img2img": True,
            "args": [_argument("Soft inpainting", False)],
        },
    ]


def _argument(
    label: str, value: Any, least: float | None = None, most: float | None = None, step: float | None = None
) -> dict[str, Any]:
    return {"label": label, "value": value, "minimum": least, "maximum": most, "step": step, "choices": None}


def _there_are(kind: str) -> str:
    return f"There are: {', '.join(NAMES[kind]) or 'none'}."


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
