"""The form of the Create page: Gradio components, one per field of a recipe, laid out and not yet wired.

`Form.fields` is the one map from a recipe's field to its component. Everything stays mounted, folds included, so that
an error can always point at its field; hence our own fold instead of Gradio's accordion, which builds its inside late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.recipe import Emphasis, NoiseDevice
from studio.recipe.model import AUTO
from studio.ui import markup, sections
from studio.ui.actions import ASPECTS
from studio.ui.fields import FIELDS

Choices = list[tuple[str, str]]

EMPHASES: Choices = [
    ("Original (keeps the mean)", Emphasis.ORIGINAL.value),
    ("Plain weights", Emphasis.NO_NORM.value),
    ("Ignore weights", Emphasis.IGNORE.value),
]
NOISES: Choices = [("CPU", NoiseDevice.CPU.value), ("Philox (as on NVIDIA cards)", NoiseDevice.PHILOX.value)]

ADVANCED_PAIRS: tuple[tuple[tuple[str, str, str, float], ...], ...] = (
    (("variation_seed", "Variation seed", "rolled", 1), ("variation_strength", "Variation strength", "0", 0.05)),
    (
        ("seed_resize_width_px", "Seed resize width", "off", 8),
        ("seed_resize_height_px", "Seed resize height", "off", 8),
    ),
    (("eta", "Eta", "", 0.05), ("eta_noise_seed_delta", "Eta noise seed delta", "0", 1)),
    (("clip_skip", "Clip skip", "", 1),),
)
"""Field, label, what stands in it while it is empty, and step of its arrows."""

INFO: dict[str, str] = {
    "variation_seed": "Where a variation leads.",
    "variation_strength": "0 keeps the seed’s picture, 1 is the variation’s.",
    "seed_resize_width_px": "Width the seed was found at; keeps its composition.",
    "seed_resize_height_px": "Height the seed was found at.",
    "clip_skip": "Layers of the text encoder left out at its end, plus 1.",
    "eta": "Fresh noise on the way; 0 draws none.",
    "eta_noise_seed_delta": "Added to the seed for that noise (ENSD).",
    "noise": "Philox gives the seeds of NVIDIA cards on any machine.",
    "emphasis": "How (words:1.2) act on the rest of the prompt.",
    "vae": "Turns latents into pixels; most checkpoints bring one.",
    "tiling": "The picture continues on its other side, for textures.",
    "exact": "The same bytes whatever else is being made at the time; a little slower.",
}
"""A sentence under each setting that its name does not explain."""


@dataclass(frozen=True)
class Form:
    """The components. ``fields`` is in the order of `FIELDS`; the rest is about the form, not about the recipe."""

    fields: Mapping[str, Any]
    count: Any
    aspect: Any
    tokens: Mapping[str, Any]
    advice: Any
    generate: Any
    message: Any
    note: Any
    stack: Any
    fill: Any

    @property
    def recipe_inputs(self) -> list[Any]:
        """The components of the recipe's fields, in the order of `FIELDS`."""
        return list(self.fields.values())


@dataclass(frozen=True)
class Offered:
    """What the choices hold when the page is built; loading it asks again."""

    checkpoints: Choices
    samplers: Choices
    schedules: Choices
    defaults: Mapping[str, str]
    upscalers: Choices
    latent_upscalers: Choices
    vaes: Choices


