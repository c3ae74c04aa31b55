"""Request bodies that are files: taken in whole, and refused as soon as they are too long."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from studio.errors import TooLarge

FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""What OpenAPI says of a route whose body is a file."""


async def whole_body(request: Request, most_bytes: int, field: str = "file") -> bytes:
    """The body. Raises `TooLarge` that names ``field``."""
    refusal = TooLarge(field, "the file is too large", f"up to {most_bytes // 1_000_000} MB")
    if int(request.headers.get("content-length") or 0) > most_bytes:
        raise refusal
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > most_bytes:
            raise refusal
    return bytes(parts)
