"""Builds the page and mounts it at ``/`` of the app.

Build, then wire, then act: `form` and `markup` lay out, `wiring` attaches events, `actions` act. What moves on the page
(stage, gallery, full view) is plain script over the REST routes, in ``static/``: pictures reach the browser as the
files they are, and a reload or another device finds the running job where it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr
from fastapi import FastAPI

from studio.recipe.model import AUTO
from studio.services import Studio
from studio.ui import actions, markup
from studio.ui.assets import PageFiles
from studio.ui.fields import EMPTY_MEANS, FIELDS, untouched
from studio.ui.form import Form, Offered, build_form
from studio.ui.palette import gradio_theme
from studio.ui.wiring import wire

TITLE = "Latent Studio"

Built = TypeVar("Built")


def build_page(studio: Studio) -> gr.Blocks:
    """The whole page over ``studio``, not yet served."""
    return _within_a_loop(lambda: _build(studio))


def _build(studio: Studio) -> gr.Blocks:
    with gr.Blocks(analytics_enabled=False, title=TITLE, fill_width=True) as page:
        _html(markup.HEADER, "header-slot")
        _html(markup.NOTICES)
        with gr.Column(elem_id="page-create"):
            form = _create(studio)
        with gr.Column(elem_id="page-gallery"):
            _html(markup.GALLERY)
        with gr.Column(elem_id="page-models"):
            _html(markup.MODELS)
        with gr.Column(elem_id="page-wall"):
            _html(markup.WALL)
        with gr.Column(elem_id="page-settings"):
            _html(markup.SETTINGS)
        with gr.Column(elem_id="page-queue"):
            _html(markup.QUEUE)
        _html(markup.OVERLAYS)
        wire(page, form, studio)
    return page


def mount_page(app: FastAPI, studio: Studio) -> FastAPI:
    """Serve the page at ``/`` and its files under ``/page/``. Other routes come before it: ``/`` takes all the rest."""
    files = PageFiles.read()
    app.include_router(files.router())
    return _within_a_loop(lambda: _mount(app, studio, files))


def _mount(app: FastAPI, studio: Studio, files: PageFiles) -> FastAPI:
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_page(studio),
        path="/",
        theme=gradio_theme(),
        head=files.head(_facts(studio)),
        footer_links=[],
        run_history=False,
        show_error=False,
        allowed_paths=[],
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
    )
    return mounted


def _create(studio: Studio) -> Form:
    """The Create page: one form for all modes, and the stage."""
    form = build_form(
        Offered(
            checkpoints=actions.checkpoint_choices(studio),
            samplers=actions.sampler_choices(studio, AUTO),
            schedules=actions.schedule_choices(studio, AUTO, AUTO),
            defaults=actions.defaults(studio, AUTO, AUTO),
            upscalers=actions.upscaler_choices(studio, latent=False),
            latent_upscalers=actions.upscaler_choices(studio, latent=True),
            vaes=actions.vae_choices(studio, AUTO),
        )
    )
    with gr.Column(elem_id="stage-column"):
        _html(markup.STAGE)
    return form


def _facts(studio: Studio) -> dict[str, Any]:
    """What the page's script must know: the fields in order, and what an untouched form holds."""
    return {
        "fields": FIELDS,
        "untouched": untouched(),
        "emptyMeans": EMPTY_MEANS,
        "examples": actions.examples(studio),
        "beginsWithStarter": actions.begins_with_starter(studio),
        "modelsFolder": str(studio.paths.models),
    }


def _within_a_loop(build: Callable[[], Built]) -> Built:
    """Build inside a running event loop: outside of one, Gradio makes a loop for each of its locks and closes none."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_as_coroutine(build))
    return build()


async def _as_coroutine(build: Callable[[], Built]) -> Built:
    return build()


def _html(content: str, elem_id: str | None = None) -> Any:
    return gr.HTML(content, elem_id=elem_id, apply_default_css=False)
