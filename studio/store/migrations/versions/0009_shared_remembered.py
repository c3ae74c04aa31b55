"""What is shared on purpose (the wall, links to one picture), and what is remembered of each person between devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from studio.store.tables import UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "remembered",
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "name", name="pk_remembered"),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name="fk_remembered_owner_id"),
    )
    op.create_table(
        "wall",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("image_id", sa.String(), nullable=False),
        sa.Column("shows_prompt", sa.Boolean(), nullable=False),
        sa.Column("hung_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_wall"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_wall_image_id", ondelete="CASCADE"),
        sa.UniqueConstraint("image_id", name="uq_wall_image_id"),
    )
    op.create_index("ix_wall_hung_at", "wall", ["hung_at"])
    op.create_table(
        "links",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("image_id", sa.String(), nullable=False),
        sa.Column("shows_prompt", sa.Boolean(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_links_image_id", ondelete="CASCADE"),
    )
    op.create_index("ix_links_image_id", "links", ["image_id"])
