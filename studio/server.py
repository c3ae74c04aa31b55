"""The ASGI app: REST routes, the page, and the life of a studio around them.

The app answers ``/healthz`` as soon as the socket is open; the worker starts beside it and the queue waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi_offline import FastAPIOffline

from studio import __version__
from studio.api import (
    albums,
    arrivals,
    backups,
    batches,
    catalogue,
    checks,
    images,
    imports,
    jobs,
    models,
    people,
    presets,
    prompts,
    queue,
    recipes,
    remembered,
    residency,
    sharing,
    sources,
    wildcards,
)
from studio.api.caller import StudioOf
from studio.api.errors import install_error_handlers
from studio.api.openapi import describe
from studio.door import Door, Rules, login, shared_page
from studio.errors import NotFound
from studio.sdapi import routes as sdapi
from studio.services import Studio

log = logging.getLogger(__name__)

health = APIRouter(tags=["health"])


@health.get("/healthz")
def healthz(studio: StudioOf) -> dict[str, str]:
    """That the studio answers, and how its worker is."""
    return {"status": "ok", "worker": studio.worker_status}


nothing = APIRouter(include_in_schema=False)


@nothing.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def no_such_route(path: str, request: Request) -> None:
    """Answer for this part of the tree, before the page's own catch-all does."""
    # this route takes every method, so nobody else tells of one that a path does not have
    for template, operations in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"{[^}]*}", "[^/]+", template), request.url.path):
            allowed = ", ".join(sorted(method.upper() for method in operations))
            raise HTTPException(405, f"there is only {allowed}", headers={"Allow": allowed})
    raise NotFound(f"There is no route /api/{path}. /docs lists those there are.")


def create_app(studio: Studio, *, page: bool = True) -> FastAPI:
    """The app over ``studio``, which is closed when the app ends. ``page=False`` leaves the Gradio page out."""

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        studio.start()
        try:
            yield
        finally:
            studio.close()

    app = FastAPIOffline(  # its page of routes comes from here, not from a CDN
        title="Latent Studio",
        version=__version__,
        lifespan=life,
        docs_url="/docs",
        openapi_url="/api/v1/openapi.json",
        redoc_url=None,
        static_url="/docs/static",
    )
    app.state.studio = studio
    install_error_handlers(app)
    app.include_router(health)
    parts = (
        *(jobs, batches, queue, albums, imports, images, recipes, presets, prompts, wildcards),
        *(sources, arrivals, checks, residency, models, people, remembered, sharing, catalogue, backups),
    )
    for part in parts:
        app.include_router(part.router, prefix="/api/v1")
    app.include_router(nothing)
    sdapi.install(app)
    app.include_router(login.router)
    app.include_router(shared_page.router)
    describe(app)
    if page:
        from studio.ui.page import mount_page

        app = mount_page(app, studio)
    app.add_middleware(Door, rules=Rules.of(studio.settings), accounts=studio.accounts)
    return app
