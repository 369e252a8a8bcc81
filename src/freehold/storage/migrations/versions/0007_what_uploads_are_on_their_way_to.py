"""what uploads are on their way to, so that an erasure of that finds them"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("object_ledger", schema=None) as batch_op:
        for name in ("for_workspace", "for_run"):
            row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
            batch_op.add_column(sa.Column(name, row, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Freehold restores a backup instead of going back a schema.")
