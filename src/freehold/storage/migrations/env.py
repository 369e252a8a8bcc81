"""Alembic's entry: runs the revisions on the connection that `migrate` was given."""

from alembic import context

import freehold.records  # noqa: F401  # fills the catalogue's metadata
from freehold.records.catalogue import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    user_module_prefix="columns.",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
