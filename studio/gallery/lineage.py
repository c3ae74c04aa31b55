"""Where a picture comes from and what was made of it: the chain of pictures that were each other's sources.

It follows ``parent_id`` within one owner's pictures. It refuses to go round in circles, which only forged files make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from studio.gallery.image import Image, from_row
from studio.store.tables import ImageRow

MOST_PARENTS = 100
MOST_CHILDREN = 500


@dataclass(frozen=True)
class Lineage:
    """``parents`` from the nearest to the first of all; ``children``, made of the picture itself, oldest first.

    Those in the bin are among them. A parent that was deleted for good ends the chain.
    """

    parents: tuple[Image, ...]
    children: tuple[Image, ...]

    def as_dict(self) -> dict[str, Any]:
        """The lineage as JSON for the wire."""
        return {
            "parents": [image.as_dict() for image in self.parents],
            "children": [image.as_dict() for image in self.children],
        }


def lineage_of(session: Session, image: Image) -> Lineage:
    """The lineage of an image among its owner's."""
    return Lineage(tuple(_parents(session, image)), tuple(_children(session, image)))


def _parents(session: Session, image: Image) -> list[Image]:
    found: list[Image] = []
    seen = {image.id}
    wanted = image.parent_id
    while wanted is not None and wanted not in seen and len(found) < MOST_PARENTS:
        seen.add(wanted)
        row = session.scalar(select(ImageRow).where(ImageRow.id == wanted, ImageRow.owner_id == image.owner))
        if row is None:
            break
        found.append(from_row(row))
        wanted = row.parent_id
    return found


def _children(session: Session, image: Image) -> list[Image]:
    own = select(ImageRow).where(ImageRow.parent_id == image.id, ImageRow.owner_id == image.owner)
    oldest_first = own.order_by(ImageRow.created_at, ImageRow.id).limit(MOST_CHILDREN)
    return [from_row(row) for row in session.scalars(oldest_first)]
