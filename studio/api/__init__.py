"""The REST routes: ``/api/v1`` (our own) and ``/healthz``.

They translate HTTP into calls of ``studio.services.Studio`` and back; no decision about pictures is made here.
"""

from __future__ import annotations
