"""The colours and type of the page, once: for Gradio's theme, for our style sheet, in light and dark.

Greys stay neutral, so that they do not tint the pictures between them; one accent marks what can be done next.
Text colours reach a contrast of 4.5 to 1 on every ground they are used on; a test computes it.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

FONT = (
    "ui-sans-serif",
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Helvetica Neue",
    "Noto Sans",
    "sans-serif",
)
MONO = ("ui-monospace", "SFMono-Regular", "Cascadia Mono", "Menlo", "Consolas", "Liberation Mono", "monospace")

PALETTE: dict[str, tuple[str, str]] = {
    "ground": ("#f5f5f4", "#141416"),
    "surface": ("#ffffff", "#1c1c1f"),
    "sunken": ("#ececea", "#0e0e10"),
    "field": ("#ffffff", "#232327"),
    "line": ("#dddddb", "#323238"),
    "line-strong": ("#8b8b8e", "#6f6f78"),
    "text": ("#1b1b1f", "#ededf0"),
    "muted": ("#5f6068", "#a3a4ad"),
    "accent": ("#4c4fd0", "#a5a8ff"),
    "accent-fill": ("#4c4fd0", "#5a5de0"),
    "accent-hover": ("#3d40b8", "#4a4dcb"),
    "accent-soft": ("#e7e7fb", "#2b2b52"),
    "on-accent": ("#ffffff", "#ffffff"),
    "good": ("#18703f", "#6fd39a"),
    "warn": ("#845400", "#f0c267"),
    "warn-soft": ("#fdf1d8", "#35290f"),
    "danger": ("#b3261e", "#ff9d94"),
    "danger-soft": ("#fdeceb", "#3b1a18"),
}
"""Name: (light, dark)."""


def palette_css() -> str:
    """The palette as custom properties, for light on the root and for dark under Gradio's ``.dark``."""
    light = "".join(f"--{name}:{colours[0]};" for name, colours in PALETTE.items())
    dark = "".join(f"--{name}:{colours[1]};" for name, colours in PALETTE.items())
    fonts = f"--font-text:{_family(FONT)};--font-figures:{_family(MONO)};"
    return f":root{{{fonts}{light}color-scheme:light}}.dark{{{dark}color-scheme:dark}}"


def gradio_theme() -> gr.themes.Base:
    """Gradio's components in the same colours. System fonts only: a theme's web fonts would be fetched."""
    theme = gr.themes.Base(font=list(FONT), font_mono=list(MONO), text_size="md", radius_size="md", spacing_size="md")
    colours = {
        "body_background_fill": "ground",
        "body_text_color": "text",
        "body_text_color_subdued": "muted",
        "background_fill_primary": "surface",
        "background_fill_secondary": "ground",
        "border_color_primary": "line",
        "border_color_accent": "accent",
        "color_accent_soft": "accent-soft",
        "block_background_fill": "surface",
        "block_border_color": "line",
        "block_label_text_color": "muted",
        "block_title_text_color": "muted",
        "block_info_text_color": "muted",
        "input_background_fill": "field",
        "input_background_fill_focus": "field",
        "input_border_color": "line",
        "input_border_color_focus": "accent",
        "input_placeholder_color": "muted",
        "button_primary_background_fill": "accent-fill",
        "button_primary_background_fill_hover": "accent-hover",
        "button_primary_text_color": "on-accent",
        "button_secondary_background_fill": "surface",
        "button_secondary_background_fill_hover": "sunken",
        "button_secondary_text_color": "text",
        "button_secondary_border_color": "line",
        "checkbox_background_color": "field",
        "checkbox_background_color_selected": "accent-fill",
        "checkbox_border_color": "line-strong",
        "checkbox_border_color_focus": "accent",
        "checkbox_border_color_selected": "accent-fill",
        "checkbox_label_background_fill": "surface",
        "checkbox_label_background_fill_hover": "sunken",
        "checkbox_label_background_fill_selected": "accent-soft",
        "checkbox_label_border_color": "line",
        "checkbox_label_border_color_selected": "accent",
        "checkbox_label_text_color": "text",
        "checkbox_label_text_color_selected": "text",
        "error_background_fill": "danger-soft",
        "error_text_color": "danger",
        "error_border_color": "danger",
    }
    chosen: dict[str, Any] = {"color_accent": PALETTE["accent-fill"][0], "shadow_drop": "none", "input_shadow": "none"}
    for variable, name in colours.items():
        chosen[variable], chosen[f"{variable}_dark"] = PALETTE[name]
    return theme.set(**chosen, block_shadow="none", block_shadow_dark="none", input_shadow_focus="none")


def _family(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' if " " in name else name for name in names)
