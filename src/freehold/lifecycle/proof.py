"""The verifier, which alone says *verified*. It trusts nothing the eraser reports: it looks again.

SQLite: nothing left by plan, no dangling link, tables rewritten, the log truncated, then the search of live rows
and of every byte of every file the server owns (search.py). PostgreSQL: the same but for the bytes of the
database itself, which this server cannot read: there the level is *erased, logically checked*. So it is in a cloud's
object store, at most: what that keeps of removed objects decides (levels.py).
"""

import base64
import logging
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from freehold.domain.artifacts import queries as artifact_queries
from freehold.kit.faults import passing
from freehold.kit.problems import Problem
from freehold.lifecycle.copies import remove_files
from freehold.lifecycle.evidence import Evidence
from freehold.lifecycle.levels import LOGICALLY, VERIFIED, level_of_objects, lowest_of
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.selection import key_of
from freehold.lifecycle.shared import SharedWork
from freehold.operations.steps import OperationContext
from freehold.records.catalogue import catalogue
from freehold.records.places import COPIES
from freehold.records.rules import LinkKind
from freehold.storage.blobs import open_objects
from freehold.storage.cloud.places import OBJECT_FOLDER
from freehold.storage.database import PostgresDatabase, SqliteDatabase
from freehold.storage.transaction import Transaction

POSTGRES_KEEPS = (
    "the write-ahead log and its archives, until they are recycled",
    "replicas and base backups",
    "dead rows inside pages and statistics, until PostgreSQL rewrites them",
    "the server log, where it records statements",
)
log = logging.getLogger("freehold.proof")
LOG_PATIENCE = 120
"""Seconds."""


class NotErased(Problem):
    """Something is left. The operation tries again, and in the end needs attention: it never says *verified*."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`stores`: what was checked and the level it reached; `level` is the lowest. `scan`: the search's counts."""

    level: str
    stores: list[dict[str, Any]]
    scan: dict[str, Any]
    verified_at: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a sweep saw, for one of its erasures."""

    stores: list[dict[str, Any]]
    scan: dict[str, Any]


_sweeps: SharedWork[Evidence, Checked] = SharedWork()


def prove(context: OperationContext, evidence: Evidence) -> Proof:
    """Raises NotErased while anything is left; Unavailable where the search could not be made."""
    context.read(lambda db: _refuse_leftovers(db, evidence))
    checked = _sweeps.ask(evidence, lambda waiting: _sweep(context, waiting))
    _refuse_residue(checked.scan)
    return Proof(lowest_of(checked.stores), checked.stores, checked.scan, context.read(lambda db: db.now()))


def _sweep(context: OperationContext, waiting: list[Evidence]) -> list[Checked]:
    """Clean, then search, once for all erasures that wait."""
    _remove_strays(context)
    passing("erase:strays:removed")
    stores = [_clean_database(context, waiting)]
    passing("erase:database:cleaned")
    job = _job(waiting)
    found = context.run_child("search", job)
    passing("erase:search:answered")
    if _remove_unowned(context, found["residue_in"]):
        found = context.run_child("search", job)
    stores += [
        level_of_objects(found["cloud"]),
        {"store": "exports, spools, logs and temporary files", "level": VERIFIED},
    ]
    common = {name: value for name, value in found.items() if name not in ("erasures", "cloud")} | {
        "erasures": len(waiting)
    }
    return [Checked(stores, common | counts) for counts in found["erasures"]]


def _job(waiting: list[Evidence]) -> dict[str, Any]:
    return {
        "erasures": [
            {
                "ids": [base64.b64encode(value).decode() for value in evidence.ids],
                "values": [base64.b64encode(value).decode() for value in evidence.values],
            }
            for evidence in waiting
        ],
        "born_at": min(evidence.born_at for evidence in waiting),
    }


def _refuse_leftovers(db: Transaction, evidence: Evidence) -> None:
    """The plan is made again and must be empty."""
    for reach in map(Reach, evidence.targets):
        for record in reach.records():
            if db.execute(sa.select(key_of(record.table)).where(reach.rows(record)).limit(1)).first() is not None:
                raise NotErased("RowsLeft", f"Rows of {record.table.name} are left. A retry removes them.")


def _remove_strays(context: OperationContext) -> None:
    """Exports whose row is gone but whose writer came too late to notice."""
    claimed = context.read(_claimed)
    for folder in COPIES:
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


def _clean_database(context: OperationContext, waiting: list[Evidence]) -> dict[str, Any]:
    database = context.database
    if isinstance(database, SqliteDatabase):
        database.beside(_refuse_dangling)
        database.exclusively(_rewrite)
        passing("erase:database:rewritten")
        _empty_log(context, database)
        return {"store": "SQLite database and its log", "level": VERIFIED}
    assert isinstance(database, PostgresDatabase)
    targets = (target for evidence in waiting for target in evidence.targets)
    _vacuum(database, {each.table.name for target in targets for each in Reach(target).records()})
    return {"store": "PostgreSQL", "level": LOGICALLY, "what_stays": list(POSTGRES_KEEPS)}


def _refuse_dangling(raw: Any) -> None:
    if raw.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise NotErased("DanglingLinks", "A row refers to a row that is gone. Look at the server's log.")


def _rewrite(raw: Any) -> None:
    """secure_delete zeroes what a delete frees, but not the copies that page splits leave: VACUUM writes the
    file anew. Nobody writes meanwhile, so nothing else is done here."""
    raw.execute("PRAGMA temp_store=FILE")  # in memory it would take as much as the database has bytes
    try:
        passing("erase:vacuum:before")
        raw.execute("VACUUM")
        passing("erase:vacuum:after")
    finally:
        raw.execute("PRAGMA temp_store=MEMORY")


def _empty_log(context: OperationContext, database: SqliteDatabase) -> None:
    """A reader in another process (an export's snapshot) prevents it: wait for it, while writers go on.

    Most of the log is copied beside the writers, so that little is left to do while they wait.
    """
    database.beside(_copy_log)
    for _ in range(LOG_PATIENCE):
        if database.exclusively(_truncate):
            return
        context.stopping.wait(1.0)
        context.check()
    raise NotErased("LogInUse", "Another process reads the database, so its log cannot be emptied. Stop it.")


def _copy_log(raw: Any) -> None:
    raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _truncate(raw: Any) -> bool:
    """Not the usual busy timeout: it would hold every writer up."""
    before = raw.execute("PRAGMA busy_timeout").fetchone()[0]
    raw.execute("PRAGMA busy_timeout=200")
    passing("erase:log:untruncated")
    try:
        return bool(raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    finally:
        raw.execute(f"PRAGMA busy_timeout={int(before)}")


def _vacuum(database: PostgresDatabase, tables: set[str]) -> None:
    """What can be had without locking others out. Names come from the catalogue."""
    with database.engine.connect() as connection:
        plain = connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in sorted(tables):
            plain.exec_driver_sql(f'VACUUM (INDEX_CLEANUP ON, ANALYZE) "{table}"')


def _remove_unowned(context: OperationContext, places: list[str]) -> bool:
    """Residue in objects that no row owns: late uploads to what was erased. They are doomed, so they cannot land."""
    objects = open_objects(context.settings)
    prefix = f"{objects.folder.name if objects.folder is not None else OBJECT_FOLDER}/"
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
