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
from freehold.lifecycle.copies import entries, remove_files
from freehold.lifecycle.evidence import Evidence
from freehold.lifecycle.levels import level_of_files, level_of_objects, lowest_of
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.selection import key_of
from freehold.lifecycle.shared import SharedWork
from freehold.lifecycle.uploads import is_upload, remove_abandoned
from freehold.operations.steps import OperationContext
from freehold.records.catalogue import catalogue
from freehold.records.places import COPIES
from freehold.records.rules import LinkKind
from freehold.storage.blobs import open_objects
from freehold.storage.denied import telling_the_systems
from freehold.storage.portable import one_inserter_at_a_time
from freehold.storage.transaction import Transaction

log = logging.getLogger("freehold.proof")

SAID = ("encodings", "self_test", "files", "bytes_scanned", "bytes_decoded", "unopened")
"""What a certificate says of the search as a whole, which other erasures may share: counts only."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`stores`: what was checked and the level it reached; `level` is the lowest. `scan`: the search's counts."""

    level: str
    stores: list[dict[str, Any]]
    scan: dict[str, Any]
    verified_at: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a sweep saw, for one of its erasures. `residue_in`: places of all of them, which no certificate names."""

    stores: list[dict[str, Any]]
    scan: dict[str, Any]
    residue_in: list[str]


_sweeps: SharedWork[Evidence, Checked] = SharedWork()


def prove(context: OperationContext, evidence: Evidence) -> Proof:
    """Raises NotErased while anything is left; Unavailable where the search could not be made."""
    context.read(lambda db: _refuse_leftovers(db, evidence))
    checked = _sweeps.ask(evidence, lambda waiting: _sweep_or_wait(context, waiting))
    _refuse_residue(checked)
    return Proof(lowest_of(checked.stores), checked.stores, checked.scan, context.read(lambda db: db.now()))


def _sweep_or_wait(context: OperationContext, waiting: list[Evidence]) -> list[Checked]:
    """All who share it wait for what the one who makes it waits for."""
    with telling_the_systems(context.settings):
        return _sweep(context, waiting)


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
    if _remove_unowned(context, found["residue_keys"]):
        found = context.run_child("search", job)
    stores += [
        level_of_objects(found["cloud"]),
        level_of_files(found["unopened"], is_alone=context.settings.is_embedded),
    ]
    common = {name: found[name] for name in SAID} | {"erasures": len(waiting)}
    return [Checked(stores, common | counts, found["residue_in"]) for counts in found["erasures"]]


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
    names = {path.name for folder in COPIES for path in entries(data_folder / folder) if not is_upload(path.name)}
    claimed = context.database.write_now(_claimed)
    remove_files(context.settings, {name.split(".")[0] for name in names} - claimed)


def _claimed(db: Transaction) -> set[str]:
    claimed: set[str] = set()
    for record in catalogue().values():
        if any(link.kind is LinkKind.COVERS for link in record.links().values()):
            one_inserter_at_a_time(db.connection, record.table)
            claimed |= set(db.execute(sa.select(record.table.c.operation_id)).scalars())
    return claimed


def _remove_unowned(context: OperationContext, keys: list[str]) -> bool:
    """Residue in objects that nothing owns goes, and cannot land any more. Whether to look again: what has found an
    owner since it was searched, or is on its way to one, is somebody else's."""
    if keys:
        unowned = context.database.write_now(lambda db: _doom_unowned(db, keys))
        open_objects(context.settings).delete(unowned)
    return bool(keys)


def _doom_unowned(db: Transaction, keys: list[str]) -> list[str]:
    artifact_queries.remove_unreferred(db, keys)
    claimed = artifact_queries.owned_among(db, keys) | artifact_queries.arriving_among(db, keys)
    unowned = [key for key in keys if key not in claimed]
    artifact_queries.doom(db, unowned)
    return unowned


def _refuse_residue(checked: Checked) -> None:
    scan = checked.scan
    if scan["residue"] or scan["leaks"]:
        places = ", ".join(sorted({*checked.residue_in, *scan["leaks"]}))
        log.error("traces are left after an erasure", extra={"hits": scan["residue"], "places": places})
        raise NotErased("ResidueFound", f"Traces of what was erased are left in: {places}.")
