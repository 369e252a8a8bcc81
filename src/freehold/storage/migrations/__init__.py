"""One alembic tree for both databases."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = "freehold.storage:migrations"
_VERSIONS = Path(__file__).parent / "versions"
_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num"))


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest schema. Does nothing when it is there already."""
    with engine.connect() as connection:
        if _revision(connection) != newest_revision():
            _upgrade(connection)
        if connection.in_transaction():
            connection.commit()


def newest_revision() -> str:
    """The number that the files of the tree begin with is their revision; the greatest is the newest."""
    return max(file.name.partition("_")[0] for file in _VERSIONS.glob("[0-9]*.py"))


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION_TABLE.name):
        return None
    return connection.execute(sa.select(_VERSION_TABLE.c.version_num)).scalar()


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command  # late: a server whose database is new enough never needs it (10 MB, 0.3 s)

    command.upgrade(_config(connection), "head")


def _config(connection: sa.Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    return config
