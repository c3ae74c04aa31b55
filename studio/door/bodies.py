"""How much a request may bring: told by its length before anything is read, and counted where it tells none."""

from __future__ import annotations

from starlette.types import Message, Receive

from studio.door.paths import upload_field
from studio.errors import InvalidField, TooLarge


class BodyTooLong(Exception):
    """More came than may; whoever was reading is interrupted by it."""


class Measured:
    """A request's body, counted while it is read."""

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive = receive
        self._left = most_bytes
        self.is_too_long = False

    async def __call__(self) -> Message:
        """The next part. Raises `BodyTooLong`."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.is_too_long = True
                raise BodyTooLong
        return message


def check_length(path: str, length: str | None, most_bytes: int) -> None:
    """Refuse a body by the length it tells.

    Raises:
        TooLarge: it is longer than ``most_bytes``.
        InvalidField: the length is no number.
    """
    if length is None:
        return
    if not (length.isascii() and length.isdigit()):
        raise InvalidField("Content-Length", f"{length[:20]!r} is no length", "a number of bytes")
    if int(length) > most_bytes:
        raise too_large(path, most_bytes)


def too_large(path: str, most_bytes: int) -> TooLarge:
    """The refusal of a body to ``path``."""
    field = upload_field(path)
    most = f"up to {most_bytes // 1_000_000} MB"
    return TooLarge(field, "the file is too large", most) if field else TooLarge("body", "too much was sent", most)
