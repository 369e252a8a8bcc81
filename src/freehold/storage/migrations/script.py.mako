"""${message}"""

import sqlalchemy as sa
from alembic import op

from freehold.records import columns

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    raise NotImplementedError("Freehold restores a backup instead of going back a schema.")
