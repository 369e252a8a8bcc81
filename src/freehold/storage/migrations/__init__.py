"""One alembic tree for both databases."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

import freehold.records  # noqa: F401  # fills the catalogue's metadata
from freehold.records.catalogue import metadata
from freehold.storage.portable import all_or_nothing, one_at_a_time

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = "freehold.storage:migrations"
_VERSIONS = Path(__file__).parent / "versions"
_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num"))


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest schema, all of it or nothing. Does nothing when it is there already."""
    with engine.connect() as connection:
        if _revision(connection) == newest_revision():
            return
    with engine.connect() as connection, all_or_nothing(connection):
        one_at_a_time(connection)
        if not sa.inspect(connection).get_table_names():
            _create(connection)
        elif _revision(connection) != newest_revision():  # another server may have been first
            upgrade(connection)


def newest_revision() -> str:
    """The number that the files of the tree begin with is their revision; the greatest is the newest."""
    return max(file.name.partition("_")[0] for file in _VERSIONS.glob("[0-9]*.py"))


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION_TABLE.name):
        return None
    return connection.execute(sa.select(_VERSION_TABLE.c.version_num)).scalar()


def _create(connection: sa.Connection) -> None:
    """An empty database gets the catalogue's tables as they are: the same that the migrations make, tests say."""
    metadata.create_all(connection, checkfirst=False)
    version = sa.Table(
        _VERSION_TABLE.name,
        sa.MetaData(),
        sa.Column("version_num", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    )
    version.create(connection)
    connection.execute(version.insert().values(version_num=newest_revision()))


def upgrade(connection: sa.Connection) -> None:
    """Run the migrations that are missing, in the caller's transaction."""
    from alembic import command  # late: a server whose database is new enough never needs it (10 MB, 0.3 s)

    command.upgrade(_config(connection), "head")


def _config(connection: sa.Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    return config
