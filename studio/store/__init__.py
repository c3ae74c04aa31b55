"""What must outlive the process: the database, its tables and migrations, atomic files, and blobs by content hash.

It knows how to keep things whole through crashes and full disks. It refuses to know what the rows mean: that is the
business of ``gallery``, ``jobs`` and ``accounts``.
"""

from __future__ import annotations

from studio.store.blobs import Blobs
from studio.store.database import Database, Preparation
from studio.store.files import write_atomic

__all__ = ["Blobs", "Database", "Preparation", "write_atomic"]
