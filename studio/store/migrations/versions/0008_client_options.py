"""What people's programs have set for themselves through A1111's API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "client_options",
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name="pk_client_options"),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name="fk_client_options_owner_id"),
    )
