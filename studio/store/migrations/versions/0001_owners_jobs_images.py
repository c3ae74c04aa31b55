"""Owners, jobs with their pictures, images, and the full-text index of prompts."""

from __future__ import annotations

from datetime import datetime, timezone

import sqlalchemy as sa
from alembic import op

from studio.store.tables import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _owners()
    _jobs()
    _images()
    if op.get_bind().dialect.name == "sqlite":
        _image_search()


def _owners() -> None:
    owners = op.create_table(
        "owners",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_owners"),
    )
    op.bulk_insert(owners, [{"id": "local", "name": "You", "created_at": datetime.now(timezone.utc)}])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name="fk_jobs_owner_id"),
    )
    op.create_index("ix_jobs_owner_id_created_at", "jobs", ["owner_id", "created_at"])
    op.create_index("ix_jobs_state_priority_created_at", "jobs", ["state", "priority", "created_at"])
    op.create_table(
        "pictures",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("idx", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "idx", name="pk_pictures"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_pictures_job_id", ondelete="CASCADE"),
    )
    op.create_index("ix_pictures_state_job_id_idx", "pictures", ["state", "job_id", "idx"])


def _images() -> None:
    op.create_table(
        "images",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("idx", sa.Integer(), nullable=True),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("negative_prompt", sa.String(), nullable=False),
        sa.Column("checkpoint", sa.String(), nullable=False),
        sa.Column("sampler", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("steps", sa.Integer(), nullable=True),
        sa.Column("recipe", sa.JSON(), nullable=True),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("infotext", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("favourite", sa.Boolean(), nullable=False),
        sa.Column("binned_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_images"),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name="fk_images_owner_id"),
        sa.UniqueConstraint("id", name="uq_images_id"),
        sa.UniqueConstraint("file", name="uq_images_file"),
        sa.UniqueConstraint("job_id", "idx", name="uq_images_job_id_idx"),
    )
    op.create_index(
        "ix_images_owner_id_binned_at_created_at_id", "images", ["owner_id", "binned_at", "created_at", "id"]
    )


def _image_search() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE image_search USING fts5(prompt, negative_prompt, content='images', "
        "content_rowid='number', tokenize='unicode61 remove_diacritics 2', prefix='2 3')"
    )
    columns, old = "rowid, prompt, negative_prompt", "old.number, old.prompt, old.negative_prompt"
    new = old.replace("old.", "new.")
    remove = f"INSERT INTO image_search(image_search, {columns}) VALUES ('delete', {old});"
    add = f"INSERT INTO image_search({columns}) VALUES ({new});"
    op.execute(f"CREATE TRIGGER image_search_added AFTER INSERT ON images BEGIN {add} END")
    op.execute(f"CREATE TRIGGER image_search_removed AFTER DELETE ON images BEGIN {remove} END")
    op.execute(
        "CREATE TRIGGER image_search_changed AFTER UPDATE OF prompt, negative_prompt ON images "
        f"BEGIN {remove} {add} END"
    )
