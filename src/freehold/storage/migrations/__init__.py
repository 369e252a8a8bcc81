"""One alembic tree for both databases."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

SCRIPTS = "freehold.storage:migrations"


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema. Does nothing when it is there already."""
    with engine.connect() as connection:
        command.upgrade(_config(connection), "head")
        if connection.in_transaction():
            connection.commit()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    return config
