"""The paths that lead anywhere. All others answer 404 at the door, so nothing stands open that nobody thought of.

Gradio brings some ninety routes for programs, uploads, proxies, sharing and editing its own source; the page uses a
handful of them, which stand here. A test holds both tables to the routes that the app really has.
"""

from __future__ import annotations

import re

OWN_PATHS = frozenset({"/healthz", "/docs", "/login", "/logout", "/join", "/people"})
OWN_PREFIXES = ("/api/", "/sdapi/", "/internal/", "/page/", "/docs/static/", "/shared/")

PAGE_PATHS = frozenset(
    {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/gradio_api/run/predict"}
)
PAGE_PREFIXES = ("/assets/", "/static/")

UPLOADS = (
    ("/api/v1/sources", "file"),
    ("/api/v1/recipes/read", "picture"),
    ("/api/v1/images/import", "file"),
    ("/sdapi/", "body"),
)
"""Beginnings of paths whose requests bring files, and what the file is called in an error."""

_CROOKED = re.compile(r"(^|/)\.{1,2}(/|$)|[\\\x00-\x1f\x7f]|%2e|%2f|%5c|%00|//", re.IGNORECASE)
"""In a path that has been decoded once: ways up, backslashes, control characters, and what was encoded twice."""


def is_open(path: str) -> bool:
    """Whether ``path``, decoded, leads anywhere from the door."""
    if _CROOKED.search(path):
        return False
    return path in OWN_PATHS or path in PAGE_PATHS or path.startswith(OWN_PREFIXES + PAGE_PREFIXES)


def is_page_or_docs(path: str) -> bool:
    """Whether ``path`` answers a document that runs scripts of ours."""
    return path in ("/", "/docs")


def is_for_programs(path: str) -> bool:
    """Whether A1111's clients ask for ``path``: they read errors by other names, and log in by Basic."""
    return path.startswith(("/sdapi/", "/internal/"))


def upload_field(path: str) -> str | None:
    """What the file is called that a request to ``path`` brings; ``None`` where it brings none."""
    return next((field for beginning, field in UPLOADS if path.startswith(beginning)), None)
