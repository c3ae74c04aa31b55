"""Headers that tell the browser what an answer may do; an answer's own headers are left as they are.

The page needs inline scripts and evaluated code, because Gradio writes its configuration into the document and
compiles its handlers in the browser. So the policy's worth lies in the rest: nothing is loaded from, sent to, or framed
by another site.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

from studio.door.paths import is_page_or_docs

PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
DATA_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


ALWAYS_TLS = ("Strict-Transport-Security", "max-age=15552000")
"""Half a year, and this very name alone (RFC 6797)."""


def guard(headers: MutableHeaders, path: str, *, always_tls: bool = False) -> None:
    """Add to the ``headers`` of an answer what it does not say itself."""
    if always_tls:
        headers.setdefault(*ALWAYS_TLS)
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", PAGE_POLICY if is_page_or_docs(path) else DATA_POLICY)
