"""What an erasure must find again to prove that it is gone: taken before the rows go, kept sealed.

The file lies in the key folder, so no backup of the data holds it, under a key of this operation only; both are
destroyed when the erasure ends. Whole, it would fill the server with a copy of what is to go: it is a sample, of
ids, of field values and of slices of packed data and objects, each worth at least 64 bits.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.kit.durable import sync_all
from freehold.kit.faults import passing
from freehold.kit.problems import NotFound, Problem
from freehold.lifecycle.joint import Joint
from freehold.lifecycle.removal import object_column
from freehold.lifecycle.selection import HIDDEN, Target, key_of
from freehold.lifecycle.targets import public_id
from freehold.records.catalogue import Record
from freehold.storage.blobs import ObjectStore
from freehold.storage.keys import KeyStore
from freehold.storage.transaction import Transaction

Rows = list[dict[str, Any]]
BITS = 64
ROWS_SAMPLED = 24
ROOTS_SAMPLED = 256
OBJECTS_SAMPLED = 64
NEEDLES = 2_000
_FORMAT = b"FHN\x01"
_WHOLE, _SLICE = 128, 48
_NONCE = 12


class EvidenceBroken(Problem):
    """The sealed file does not open: it was changed, or belongs to another operation."""


class RepeatingRow(msgspec.Struct, frozen=True):
    """`text`: what its column said; another row may come to have its key."""

    table: str
    column: str
    key: int
    text: str


class Evidence(msgspec.Struct, frozen=True):
    """`targets` in the order in which they go. `ids` are the public ids of roots that go, `values` everything else to
    search for. `born_at`: nothing that goes is older (microseconds UTC). `repeats`: some of the rows of what stays that
    name what goes, and go with their links to it.
    """

    targets: list[Target]
    root_digest: str
    plan_digest: str
    born_at: int
    ids: list[bytes]
    values: list[bytes]
    repeats: list[RepeatingRow] = []


def collect_needles(
    read: Callable[[Callable[[Transaction], Rows]], Rows],
    joints: Sequence[Joint],
    objects: ObjectStore,
    rest: Callable[[float], None] = lambda seconds: None,
) -> tuple[list[bytes], list[bytes]]:
    """(ids, values), each of them worth at least 64 bits, at most 2,000 in all. `rest` is called after each table, with
    the seconds that it took.

    Each table is read for itself: what is hidden does not change, and a snapshot that lasts lets SQLite's log grow.
    """
    ids: dict[bytes, None] = {}
    values: dict[bytes, None] = {}
    share = max(1, sum(len(joint.reaches) for joint in joints))
    for joint in joints:
        for record, goes in reversed(joint.everything.items()):
            began, is_root = time.perf_counter(), HIDDEN in record.table.c
            most = ROOTS_SAMPLED if is_root else max(4, ROWS_SAMPLED // share)
            rows = read(partial(_sample, record=record, goes=goes, most=most))
            if is_root:
                ids |= dict.fromkeys(str(row[public_id(record).name]).encode() for row in rows)
            said = dict.fromkeys(value for row in rows for value in row.values())
            values |= dict.fromkeys(needle for value in said for needle in needles_in(value))
            values |= dict.fromkeys(_needles_of_objects(objects, record, rows))
            rest(time.perf_counter() - began)
    worthy = [each for each in ids if bits(each) >= BITS][:NEEDLES]
    return worthy, [value for value in values if value not in ids][: NEEDLES - len(worthy)]


def collect_repeats(db: Transaction, joints: Sequence[Joint]) -> list[RepeatingRow]:
    """Some of the rows that repeat links to what goes, of each kind."""
    found: list[RepeatingRow] = []
    for each in (each for joint in joints for each in joint.repeats()):
        key, name = key_of(each.record.table), str(each.record.table.name)
        rows = db.execute(sa.select(key, each.column).where(each.rows).limit(ROOTS_SAMPLED))
        found += [RepeatingRow(name, str(each.column.name), *row) for row in map(tuple, rows)]
    return found


def needles_in(value: Any) -> Iterator[bytes]:
    """Short values whole; of long ones slices, since a page border may cut the value in two."""
    if not isinstance(value, str | bytes):
        return
    width = _WHOLE if isinstance(value, str) else _SLICE
    starts = [0] if len(value) <= width else [0, (len(value) - _SLICE) // 2, len(value) - _SLICE]
    for start in starts:
        part = value[start : start + (width if len(starts) == 1 else _SLICE)]
        needle = part.encode() if isinstance(part, str) else part
        if bits(needle) >= BITS:
            yield needle


def bits(value: bytes) -> float:
    """The Shannon information of the bytes, taken as independent."""
    return _times_log(len(value)) - sum(map(_times_log, Counter(value).values()))


@cache
def _times_log(count: int) -> float:
    return count * math.log2(count) if count else 0.0


def _sample(db: Transaction, record: type[Record], goes: sa.ColumnElement[bool], most: int) -> list[dict[str, Any]]:
    """The newest and rows of every age, so that pages of every age are asked about."""
    key = key_of(record.table)
    content = [
        sa.type_coerce(column, sa.String()).label(column.name) if not _is_binary(column) else column
        for column in record.table.columns
        if "rule" in column.info
    ]
    if not content:
        return []
    number, newest = tuple(db.execute(sa.select(sa.func.count(), sa.func.max(key)).where(goes)).one())
    if number == 0:
        return []

    def some(chosen: sa.ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
        found = sa.select(*content).where(goes, chosen).order_by(key).limit(limit)
        return [dict(row._mapping) for row in db.execute(found)]

    stride = -(-number // most)
    rows = some(sa.or_(key % stride == 0, key == newest), 2 * most)
    if 2 * len(rows) < min(number, most):  # their keys leave another remainder: somebody else's lie between them
        rows += some(sa.true(), most)
    return rows


def _is_binary(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.LargeBinary)


def _needles_of_objects(objects: ObjectStore, record: type[Record], rows: list[dict[str, Any]]) -> Iterator[bytes]:
    """Slices from inside of the first piece: file formats begin and end alike."""
    column = object_column(record)
    if column is None:
        return
    for row in rows[:OBJECTS_SAMPLED]:
        with suppress(NotFound):  # its bytes are gone already: the ids remain
            piece = next(iter(objects.read(row[column.name])), b"")
            for part in (1, 2, 3):
                needle = piece[len(piece) * part // 4 :][:_SLICE]
                if bits(needle) >= BITS:
                    yield needle


class SealedEvidence:
    """The file of one operation. `save` may be repeated; `destroy` too."""

    def __init__(self, folder: Path, keys: KeyStore, operation_id: str) -> None:
        self._path = folder / "needles" / f"{operation_id}.sealed"
        self._keys = keys
        self._operation_id = operation_id

    def save(self, evidence: Evidence) -> None:
        """Durable when it returns, and whole or not there."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        passing("erase:evidence:begun")
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(self._keys.operations.create(self._operation_id)).encrypt(
            nonce, msgspec.msgpack.encode(evidence), self._context()
        )
        passing("erase:evidence:keyed")
        temporary = self._path.with_suffix(".new")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_FORMAT + nonce + sealed)
            file.flush()
            passing("erase:evidence:written")
            os.fsync(file.fileno())
        passing("erase:evidence:synced")
        temporary.replace(self._path)
        passing("erase:evidence:renamed")
        sync_folders([self._path.parent])

    def load(self) -> Evidence | None:
        """None where nothing was saved. Raises KeyGone, EvidenceBroken."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        nonce, sealed = data[len(_FORMAT) :][:_NONCE], data[len(_FORMAT) + _NONCE :]
        try:
            plain = AESGCM(self._keys.operations.get(self._operation_id)).decrypt(nonce, sealed, self._context())
        except InvalidTag:
            message = "The sealed evidence of this erasure does not open. Look whether its file was changed."
            raise EvidenceBroken("EvidenceBroken", message) from None
        return msgspec.msgpack.decode(plain, type=Evidence)

    def destroy(self) -> None:
        """The key first: without it, what is left of the file is noise."""
        self._keys.operations.destroy(self._operation_id)
        passing("erase:key:destroyed")
        for path in (self._path, self._path.with_suffix(".new")):
            path.unlink(missing_ok=True)
            passing("erase:evidence:unlinked")

    def _context(self) -> bytes:
        return _FORMAT + self._operation_id.encode()


def sync_folders(folders: Iterable[Path]) -> None:
    """Make renames and removals in them durable: else a power cut brings a removed file back."""
    sync_all([folder for folder in folders if folder.is_dir()])
