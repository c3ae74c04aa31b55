"""What each owner has had of the device, and jobs that are paused or cleared away."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("owners", sa.Column("served_s", sa.Double(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("cleared", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_jobs_owner_id_state", "jobs", ["owner_id", "state"])