def build_form(offered: Offered) -> Form:
    """Lay the form out within the current Gradio context."""
    fields: dict[str, Any] = {}
    with gr.Column(elem_id="compose"):
        tokens = _prompts(fields)
        gr.HTML(markup.PROMPT_TOOLS, apply_default_css=False)
        gr.HTML(markup.PASTE_OFFER, apply_default_css=False)
        gr.HTML(markup.MODES, apply_default_css=False)
        gr.HTML(markup.SOURCE, apply_default_css=False, elem_classes="only-source")
        sections.build_hidden(fields)
        with gr.Row(elem_id="actions"):
            generate = gr.Button("Generate", variant="primary", elem_id="generate")
            gr.HTML(markup.CANCEL, apply_default_css=False, elem_id="cancel-slot")
        gr.HTML(markup.FORM_MESSAGE, apply_default_css=False)
    with gr.Column(elem_id="panel"):
        sections.build_source(fields, _number)
        gr.HTML(markup.PRESETS, apply_default_css=False, elem_id="presets-slot")
        fields["checkpoint"] = _choice("Checkpoint", offered.checkpoints, "field-checkpoint")
        gr.HTML(markup.SWAP_COST, apply_default_css=False, elem_id="swap-cost-slot")
        with gr.Row(elem_classes="pair"):
            fields["sampler"] = _choice("Sampler", offered.samplers, "field-sampler")
            fields["schedule"] = _choice("Schedule", offered.schedules, "field-schedule")
        fields["steps"] = _dial("Steps", "steps", offered, least=1, most=100, step=1)
        advice = gr.HTML("", elem_id="advice", apply_default_css=False)
        fields["guidance_scale"] = _dial("Guidance", "guidance_scale", offered, least=1, most=20, step=0.5)
        aspect = _size(fields, offered)
        with gr.Row(elem_classes="seed-row"):
            count = _number("Pictures", "count", value=1, placeholder="1")
            fields["seed"] = _number("Seed", "field-seed", placeholder="new each time")
            gr.HTML(markup.SEED_BUTTONS, apply_default_css=False)
        gr.HTML(markup.fold("second-pass", "Second pass"), apply_default_css=False, elem_classes="not-inpaint")
        with gr.Column(elem_id="second-pass", elem_classes="folded not-inpaint"):
            others = offered.samplers[1:], offered.schedules[1:]
            sections.build_second_pass(fields, _number, offered.latent_upscalers, *others)
        gr.HTML(markup.fold("finish", "Finish"), apply_default_css=False)
        with gr.Column(elem_id="finish", elem_classes="folded"):
            sections.build_finish(fields, _number, offered.upscalers)
        gr.HTML(markup.fold("advanced", "Advanced"), apply_default_css=False)
        with gr.Column(elem_id="advanced", elem_classes="folded"):
            _advanced(fields, offered)
        gr.HTML(markup.RESET, apply_default_css=False)
    message, note, stack = (gr.Textbox(visible="hidden", show_label=False) for _ in range(3))
    fill = gr.Button("Fill", visible="hidden", elem_id="fill")
    ordered = {name: fields[name] for name in FIELDS}
    return Form(ordered, count, aspect, tokens, advice, generate, message, note, stack, fill)


def _prompts(fields: dict[str, Any]) -> dict[str, Any]:
    tokens: dict[str, Any] = {}
    for name, label, lines, placeholder in (
        ("prompt", "Prompt", 4, "What should be in the picture?"),
        ("negative_prompt", "Negative prompt", 1, "What should stay out of it"),
    ):
        tokens[name] = gr.HTML("", elem_id=f"tokens-{name}", elem_classes="tokens", apply_default_css=False)
        fields[name] = gr.Textbox(
            label=label,
            lines=lines,
            max_lines=14,
            placeholder=placeholder,
            elem_id=f"field-{name}",
            html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocapitalize="off", autocomplete="off"),
        )
        if name == "prompt":
            gr.HTML(markup.LORAS, apply_default_css=False, elem_id="loras-slot")
    return tokens


def _size(fields: dict[str, Any], offered: Offered) -> Any:
    aspect = gr.Radio(list(ASPECTS), value="1:1", label="Size", elem_id="aspect")
    with gr.Row(elem_classes="size"):
        fields["width_px"] = _number("Width", "field-width_px", offered.defaults["width_px"], step=8)
        gr.HTML(markup.SWAP, apply_default_css=False, elem_id="swap-slot")
        fields["height_px"] = _number("Height", "field-height_px", offered.defaults["height_px"], step=8)
    return aspect


def _advanced(fields: dict[str, Any], offered: Offered) -> None:
    for pair in ADVANCED_PAIRS:
        with gr.Row(elem_classes="pair"):
            for name, label, placeholder, step in pair:
                shown = offered.defaults.get(name, placeholder)
                fields[name] = _number(label, f"field-{name}", shown, step=step, info=INFO[name])
    fields["noise"] = _choice("Noise source", NOISES, "field-noise", NoiseDevice.CPU.value, INFO["noise"])
    fields["emphasis"] = _choice("Emphasis", EMPHASES, "field-emphasis", Emphasis.ORIGINAL.value, INFO["emphasis"])
    fields["vae"] = _choice("VAE", offered.vaes, "field-vae", AUTO, INFO["vae"])
    sections.tiling_choice(fields, INFO)
    fields["exact"] = gr.Checkbox(label="Exact", value=False, elem_id="field-exact", info=INFO["exact"])


def _dial(label: str, name: str, offered: Offered, *, least: float, most: float, step: float) -> Any:
    """A number with a slider below it that covers the usual range; the number itself takes any value."""
    with gr.Column(elem_classes="dial"):
        number = _number(label, f"field-{name}", offered.defaults[name], step=step)
        gr.HTML(markup.slider(name, label, least, most, step), apply_default_css=False)
    return number


def _number(
    label: str, elem_id: str, placeholder: str, value: float | None = None, step: float = 1, info: str | None = None
) -> Any:
    return gr.Number(
        label=label, value=value, placeholder=placeholder, step=step, elem_id=elem_id, min_width=60, info=info
    )


def _choice(label: str, choices: Choices, elem_id: str, value: str | None = "auto", info: str | None = None) -> Any:
    return gr.Dropdown(choices, value=value, label=label, elem_id=elem_id, min_width=100, info=info)
