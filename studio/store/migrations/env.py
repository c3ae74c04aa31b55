"""What Alembic runs for each command: the steps go through the connection, and the transaction, it was handed."""

from __future__ import annotations

from alembic import context

from studio.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
