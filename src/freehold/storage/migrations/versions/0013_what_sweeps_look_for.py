"""what each sweep looks for is found without reading all that is there"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    replaced = sa.text("dead_at IS NOT NULL")
    op.create_index(
        "ix_metric_segments_workspace_id",
        "metric_segments",
        ["workspace_id"],
        sqlite_where=replaced,
        postgresql_where=replaced,
    )
    op.create_index("ix_telemetry_records_happened_at", "telemetry_records", ["happened_at"])


def downgrade() -> None:
    raise NotImplementedError("Freehold restores a backup instead of going back a schema.")
