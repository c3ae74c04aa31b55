"""Attaches the form's events. Python answers what needs the studio's knowledge; the page's script does the rest.

*Generate* is posted to ``/api/v1/jobs`` by the script instead of running as a Gradio event: the order carries an id of
the page's choosing, so it is repeated safely when the connection drops; its errors come as JSON with the field's name,
the same as for every client; and it is one request, with no event queue in between. The form's values reach the script
through Gradio's own inputs, so there is one map from field to component here as well.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from studio.accounts import LOCAL, Caller
from studio.services import Studio
from studio.ui import actions, markup
from studio.ui.fields import FIELDS
from studio.ui.form import Form

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private", "preprocess": False}
"""Short events: no queue, no spinner over the field, no public endpoint (the REST routes are the API).

Values come as they are: Gradio's own check would refuse a checkpoint that came after the page was built.
"""

FAILED = "That went wrong inside the studio. The log has the details; the form is as it was."


def wire(page: gr.Blocks, form: Form, studio: Studio) -> None:
    """Attach every event of the Create page."""
    _wire_script(form)
    _wire_tokens(form, studio)
    _wire_choices(page, form, studio)
    _wire_filling(form, studio)


def _script(call: str, arguments: str = "...values") -> str:
    """A Gradio ``js`` handler that calls the page's script once that is there."""
    return f"async ({arguments}) => (await window.latentStudio).{call}"


def _wire_script(form: Form) -> None:
    inputs = [*form.recipe_inputs, form.count]
    form.generate.click(fn=None, inputs=inputs, js=_script("generate(values)"))
    gr.on([part.change for part in inputs], fn=None, inputs=inputs, js=_script("remember(values)"))


def _wire_tokens(form: Form, studio: Studio) -> None:
    for name, counter in form.tokens.items():

        def count(text: str, checkpoint: str) -> str:
            return _safely(lambda: markup.escaped(actions.count_tokens(studio, text, checkpoint)), "")

        prompt = form.fields[name]
        gr.on(
            [prompt.change, form.fields["checkpoint"].change],
            count,
            [prompt, form.fields["checkpoint"]],
            counter,
            trigger_mode="always_last",
            **QUIET,
        )


def _wire_choices(page: gr.Blocks, form: Form, studio: Studio) -> None:
    field = form.fields
    choosing = [field["checkpoint"], field["sampler"], field["steps"]]
    shown = [
        *(field[name] for name in ("checkpoint", "sampler", "schedule", "upscaler", "hires_upscaler", "vae")),
        form.advice,
    ]
    emptied = [field[name] for name in actions.EMPTY_DEFAULTS]
    sync = {"fn": None, "js": _script("showDefaults()", "")}

    def choices(checkpoint: str, sampler: str, steps: float | None) -> list[Any]:
        return _safely(lambda: _choices(studio, checkpoint, sampler, steps), [gr.skip()] * (len(shown) + len(emptied)))

    def advice(checkpoint: str, sampler: str, steps: float | None) -> str:
        return _safely(lambda: _advice(studio, checkpoint, sampler, steps), "")

    def aspect(chosen: str, checkpoint: str) -> tuple[int | None, int | None]:
        neither: tuple[int | None, int | None] = (None, None)
        return _safely(lambda: actions.choose_aspect(studio, chosen, checkpoint), neither)

    def aspect_back(width_px: float | None, height_px: float | None, checkpoint: str) -> str | None:
        return _safely(lambda: actions.aspect_of(studio, width_px, height_px, checkpoint), None)

    def opening(checkpoint: str, sampler: str, steps: float | None) -> list[Any]:
        _safely(studio.library.scan, None)
        return choices(checkpoint, sampler, steps)

    opened = page.load(opening, choosing, [*shown, *emptied], **QUIET)
    opened.then(fn=None, js=_script("recall()", ""), outputs=[*form.recipe_inputs, form.count]).then(
        fn=None, js=_script("opened()", "")
    )
    changed = [field["checkpoint"].change, field["sampler"].change]
    gr.on(changed, choices, choosing, [*shown, *emptied], trigger_mode="always_last", **QUIET).then(**sync)
    field["steps"].change(advice, choosing, form.advice, trigger_mode="always_last", **QUIET)
    size = [field["width_px"], field["height_px"]]
    sized = [part.change for part in (*size, field["checkpoint"])]
    gr.on(sized, aspect_back, [*size, field["checkpoint"]], form.aspect, trigger_mode="always_last", **QUIET)
    form.aspect.input(aspect, [form.aspect, field["checkpoint"]], size, **QUIET)


def _wire_filling(form: Form, studio: Studio) -> None:
    outputs = [*form.recipe_inputs, form.note, form.stack]

    def fill(request: gr.Request, message: str, *values: Any) -> list[Any]:
        present = dict(zip(FIELDS, values, strict=True))
        failed = actions.Filled(present, FAILED)
        filled = _safely(lambda: actions.fill(studio, json.loads(message), present, _owner(request)), failed)
        # What stays as it was is left alone: somebody may have gone on typing meanwhile.
        changed = [gr.skip() if filled.values[name] == present[name] else filled.values[name] for name in FIELDS]
        return [*changed, filled.note, json.dumps(filled.state)]

    said = {"fn": None, "inputs": [form.note, form.stack], "js": _script("filled(note, stack)", "note, stack")}
    before = _script("startFilling(values)")
    form.fill.click(fill, [form.message, *form.recipe_inputs], outputs, js=before, **QUIET).then(**said)


def _owner(request: gr.Request) -> str:
    """Whose form it is: whoever the door let in."""
    caller = request.request.scope.get("studio.caller")
    return caller.owner if isinstance(caller, Caller) else LOCAL.owner


def _choices(studio: Studio, checkpoint: str, sampler: str, steps: float | None) -> list[Any]:
    defaults = actions.defaults(studio, checkpoint, sampler)
    return [
        gr.Dropdown(choices=actions.checkpoint_choices(studio)),
        gr.Dropdown(choices=actions.sampler_choices(studio, checkpoint)),
        gr.Dropdown(choices=actions.schedule_choices(studio, checkpoint, sampler)),
        gr.Dropdown(choices=actions.upscaler_choices(studio, latent=False)),
        gr.Dropdown(choices=actions.upscaler_choices(studio, latent=True)),
        gr.Dropdown(choices=actions.vae_choices(studio, checkpoint)),
        _advice(studio, checkpoint, sampler, steps),
        *(gr.Number(placeholder=defaults[name]) for name in actions.EMPTY_DEFAULTS),
    ]


def _advice(studio: Studio, checkpoint: str, sampler: str, steps: float | None) -> str:
    advice = actions.advise(studio, checkpoint, sampler, steps)
    return markup.advice(advice.sentence, advice.steps_low, advice.steps_high, advice.outside)


def _safely(action: Callable[[], Answer], otherwise: Answer) -> Answer:
    """The page's boundary: whatever an action did not foresee is logged, and the page goes on."""
    try:
        return action()
    except Exception:
        log.exception("An action of the page failed")
        return otherwise
