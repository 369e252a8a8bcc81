"""Write the next migration from the difference between the catalogue and a freshly migrated database.

python scripts/new_migration.py "what it is for"
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

import freehold.records  # noqa: F401  # fills the catalogue
from freehold.storage import migrations
from freehold.storage.migrations import _config, upgrade
from freehold.storage.portable import sqlite_engine

VERSIONS = Path(migrations.__file__).parent / "versions"


def _next_number() -> str:
    taken = [path.name[:4] for path in VERSIONS.glob("[0-9]*.py")]
    return f"{max(map(int, taken), default=0) + 1:04d}"


def main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = sqlite_engine(Path(folder) / "freehold.db")
        with engine.connect() as connection:
            upgrade(connection)
            command.revision(_config(connection), message, autogenerate=True, rev_id=_next_number())


if __name__ == "__main__":
    main(sys.argv[1])
