"""The motifs of presets that have no picture: one for each family, and for samplers their noise over the steps.

Each answers the inside of an SVG group on a square of 160; strokes and colours are the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from studio.recipe.presets import Preset


def motif_of(preset: Preset, seed: bytes) -> str:
    """The drawing for a preset; ``seed`` varies it."""
    return MOTIFS.get(preset.family.casefold(), _frames)(preset, seed)


def _steps(preset: Preset, seed: bytes) -> str:
    """Noise that falls with the steps, a dot at each; as many as the preset takes, up to what can be told apart."""
    count = min(max(int(preset.fields.get("steps") or 12), 2), 16)
    points = [(24 + 112 * n / (count - 1), 32 + 92 * (1 - math.exp(-3.2 * n / (count - 1)))) for n in range(count)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="#fff" stroke="none"/>' for x, y in points)
    return f'<path d="M24 24V136H136" stroke-opacity=".35"/><path d="{path}" stroke-opacity=".6"/>{dots}'


def _aperture(preset: Preset, seed: bytes) -> str:
    turn = seed[2] % 60
    blade = "M80 44L127 62.9"
    blades = "".join(f'<path d="{blade}" transform="rotate({turn + 60 * n} 80 80)"/>' for n in range(6))
    return f'<circle cx="80" cy="80" r="52"/>{blades}'


def _rays(preset: Preset, seed: bytes) -> str:
    count = 8 + seed[2] % 5
    rays = "".join(
        f'<path d="M80 {30 - seed[3] % 8}V42" transform="rotate({360 * n / count:.1f} 80 80)"/>' for n in range(count)
    )
    return f'<circle cx="80" cy="80" r="{20 + seed[4] % 8}" fill="#fff" fill-opacity=".25"/>{rays}'


def _strokes(preset: Preset, seed: bytes) -> str:
    lines = (
        f"M28 {48 + 22 * n} C60 {28 + 22 * n + seed[n] % 24} 96 {70 + 22 * n - seed[n + 4] % 30} 132 {44 + 22 * n}"
        for n in range(4)
    )
    return "".join(
        f'<path d="{line}" stroke-width="{4 + seed[8 + n] % 9}" stroke-opacity=".6"/>' for n, line in enumerate(lines)
    )


def _film(preset: Preset, seed: bytes) -> str:
    holes = "".join(
        f'<rect x="{x}" y="{26 + 24 * n}" width="10" height="12" rx="2"/>' for x in (30, 120) for n in range(5)
    )
    return (
        f'<path d="M50 20V140M110 20V140" stroke-opacity=".5"/>{holes}<circle cx="80" cy="{70 + seed[2] % 20}" r="16"/>'
    )


def _tiles(preset: Preset, seed: bytes) -> str:
    size, half, bow = 40, 20, 8 + seed[2] % 14
    across = f"M0 {half}Q{half} {half - bow} {size} {half}"
    down = f"M{half} 0Q{half + bow} {half} {half} {size}"
    places = ((x, y) for x in range(0, 160, size) for y in range(0, 160, size))
    cells = (f'<path d="{across}{down}" transform="translate({x} {y})" stroke-width="3"/>' for x, y in places)
    return "".join(cells)


def _emblem(preset: Preset, seed: bytes) -> str:
    sides = 3 + seed[2] % 4
    corners = [
        (80 + 34 * math.sin(2 * math.pi * n / sides), 80 - 34 * math.cos(2 * math.pi * n / sides)) for n in range(sides)
    ]
    shape = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    return f'<rect x="28" y="28" width="104" height="104" rx="26"/><path d="M{shape}Z" fill="#fff" fill-opacity=".3"/>'


def _dial(preset: Preset, seed: bytes) -> str:
    steps = int(preset.fields.get("steps") or 20)
    turn = -120 + 240 * min(steps, 60) / 60
    hand = f'<path d="M80 80V46" transform="rotate({turn:.0f} 80 80)"/><circle cx="80" cy="80" r="6" fill="#fff"/>'
    return f'<path d="M36.7 105A50 50 0 1 1 123.3 105"/>{hand}'


def _frames(preset: Preset, seed: bytes) -> str:
    shift = 10 + seed[2] % 8
    return (
        f'<rect x="{34 + shift}" y="{34 - shift + 8}" width="78" height="78" rx="10" stroke-opacity=".45"/>'
        f'<rect x="34" y="42" width="78" height="78" rx="10" fill="#fff" fill-opacity=".14"/>'
    )


MOTIFS: dict[str, Callable[[Preset, bytes], str]] = {
    "samplers": _steps,
    "few steps": _steps,
    "camera": _aperture,
    "light": _rays,
    "media": _strokes,
    "era": _film,
    "seamless": _tiles,
    "icons": _emblem,
    "effort": _dial,
}
