"""The parts of the form that only some recipes use: source and mask, second pass, finish. Laid out, not wired.

What a mode does not use is hidden by the page's style (``only-…`` classes) and keeps its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from studio.recipe.finish import LATENT_UPSCALERS, NO_UPSCALER, SAME
from studio.recipe.model import Mode
from studio.ui import markup

Fields = dict[str, Any]
Choices = list[tuple[str, str]]
Number = Callable[..., Any]

HIDDEN = ("mode", "source", "source_image", "mask")
"""Fields that the page's script fills: tabs, source slot and mask editor stand for them."""

RESIZE_MODES: Choices = [
    ("Stretch", "stretch"),
    ("Crop to fit", "crop"),
    ("Fit and fill", "fill"),
    ("Stretch latents", "latent"),
]
CONTENTS: Choices = [
    ("The picture itself", "original"),
    ("Colours around it", "fill"),
    ("Noise", "latent_noise"),
    ("Nothing", "latent_nothing"),
]
AREAS: Choices = [("Whole picture", "whole"), ("Only what is masked", "masked")]
TILINGS: Choices = [
    ("Off", "off"),
    ("Both ways", "both"),
    ("Left to right", "horizontal"),
    ("Top to bottom", "vertical"),
]

SIDES = (("left", "Left"), ("right", "Right"), ("top", "Top"), ("bottom", "Bottom"))
ADJUSTMENTS = (
    ("brightness", "Brightness"),
    ("contrast", "Contrast"),
    ("saturation", "Saturation"),
    ("temperature", "Temperature"),
    ("sharpness", "Sharpness"),
)


def build_hidden(fields: Fields) -> None:
    """The fields that nobody types into."""
    for name in HIDDEN:
        value = Mode.TEXT.value if name == "mode" else ""
        fields[name] = gr.Textbox(value=value, visible="hidden", elem_id=f"field-{name}", show_label=False)


def build_source(fields: Fields, number: Number) -> None:
    """What is done with a source and its mask."""
    with gr.Column(elem_id="source-settings", elem_classes="only-source"):
        with gr.Column(elem_classes="dial"):
            fields["denoising_strength"] = number("Denoising strength", "field-denoising_strength", "0.75", step=0.05)
            gr.HTML(markup.slider("denoising_strength", "Denoising strength", 0, 1, 0.05), apply_default_css=False)
        gr.HTML('<p class="muted small">0 keeps the picture, 1 forgets it.</p>', apply_default_css=False)
        with gr.Row(elem_classes="pair"):
            fields["inpaint_area"] = _choice("Network sees", AREAS, "inpaint_area", "whole", "only-inpaint")
            fields["masked_content"] = _choice("Under the mask", CONTENTS, "masked_content", "original", "only-inpaint")
        fields["resize_mode"] = _choice("Resize", RESIZE_MODES, "resize_mode", "stretch", "only-image")
        gr.HTML(markup.fold("mask-settings", "Mask and edges"), apply_default_css=False, elem_classes="only-inpaint")
        with gr.Column(elem_id="mask-settings", elem_classes="folded only-inpaint"):
            _mask(fields, number)
        gr.HTML(markup.fold("outpaint", "Extend the picture"), apply_default_css=False, elem_classes="only-inpaint")
        with gr.Column(elem_id="outpaint", elem_classes="folded only-inpaint"):
            for pair in (SIDES[:2], SIDES[2:]):
                with gr.Row(elem_classes="pair"):
                    for side, label in pair:
                        name = f"outpaint_{side}_px"
                        fields[name] = number(f"{label}, pixels", f"field-{name}", "0", step=8)
        fields["colour_correction"] = gr.Checkbox(
            label="Match the picture’s colours", value=False, elem_id="field-colour_correction"
        )


