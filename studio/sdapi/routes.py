"""All routes of A1111's API: ``install`` puts them, and the requests under way, into an app."""

from __future__ import annotations

import re

from fastapi import FastAPI, HTTPException, Request

from studio.sdapi import extras, generation, internal, lists, progress, upkeep
from studio.sdapi.errands import Errands
from studio.sdapi.errors import Refusal, sdapi_router

PREFIX = "/sdapi/v1"
PARTS = ((PREFIX, (generation, progress, extras, lists, upkeep)), ("/internal", (internal,)))
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

nothing = sdapi_router()


@nothing.api_route("/sdapi/{path:path}", methods=METHODS, include_in_schema=False)
@nothing.api_route("/internal/{path:path}", methods=METHODS, include_in_schema=False)
def no_such_route(path: str, request: Request) -> None:
    """Answer for these parts of the tree, before the page's own catch-all does."""
    operations = request.app.openapi()["paths"].get(re.sub("/+$", "", request.url.path))
    if operations:
        allowed = ", ".join(sorted(method.upper() for method in operations))
        raise HTTPException(405, f"there is only {allowed}", headers={"Allow": allowed})
    raise Refusal(404, "Not Found", f"There is no route {request.url.path}. /docs lists those there are.")


def install(app: FastAPI) -> None:
    """Let ``app`` answer A1111's clients."""
    app.state.errands = Errands()
    for prefix, parts in PARTS:
        for part in parts:
            app.include_router(part.router, prefix=prefix, tags=["A1111"])
    app.include_router(nothing)
