"""Copies that this server keeps: exports and imports, ended or under way. What covers a thing that goes, goes first."""

import os
import re
import shutil
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from freehold.kit.clock import MICROSECONDS
from freehold.kit.faults import passing
from freehold.kit.problems import Conflict, NotFound, Superseded
from freehold.lifecycle.reach import Reach
from freehold.operations.service import cancel_operation
from freehold.records.lifecycle import BagReference, KeptBag
from freehold.records.places import COPIES
from freehold.settings import Settings
from freehold.storage.portable import is_denied
from freehold.storage.transaction import Transaction

_ID = re.compile(r"[0-9a-f-]{36}")
UNCLAIMED_SECONDS = 24 * 3_600
WITHDRAWN = "withdrawn"
"""The state of a kept copy that nobody may have any more, whatever the clock says."""


@dataclass(frozen=True, slots=True)
class Copy:
    """An export or import that this server keeps and that holds, or names, what goes."""

    operation_id: str
    size: int


def kept_copies(db: Transaction, reaches: Iterable[Reach]) -> list[Copy]:
    """In the order in which they were asked for."""
    ids = {operation_id for reach in reaches for operation_id in covering(db, reach)}
    found = sa.select(KeptBag.c.operation_id, KeptBag.c.size).where(KeptBag.c.operation_id.in_(ids))
    sizes = {row.operation_id: row.size for row in db.execute(found.order_by(KeptBag.c.row_id))}
    return [Copy(operation_id, size) for operation_id, size in sizes.items()]


def covering(db: Transaction, reach: Reach) -> list[str]:
    """The operations whose copies hold or name anything that goes."""
    found: dict[str, None] = {}
    for record, covers in reach.copies():
        found |= dict.fromkeys(db.execute(sa.select(record.table.c.operation_id).where(covers)).scalars())
    return list(found)


def withdraw(db: Transaction, reach: Reach) -> None:
    """At once, when the erasure is asked for: exports and imports under way stop and say why, finished ones expire."""
    message = "Something that this covers was erased while it was under way. Ask for it anew."
    for operation_id in covering(db, reach):
        try:
            cancel_operation(db, operation_id, Superseded("OperationSuperseded", message))
        except (Conflict, NotFound):
            pass  # it has ended: then its bag is withdrawn here
        db.execute(KeptBag.table.update().where(KeptBag.c.operation_id == operation_id).values(state=WITHDRAWN))


def forget_copies(db: Transaction, reach: Reach) -> int:
    """The rows of what `remove_files` has removed; how many. A bag of a tree has one in each container: where one of
    them is reached, all go."""
    return sum(forget_copy(db, operation_id) for operation_id in covering(db, reach))


def forget_copy(db: Transaction, operation_id: str) -> int:
    """How many rows of a kept bag went, with what it refers to."""
    db.execute(BagReference.table.delete().where(BagReference.c.operation_id == operation_id))
    return db.execute(KeptBag.table.delete().where(KeptBag.c.operation_id == operation_id)).rowcount


def remove_unclaimed(settings: Settings, claimed: Container[str], now: int) -> None:
    """Files that no row tells of: their request was not committed, or its server died. Nothing was written to them
    for a day before `now`; `claimed` are the operations that have a row. Raises OSError for what could not be removed,
    once the others are gone."""
    failed: OSError | None = None
    for folder in COPIES:
        for path in (settings.data_folder / folder).glob("*"):
            try:
                if _ID.fullmatch(path.name) and path.name not in claimed and _is_still(path, now):
                    _remove(path)
            except OSError as fault:
                failed = fault
    if failed is not None:
        raise failed


def _is_still(path: Path, now: int) -> bool:
    within = path.iterdir() if path.is_dir() else ()
    newest = max((each.lstat().st_mtime for each in (path, *within)), default=0)
    return newest < now / MICROSECONDS - UNCLAIMED_SECONDS


def remove_files(settings: Settings, operation_ids: Iterable[str]) -> None:
    """Repeatable: what is gone is gone. Only whole operation ids are taken: an empty one would match everything."""
    for operation_id in filter(_ID.fullmatch, operation_ids):
        for folder in COPIES:
            for path in entries(settings.data_folder / folder, operation_id):
                passing("erase:copy:found")
                _remove(path)
                passing("erase:copy:removed")


def entries(folder: Path, beginning: str = "") -> list[Path]:
    """What lies in a folder; nothing where there is none. Raises PermissionError: what cannot be seen is not gone, and
    `glob` would not tell."""
    try:
        return [folder / name for name in os.listdir(folder) if name.startswith(beginning)]
    except FileNotFoundError:
        return []


def _remove(path: Path) -> None:
    """Raises OSError where the system denies it: whoever forgets the copy's row then must not believe it gone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=_raise_denied)
    else:
        path.unlink(missing_ok=True)


def _raise_denied(_: object, path: str, failed: tuple[type[BaseException], BaseException, object]) -> None:
    """With the whole path: what is removed by its folder's descriptor has its last name only."""
    fault = failed[1]
    if isinstance(fault, OSError) and is_denied(fault):
        raise OSError(fault.errno, fault.strerror, path) from fault
