"""Finished pictures: kept as PNG files that say everything about themselves, with rows to find them by.

The files are the truth: every row can be made again from them. It refuses to make pictures and to know the queue.
"""

from __future__ import annotations

from studio.gallery.gallery import Gallery
from studio.gallery.image import Image, Page
from studio.gallery.lineage import Lineage
from studio.gallery.rebuild import RebuildReport

__all__ = ["Gallery", "Image", "Lineage", "Page", "RebuildReport"]
