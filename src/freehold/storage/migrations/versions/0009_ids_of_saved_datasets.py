"""ids of what versions of datasets were saved as: only the link says them, so that they go with it"""

import sqlalchemy as sa
from alembic import op

from freehold.records import columns

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SAVED = "savedDatasetId"


def upgrade() -> None:
    version = sa.table("dataset_definitions", sa.column("row_id"), sa.column("document", columns.Json()))
    bind, text = op.get_bind(), sa.type_coerce(version.c.document, sa.Text())
    for row in bind.execute(sa.select(version).where(text.contains(f'"{SAVED}"'))).all():
        document = {name: value for name, value in row.document.items() if name != SAVED}
        bind.execute(version.update().where(version.c.row_id == row.row_id).values(document=document))


def downgrade() -> None:
    raise NotImplementedError("Freehold restores a backup instead of going back a schema.")
