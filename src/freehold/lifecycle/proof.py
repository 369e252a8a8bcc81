"""The verifier, which alone says *verified*. It trusts nothing the eraser reports: it looks again.

SQLite: nothing left by plan, no dangling link, tables rewritten, the log truncated, then the search of live rows
and of every byte of every file the server owns (search.py). PostgreSQL: the same but for the bytes of the
database itself, which this server cannot read: there the level is *erased, logically checked*.
"""

import base64
import logging
import threading
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from freehold.domain.artifacts import queries as artifact_queries
from freehold.kit.problems import Problem
from freehold.lifecycle.copies import FOLDERS, remove_files
from freehold.lifecycle.evidence import Evidence
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.selection import key_of
from freehold.operations.steps import OperationContext
from freehold.records.catalogue import catalogue
from freehold.records.rules import LinkKind
from freehold.storage.blobs import open_objects
from freehold.storage.database import PostgresDatabase, SqliteDatabase
from freehold.storage.transaction import Transaction

VERIFIED = "verified"
ERASED = "erased"
LOGICALLY = "erased, logically checked"
POSTGRES_KEEPS = (
    "the write-ahead log and its archives, until they are recycled",
    "replicas and base backups",
    "dead rows inside pages and statistics, until PostgreSQL rewrites them",
    "the server log, where it records statements",
)
log = logging.getLogger("freehold.proof")
_one_at_a_time = threading.Lock()


class NotErased(Problem):
    """Something is left. The operation tries again, and in the end needs attention: it never says *verified*."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`stores`: what was checked and the level it reached; `level` is the lowest. `scan`: the search's counts."""

    level: str
    stores: list[dict[str, Any]]
    scan: dict[str, Any]
    verified_at: int


def prove(context: OperationContext, evidence: Evidence) -> Proof:
    """Raises NotErased while anything is left, Unavailable where a reader would not leave."""
    with _one_at_a_time:
        context.read(lambda db: _refuse_leftovers(db, evidence))
        _remove_strays(context)
        stores = [_clean_database(context, evidence)]
        scan = dict(context.run_child("search", _job(evidence)))
        if _remove_unowned(context, scan["residue_in"]):
            scan = dict(context.run_child("search", _job(evidence)))
    _refuse_residue(scan)
    stores += [
        {"store": "objects", "level": VERIFIED},
        {"store": "exports, spools, logs and temporary files", "level": VERIFIED},
    ]
    lowest = VERIFIED if all(store["level"] == VERIFIED for store in stores) else LOGICALLY
    return Proof(lowest, stores, scan, context.read(lambda db: db.now()))


def _job(evidence: Evidence) -> dict[str, Any]:
    return {
        "ids": [base64.b64encode(value).decode() for value in evidence.ids],
        "values": [base64.b64encode(value).decode() for value in evidence.values],
        "born_at": evidence.born_at,
    }


def _refuse_leftovers(db: Transaction, evidence: Evidence) -> None:
    """The plan is made again and must be empty."""
    reach = Reach(evidence.target)
    for record in reach.records():
        if db.execute(sa.select(key_of(record.table)).where(reach.rows(record)).limit(1)).first() is not None:
            raise NotErased("RowsLeft", f"Rows of {record.table.name} are left. The erasure goes on with them.")


def _remove_strays(context: OperationContext) -> None:
    """Exports whose row is gone but whose writer came too late to notice."""
    claimed = context.read(_claimed)
    for folder in FOLDERS:
        for path in (context.settings.data_folder / folder).glob("*"):
            operation_id = path.name.split(".")[0]
            if operation_id not in claimed:
                remove_files(context.settings, [operation_id])


def _claimed(db: Transaction) -> set[str]:
    claimed: set[str] = set()
    for record in catalogue().values():
        if any(link.kind is LinkKind.COVERS for link in record.links().values()):
            claimed |= set(db.execute(sa.select(record.table.c.operation_id)).scalars())
    return claimed


def _clean_database(context: OperationContext, evidence: Evidence) -> dict[str, Any]:
    database = context.database
    if isinstance(database, SqliteDatabase):
        database.exclusively(_rewrite)
        return {"store": "SQLite database and its log", "level": VERIFIED}
    assert isinstance(database, PostgresDatabase)
    _vacuum(database, Reach(evidence.target))
    return {"store": "PostgreSQL", "level": LOGICALLY, "what_stays": list(POSTGRES_KEEPS)}


def _rewrite(raw: Any) -> None:
    """secure_delete zeroes what a delete frees, but not the copies that page splits leave: VACUUM writes the
    file anew. Then the log is emptied, which a reader would prevent."""
    if raw.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise NotErased("DanglingLinks", "A row refers to a row that is gone. Look at the server's log.")
    raw.execute("PRAGMA temp_store=FILE")  # in memory it would take as much as the database has bytes
    try:
        raw.execute("VACUUM")
    finally:
        raw.execute("PRAGMA temp_store=MEMORY")
    busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise NotErased("LogInUse", "Another process reads the database, so its log cannot be emptied. Stop it.")


def _vacuum(database: PostgresDatabase, reach: Reach) -> None:
    """What can be had without locking others out. Names come from the catalogue."""
    with database.engine.connect() as connection:
        plain = connection.execution_options(isolation_level="AUTOCOMMIT")
        for record in reach.records():
            plain.exec_driver_sql(f'VACUUM (INDEX_CLEANUP ON, ANALYZE) "{record.table.name}"')


def _remove_unowned(context: OperationContext, places: list[str]) -> bool:
    """Residue in objects that no row owns: late uploads to what was erased. They are doomed, so they cannot land."""
    objects = open_objects(context.settings)
    if objects.folder is None:
        return False
    prefix = f"{objects.folder.name}/"
    keys = [place.removeprefix(prefix) for place in places if place.startswith(prefix)]
    if keys:
        context.database.write_now(lambda db: artifact_queries.doom(db, keys))
        objects.delete(keys)
    return bool(keys)


def _refuse_residue(scan: dict[str, Any]) -> None:
    if scan["residue"] or scan["leaks"]:
        places = ", ".join(sorted({place.split("/")[0] for place in scan["residue_in"]} | set(scan["leaks"])))
        log.error("traces are left after an erasure", extra={"hits": scan["residue"], "places": places})
        raise NotErased("ResidueFound", f"Traces of what was erased are left in: {places}.")
