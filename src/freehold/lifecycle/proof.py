"""The verifier, which alone says *verified*. It trusts nothing the eraser reports: it looks again.

Nothing left by plan, the database cleaned (cleaning.py), then the search of live rows and of every byte of every file
the server owns (search.py). The bytes of a PostgreSQL database this server cannot read: there the level is *erased,
logically checked*. So it is in a cloud's object store, at most: what that keeps of removed objects decides (levels.py).
"""

import base64
import logging
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.clock import service as clock
from freehold.kit.faults import passing
from freehold.lifecycle.cleaning import NotErased, clean_database
from freehold.lifecycle.copies import remove_files
from freehold.lifecycle.evidence import Evidence
from freehold.lifecycle.levels import VERIFIED, level_of_objects, lowest_of
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.selection import key_of
from freehold.lifecycle.shared import SharedWork
from freehold.lifecycle.uploads import is_upload, remove_abandoned
from freehold.operations.steps import OperationContext
from freehold.records.catalogue import catalogue
from freehold.records.places import COPIES
from freehold.records.rules import LinkKind
from freehold.storage.blobs import open_objects
from freehold.storage.cloud.places import OBJECT_FOLDER
from freehold.storage.portable import one_inserter_at_a_time
from freehold.storage.transaction import Transaction

log = logging.getLogger("freehold.proof")


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
    clock.look(context.database)
    _remove_strays(context)
    passing("erase:strays:removed")
    stores = [clean_database(context, waiting)]
    passing("erase:database:cleaned")
    job = context.read(lambda db: _job(db, waiting))
    found = context.run_child("search", job)
    passing("erase:search:answered")
    if found["dangling"]:
        raise NotErased("DanglingLinks", "A row refers to a row that is gone. Look at the server's log.")
    if _remove_unowned(context, found["residue_in"]):
        found = context.run_child("search", job)
    stores += [
        level_of_objects(found["cloud"]),
        {"store": "exports, spools, logs and temporary files", "level": VERIFIED},
    ]
    common = {name: value for name, value in found.items() if name not in ("erasures", "cloud", "dangling")} | {
        "erasures": len(waiting)
    }
    return [Checked(stores, common | counts) for counts in found["erasures"]]


def _job(db: Transaction, waiting: list[Evidence]) -> dict[str, Any]:
    return {
        "erasures": [
            {
                "ids": [base64.b64encode(value).decode() for value in evidence.ids],
                "values": [base64.b64encode(value).decode() for value in evidence.values],
            }
            for evidence in waiting
        ],
        "born_at": clock.surely_before(db, min(evidence.born_at for evidence in waiting)),
    }


def _refuse_leftovers(db: Transaction, evidence: Evidence) -> None:
    """The plan is made again and must be empty; what named the roots beside a link is gone with that link."""
    for reach in map(Reach, evidence.targets):
        for record in reach.records():
            if db.execute(sa.select(key_of(record.table)).where(reach.rows(record)).limit(1)).first() is not None:
                raise NotErased("RowsLeft", f"Rows of {record.table.name} are left. A retry removes them.")
    for said in evidence.repeats:
        table = catalogue()[said.table].table
        standing = sa.select(table.c[said.column]).where(key_of(table) == said.key)
        if db.execute(standing).scalar() == said.text:
            raise NotErased("RepeatsLeft", f"Rows of {said.table} still name what was erased. A retry removes it.")


def _remove_strays(context: OperationContext) -> None:
    """Exports whose row is gone but whose writer came too late to notice, and uploads that nobody receives any more.

    Who has a row is asked after the folders, behind all that write rows: who made one in a transaction has committed it
    by then. An upload under way is left to its sender: what it holds is not this server's yet.
    """
    data_folder = context.settings.data_folder
    remove_abandoned(data_folder)
    names = {path.name for folder in COPIES for path in (data_folder / folder).glob("*") if not is_upload(path.name)}
    claimed = context.database.write_now(_claimed)
    remove_files(context.settings, {name.split(".")[0] for name in names} - claimed)


def _claimed(db: Transaction) -> set[str]:
    claimed: set[str] = set()
    for record in catalogue().values():
        if any(link.kind is LinkKind.COVERS for link in record.links().values()):
            one_inserter_at_a_time(db.connection, record.table)
            claimed |= set(db.execute(sa.select(record.table.c.operation_id)).scalars())
    return claimed


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
