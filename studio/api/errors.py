"""Every error as JSON: ``{"error": {"code", "message", …}}`` with what to change, and never a traceback."""

from __future__ import annotations

import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from studio.errors import StudioError

log = logging.getLogger(__name__)


class Answer(JSONResponse):
    """JSON that can always be sent: a message may quote what no text can hold, half of a surrogate pair, say."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def error_body(error: StudioError) -> dict[str, Any]:
    """The answer's body for ``error``."""
    return {"error": {"code": error.code, "message": str(error), **error.details()}}


def _studio_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StudioError)
    if error.http_status >= 500:
        log.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
    wait_s = getattr(error, "retry_after_s", None)
    headers = None if wait_s is None else {"Retry-After": str(wait_s)}
    return Answer(error_body(error), status_code=error.http_status, headers=headers)


def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or "body"
    message = f"{field}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    return Answer({"error": {"code": "invalid_field", "message": message, "field": field}}, status_code=422)


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "http")
    said = f"{request.method} {request.url.path}: {error.detail}. /docs lists the routes and what each takes."
    body = {"error": {"code": code, "message": said}}
    return Answer(body, status_code=error.status_code, headers=error.headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    message = "Something went wrong inside the studio. The log has the details; nothing you made is lost."
    return Answer({"error": {"code": "internal", "message": message}}, status_code=500)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every exception of ``app``'s routes in the one JSON shape."""
    app.add_exception_handler(StudioError, _studio_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
