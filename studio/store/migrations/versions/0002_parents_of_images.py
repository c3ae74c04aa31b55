"""Which picture an image was made from, for its lineage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing to fill in: before this no picture was made from another. Added in place, because a table that Alembic
    # copies for a change loses the triggers that keep the index of prompts.
    op.add_column("images", sa.Column("parent_id", sa.String(), nullable=True))
    op.create_index("ix_images_parent_id", "images", ["parent_id"])
