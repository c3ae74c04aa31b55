"""What a picture's recipe has otherwise than its job's: the words that chance chose for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing to fill in: before this the pictures of a job differed by their seeds only.
    op.add_column("pictures", sa.Column("changes", sa.JSON(), nullable=True))
