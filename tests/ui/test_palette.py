"""Text can be read on every ground it stands on, in light and dark: WCAG 2.2's contrast of 4.5 to 1."""

from __future__ import annotations

import pytest

from studio.ui.palette import PALETTE, gradio_theme, palette_css

PAIRS = [
    *((text, ground) for text in ("text", "muted") for ground in ("ground", "surface", "sunken", "field")),
    ("accent", "ground"),
    ("accent", "surface"),
    ("text", "accent-soft"),
    ("on-accent", "accent-fill"),
    ("on-accent", "accent-hover"),
    ("warn", "warn-soft"),
    ("danger", "danger-soft"),
    ("danger", "ground"),
    ("danger", "surface"),
]


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2, definition of relative luminance)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_agrees_with_the_known_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_is_readable(text: str, ground: str, theme: int) -> None:
    assert contrast(PALETTE[text][theme], PALETTE[ground][theme]) >= 4.5


def test_no_font_is_fetched() -> None:
    theme = gradio_theme()
    css = theme._get_theme_css() + palette_css()
    assert theme._stylesheets == [] and "@font-face" not in css and 'url("http' not in css and "url(http" not in css
