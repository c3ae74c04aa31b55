"""Tags and albums, and an index that answers a search by field without reading whole rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from studio.store.tables import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FIELDS = ["owner_id", "binned_at", "created_at", "id", "favourite", "seed", "steps", "width_px", "height_px"]


def upgrade() -> None:
    _image_tags()
    _albums()
    # It begins as the index before it did, so that one is not needed any more.
    op.create_index("ix_images_fields", "images", [*FIELDS, "sampler", "checkpoint"])
    op.drop_index("ix_images_owner_id_binned_at_created_at_id", "images")


def _image_tags() -> None:
    op.create_table(
        "image_tags",
        sa.Column("image_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("image_id", "name", name="pk_image_tags"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_image_tags_image_id", ondelete="CASCADE"),
    )
    op.create_index("ix_image_tags_name_image_id", "image_tags", ["name", "image_id"])


def _albums() -> None:
    op.create_table(
        "albums",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_albums"),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name="fk_albums_owner_id"),
        sa.UniqueConstraint("owner_id", "name", name="uq_albums_owner_id_name"),
    )
    op.create_table(
        "album_images",
        sa.Column("album_id", sa.String(), nullable=False),
        sa.Column("image_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("album_id", "image_id", name="pk_album_images"),
        sa.ForeignKeyConstraint(["album_id"], ["albums.id"], name="fk_album_images_album_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_album_images_image_id", ondelete="CASCADE"),
    )
    op.create_index("ix_album_images_image_id", "album_images", ["image_id"])