def build_second_pass(
    fields: Fields, number: Number, upscalers: Choices, samplers: Choices, schedules: Choices
) -> None:
    """The picture made larger and denoised once more."""
    with gr.Row(elem_classes="pair"):
        fields["hires_scale"] = number("Scale", "field-hires_scale", "off", step=0.25, info="2 is twice as wide.")
        fields["hires_denoising_strength"] = number(
            "Denoising", "field-hires_denoising_strength", "0.7", step=0.05, info="How much is drawn anew."
        )
    with gr.Row(elem_classes="pair"):
        fields["hires_width_px"] = number("Or width", "field-hires_width_px", "from scale", step=8)
        fields["hires_height_px"] = number("Or height", "field-hires_height_px", "from scale", step=8)
    with gr.Row(elem_classes="pair"):
        fields["hires_upscaler"] = _choice("Upscaler", upscalers, "hires_upscaler", LATENT_UPSCALERS[0])
        fields["hires_steps"] = number("Steps", "field-hires_steps", "same", step=1)
    with gr.Row(elem_classes="pair"):
        fields["hires_sampler"] = _choice("Sampler", [("Same", SAME), *samplers], "hires_sampler", SAME)
        fields["hires_schedule"] = _choice("Schedule", [("Same", SAME), *schedules], "hires_schedule", SAME)
    fields["hires_guidance_scale"] = number("Guidance", "field-hires_guidance_scale", "same", step=0.5)
    fields["hires_prompt"] = _words("Prompt of the second pass", "hires_prompt", "The same")
    fields["hires_negative_prompt"] = _words("Its negative prompt", "hires_negative_prompt", "The same")


def build_finish(fields: Fields, number: Number, upscalers: Choices) -> None:
    """What is done to the pixels of a finished picture."""
    with gr.Row(elem_classes="pair"):
        fields["upscaler"] = _choice("Upscaler", upscalers, "upscaler", NO_UPSCALER)
        fields["upscale"] = number("Factor", "field-upscale", "1", step=0.5)
    for start in range(0, len(ADJUSTMENTS), 2):
        with gr.Row(elem_classes="pair"):
            for name, label in ADJUSTMENTS[start : start + 2]:
                fields[name] = number(label, f"field-{name}", "0", step=0.05)
    gr.HTML('<p class="muted small">From -1 to 1; 0 leaves it as it is.</p>', apply_default_css=False)


def tiling_choice(fields: Fields, info: Mapping[str, str]) -> None:
    """Seamless pictures, among the advanced settings."""
    fields["tiling"] = gr.Dropdown(
        TILINGS, value="off", label="Seamless", elem_id="field-tiling", min_width=100, info=info["tiling"]
    )


def _mask(fields: Fields, number: Number) -> None:
    with gr.Row(elem_classes="pair"):
        fields["masked_padding_px"] = number(
            "Padding", "field-masked_padding_px", "32", step=4, info="Pixels around what is masked that are seen."
        )
        fields["mask_grow_px"] = number("Grow", "field-mask_grow_px", "0", step=1, info="Below 0 it shrinks.")
    with gr.Row(elem_classes="pair"):
        fields["mask_blur_x_px"] = number("Blur across", "field-mask_blur_x_px", "4", step=1)
        fields["mask_blur_y_px"] = number("Blur down", "field-mask_blur_y_px", "4", step=1)
    fields["mask_invert"] = gr.Checkbox(label="Paint what is not masked", value=False, elem_id="field-mask_invert")
    fields["soft_inpainting"] = gr.Checkbox(
        label="Soft", value=False, elem_id="field-soft_inpainting", info="Edges change as little as they need to."
    )


def _choice(label: str, choices: Choices, name: str, value: str, classes: str | None = None) -> Any:
    return gr.Dropdown(choices, value=value, label=label, elem_id=f"field-{name}", min_width=100, elem_classes=classes)


def _words(label: str, name: str, placeholder: str) -> Any:
    return gr.Textbox(
        label=label,
        lines=1,
        max_lines=8,
        placeholder=placeholder,
        elem_id=f"field-{name}",
        html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocapitalize="off", autocomplete="off"),
    )
