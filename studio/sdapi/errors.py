"""Errors as A1111's clients know them: ``{"error", "detail", "body", "errors"}``, and the time on every answer.

``error`` is our code, ``detail`` what A1111 says where it has words for it, ``errors`` always the whole sentence.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from studio.api.errors import Answer
from studio.errors import StudioError

log = logging.getLogger(__name__)

PROCESS_TIME = "X-Process-Time"


class Refusal(StudioError):
    """A refusal with A1111's own status and words; ``sentence`` says what to change."""

    def __init__(self, status: int, detail: str, sentence: str = "", code: str = "HTTPException") -> None:
        super().__init__(sentence or detail)
        self.http_status = status
        self.detail = detail
        self.code = code


def error_body(code: str, detail: str, sentence: str) -> dict[str, Any]:
    """The body of an error."""
    return {"error": code, "detail": detail, "body": "", "errors": sentence}


class SdapiRoute(APIRoute):
    """A route whose errors are A1111's and whose answers tell how long they took."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answered = super().get_route_handler()

        async def handle(request: Request) -> Response:
            began_s = time.perf_counter()
            try:
                answer = await answered(request)
            except Exception as error:
                # The error handler of these routes, as `studio.api.errors` is that of ours.
                answer = answer_to(request, error)
            answer.headers[PROCESS_TIME] = f"{time.perf_counter() - began_s:.4f}"
            return answer

        return handle


def answer_to(request: Request, error: Exception) -> Response:
    """The answer that tells of an error."""
    if isinstance(error, StudioError):
        if error.http_status >= 500:
            log.error("%s %s: %s", request.method, request.url.path, error)
        detail = error.detail if isinstance(error, Refusal) else str(error)
        return _json(error.http_status, error.code, detail, str(error))
    if isinstance(error, RequestValidationError):
        sentence = _sentence(error)
        return _json(422, "RequestValidationError", sentence, sentence)
    if isinstance(error, HTTPException):
        return _json(error.status_code, "HTTPException", str(error.detail), str(error.detail))
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    sentence = "Something went wrong inside the studio. The log has the details; nothing you made is lost."
    return _json(500, type(error).__name__, sentence, sentence)


def _sentence(error: RequestValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or "body"
    return f"{field}: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _json(status: int, code: str, detail: str, sentence: str) -> Response:
    return Answer(error_body(code, detail, sentence), status_code=status)


def sdapi_router() -> APIRouter:
    """A router of such routes."""
    return APIRouter(route_class=SdapiRoute, default_response_class=Answer)
