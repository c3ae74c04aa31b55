"""What the door goes by: a frozen `Rules`, made once from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from studio.door.paths import upload_field
from studio.network.names import expected_names
from studio.settings import Settings

MOST_BODY_BYTES = 4_000_000
"""Of a request that brings no file: room for the longest prompts with all that a form holds."""

HTTPS_PORT = 443

ENVELOPE_BYTES = 1_000_000
"""What may come round a file: the rest of a form. The routes hold the file itself to its own limit."""


@dataclass(frozen=True)
class Rules:
    """``names`` are those by which this studio may be called besides addresses; ``upload_bytes`` bounds a file.

    ``always_tls``: browsers are told to come by TLS only from now on. Sensible where a certificate that they know
    stands at the usual port: they apply it to the whole name, and would shut out whatever else is served under it.
    """

    names: frozenset[str]
    any_address: bool
    upload_bytes: int
    always_tls: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """The rules for a studio that listens on ``settings.host``."""
        names, any_address = expected_names(settings.host, settings.allowed_hosts)
        always_tls = settings.tls_certificate is not None and settings.port == HTTPS_PORT
        return cls(names, any_address, settings.max_upload_mb * 1_000_000, always_tls)

    def most_bytes(self, path: str) -> int:
        """Bytes that the body of a request to ``path`` may have."""
        if upload_field(path) is None:
            return MOST_BODY_BYTES
        # A1111's routes carry pictures as base64 inside JSON, four bytes for three, and often a mask beside them.
        return self.upload_bytes * (3 if path.startswith("/sdapi/") else 1) + ENVELOPE_BYTES
