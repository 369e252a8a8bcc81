"""The search behind *verified*: every live row, then every byte of every file. Runs in a child process, only reads.

It shares no code with the eraser: its own connections, its own SQL, its own walk over the files. What it finds in
a live row, a live object or a kept export of another owner is a *mention*; anything else is *residue*.
"""

import base64
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from freehold.kit.breath import in_one_breath
from freehold.kit.faults import passing
from freehold.kit.problems import NotFound, Unavailable
from freehold.lifecycle.scan import ENCODINGS, Findings, Scanner, self_test
from freehold.lifecycle.uploads import is_upload
from freehold.records.catalogue import Record, catalogue
from freehold.records.lifecycle import LEASED
from freehold.records.places import COPIES, place_of
from freehold.records.rules import Container, LinkKind, Retained
from freehold.settings import Settings
from freehold.storage.blobs import ObjectStore, open_objects
from freehold.storage.cloud.places import OBJECT_FOLDER, object_folder
from freehold.storage.database import DATABASE_FILE

ROWS_AT_ONCE = 500
_BETWEEN = b"\x00\xff\x00"
_NUMBERS = ("INT", "FLOAT", "DOUBLE", "REAL", "BOOL", "NUMERIC")
_KEYS_TOLD = 1_000
_UNCLAIMED = "a file that no place claims"
_IN_CLOUD = OBJECT_FOLDER
"""What stands before the key of an object in a cloud where a place is told, as the folder's name does for a file."""


@dataclass(slots=True)
class Seen:
    """What the pass over the live rows knows."""

    mentions: set[int] = field(default_factory=set)
    leaks: dict[int, set[str]] = field(default_factory=dict)
    """Erased id → tables that promise to hold no id, and hold this one."""
    owned: dict[str, int] = field(default_factory=dict)
    """Object key → when it was made, of objects whose row something refers to."""
    arriving: set[str] = field(default_factory=set)
    """Object keys on their way in, to what stands: uploads to what was erased are doomed."""
    leaving: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)
    """Operations whose kept copies stand: exports that have noted what they name, and imports that began after what is
    searched for was withdrawn."""


def search(bench: Any, job: Mapping[str, Any]) -> dict[str, Any]:
    """The task of `freehold.worker`: one search for several erasures. Answers with counts and places, no content.

    job: {"erasures": [{"ids": [base64], "values": [base64]}], "born_at": microseconds UTC}; what was
    made before `born_at` was made before all that was erased.
    """
    settings: Settings = bench.settings
    needles, ids = _needles(job["erasures"])
    scanner = Scanner(needles)
    plants = self_test(scanner)
    files = _files(settings)  # before their owners: a key is in the ledger before its bytes are anywhere
    cloud = CloudObjects(settings) if object_folder(settings) is None else None
    with in_one_breath(), closing(_connect(settings)) as rows:  # while rows are read, SQLite's log cannot begin anew
        seen = _search_rows(rows, scanner, ids)
        _know_owners(rows, seen)
        dangling = rows.is_any_dangling()
    passing("erase:search:read")
    others, ours = _split(settings, files, seen, job["born_at"])
    elsewhere = scanner.scan_files(others)
    passing("erase:search:elsewhere")
    if cloud is not None:
        cloud.scan(scanner, cloud.others(seen, job["born_at"]), elsewhere)
    mentioned = seen.mentions | elsewhere.needles_hit
    asked = [number for number in range(len(needles)) if number not in mentioned]
    remaining = Scanner([needles[number] for number in asked])
    found = remaining.scan_files(ours, on_progress=_every(bench))
    if cloud is not None:
        cloud.scan(remaining, cloud.unowned(seen), found)
    passing("erase:search:scanned")
    hit = {asked[number] for number in found.needles_hit if number < len(asked)}
    places, objects = {Path(hit.source.split("!")[0]) for hit in found.hits}, object_folder(settings)
    return {
        "encodings": len(ENCODINGS),
        "self_test": plants,
        "files": found.files + elsewhere.files,
        "bytes_scanned": found.bytes_scanned + elsewhere.bytes_scanned,
        "bytes_decoded": found.bytes_decoded + elsewhere.bytes_decoded,
        "unopened": _count_unopened(settings, found),
        "residue_in": sorted({_told(settings, place) for place in places}),
        "residue_keys": sorted({key for place in places if (key := _object_key(objects, place))})[:_KEYS_TOLD],
        "dangling": dangling,
        "cloud": cloud.facts() if cloud is not None else None,
        "erasures": [_counts(numbers, mentioned, hit, seen.leaks) for numbers in _numbers(job["erasures"])],
    }


def _needles(erasures: list[Mapping[str, list[str]]]) -> tuple[list[bytes], set[int]]:
    """All needles one after the other, and which of them are ids."""
    needles: list[bytes] = []
    ids: set[int] = set()
    for erasure in erasures:
        ids |= set(range(len(needles), len(needles) + len(erasure["ids"])))
        needles += [base64.b64decode(text) for text in (*erasure["ids"], *erasure["values"])]
    return needles, ids


def _numbers(erasures: list[Mapping[str, list[str]]]) -> Iterator[range]:
    """The numbers of each erasure's needles."""
    at = 0
    for erasure in erasures:
        size = len(erasure["ids"]) + len(erasure["values"])
        yield range(at, at + size)
        at += size


def _counts(numbers: range, mentioned: set[int], hit: set[int], leaks: dict[int, set[str]]) -> dict[str, Any]:
    mine = set(numbers)
    return {
        "needles": len(mine),
        "mentions": len(mine & mentioned),
        "residue": len(mine & hit),
        "leaks": sorted({table for number in mine & leaks.keys() for table in leaks[number]}),
    }


def _told(settings: Settings, path: Path) -> str:
    """The folder or file at the top that a hit lies in, where its name is ours: others may be anybody's words."""
    if _object_key(object_folder(settings), path) is not None:
        return _IN_CLOUD
    below = path.relative_to(settings.data_folder).as_posix()
    return below.split("/")[0] if place_of(below) is not None else _UNCLAIMED


def _object_key(folder: Path | None, path: Path) -> str | None:
    """Of an object, or of the half of one that is on its way in; None for other files. `folder`: of the objects."""
    within = Path(_IN_CLOUD) if folder is None else folder
    return path.relative_to(within).as_posix().split("#")[0] if path.is_relative_to(within) else None


def _count_unopened(settings: Settings, found: Findings) -> int:
    """Streams that could not be looked into, outside the database's own files: all that these hold stands in rows, for
    the slack of their pages was zeroed, and rows are somebody else's by now."""
    rows = tuple(str(settings.data_folder / f"{DATABASE_FILE}{end}") for end in ("", "-wal", "-shm"))
    return sum(source.split("!")[0] not in rows for source, _ in found.unopened)


def _every(bench: Any) -> Any:
    told = 0

    def report(scanned: int) -> None:
        nonlocal told
        if scanned - told > 1 << 28:
            told = scanned
            bench.report({"bytes_scanned": scanned})

    return report


# ---- files


def _files(settings: Settings) -> list[Path]:
    """Raises DatabaseNotSearched where what is to be searched is not among them: then a search would say nothing."""
    objects = object_folder(settings)
    files = sorted(set(chain(_walk(settings.data_folder), _walk(objects) if objects else ())))
    database = settings.data_folder / DATABASE_FILE
    if settings.is_embedded and not (database in files and _is_searched(settings, database)):
        message = "The database's file is not among what is searched. Look at the settings `data` and `keys`."
        raise Unavailable("DatabaseNotSearched", message)
    return files


def _walk(folder: Path) -> Iterator[Path]:
    """All files below, also where a folder is a link to another disk. A folder is looked into once.

    Raises OSError for a folder that cannot be read.
    """
    known: set[tuple[int, int]] = set()
    for at, folders, names in os.walk(folder, followlinks=True, onerror=_refuse_unreadable):
        with suppress(FileNotFoundError):  # it went meanwhile, and all in it
            about = os.stat(at)
            if (about.st_dev, about.st_ino) in known:
                folders.clear()
                continue
            known.add((about.st_dev, about.st_ino))
        yield from (path for path in (Path(at, name) for name in names) if path.is_file())


def _refuse_unreadable(fault: OSError) -> None:
    if not isinstance(fault, FileNotFoundError | NotADirectoryError):
        raise fault


def _split(settings: Settings, files: list[Path], seen: Seen, born_at: int) -> tuple[list[Path], list[Path]]:
    """(files of other owners, all other files). An object that was made before all that was erased cannot hold it."""
    objects = object_folder(settings)
    others: list[Path] = []
    ours: list[Path] = []
    for path in files:
        key = _object_key(objects, path)
        if key is not None and key in seen.owned:
            if seen.owned[key] >= born_at:
                others.append(path)
        elif (key is not None and key in seen.arriving) or _is_kept_copy(settings, path, seen):
            others.append(path)
        elif _is_searched(settings, path):
            ours.append(path)
    return others, ours


def _is_kept_copy(settings: Settings, path: Path, seen: Seen) -> bool:
    """Of an export or import that covers nothing of what was erased, else it would be gone, or on its way in: somebody
    else's."""
    if not path.is_relative_to(settings.data_folder):
        return False
    parts = path.relative_to(settings.data_folder).parts
    if len(parts) < 2 or parts[0] not in COPIES:
        return False
    return parts[1].split(".")[0] in seen.copies or is_upload(parts[1])


def _is_searched(settings: Settings, path: Path) -> bool:
    """All but what a place declares unsearchable: keys. A file that no place claims is searched too."""
    if path.is_relative_to(settings.key_folder):
        return False
    place = (
        place_of(path.relative_to(settings.data_folder).as_posix())
        if path.is_relative_to(settings.data_folder)
        else None
    )
    return place is None or place.is_searched


class CloudObjects:
    """The objects of a cloud's store, listed at once and read by a connection of this process's own. Raises Away.

    Only below the prefixes that records declare: other people's things may lie beside them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: ObjectStore = open_objects(settings)
        self._listed = [key for prefix in _object_prefixes() for key in self._store.list(prefix)]

    def unowned(self, seen: Seen) -> list[str]:
        return [key for key in self._listed if key not in seen.owned and key not in seen.arriving]

    def others(self, seen: Seen, born_at: int) -> list[str]:
        """As of files: one that was made before all that was erased cannot hold it."""
        return [key for key in self._listed if key in seen.arriving or seen.owned.get(key, -1) >= born_at]

    def scan(self, scanner: Scanner, keys: Iterable[str], findings: Findings) -> None:
        """Read and search objects; one that vanished holds nothing. Raises Away."""
        for key in keys:
            with suppress(NotFound):
                scanner.scan_pieces(f"{_IN_CLOUD}/{key}", self._store.read(key), findings)
                findings.files += 1

    def facts(self) -> dict[str, Any]:
        """What the store says of itself, and how much it still lists of objects that nothing owns or awaits.

        Owners are asked last: a key is in the ledger before the store has it, and until the store has lost it.
        """
        assert self._store.keeper is not None
        keeping = self._store.keeper.look()
        left = self._store.keeper.left(keeping)
        now = Seen()
        with closing(_connect(self._settings)) as rows:
            _know_owners(rows, now)

        def count(keys: Iterable[str] | None) -> int | None:
            known = now.owned.keys() | now.arriving | now.leaving
            return None if keys is None else sum(key not in known for key in keys)

        return {
            "keeping": msgspec.to_builtins(keeping),
            "listed": len(self._listed),
            "unowned": count(self._listed),
            "old_versions": count(left.versions),
            "unfinished_uploads": count(left.uploads),
        }


def _object_prefixes() -> set[str]:
    columns = chain.from_iterable(map(_object_columns, catalogue().values()))
    return {str(column.info["object_prefix"]) for column in columns}


# ---- rows


def _search_rows(rows: "Rows", scanner: Scanner, ids: set[int]) -> Seen:
    """Each table for itself, so that no snapshot lasts. The schema's own text counts as live."""
    seen = Seen()
    silent = {
        name
        for name, record in catalogue().items()
        if record.rules.container is Container.SERVER and isinstance(record.rules.erasure, Retained)
    }
    seen.mentions |= scanner.scan_pieces("schema", rows.schema()).needles_hit
    for table, columns in rows.tables():
        hit = scanner.scan_pieces(table, rows.content(table, columns)).needles_hit
        seen.mentions |= hit
        for number in hit & ids if table in silent else ():
            seen.leaks.setdefault(number, set()).add(table)
    return seen


def _know_owners(rows: "Rows", seen: Seen) -> None:
    """The ledger before the owners: a key goes from the one to the other in one transaction."""
    holding = [(record, column.name) for record in catalogue().values() for column in _object_columns(record)]
    for record, column in sorted(holding, key=lambda each: each[0].rules.container is Container.WORKSPACE):
        name = str(record.table.name)
        if record.rules.container is Container.WORKSPACE:
            seen.owned |= dict(rows.pairs(name, column, "created_at", where=_is_referred_to(name)))
        else:
            for found, where in ((seen.arriving, "NULL"), (seen.leaving, "NOT NULL")):
                found |= {key for key, _ in rows.pairs(name, column, "created_at", where=f'"doomed_at" IS {where}')}
    for name, record in catalogue().items():
        if any(link.kind is LinkKind.COVERS for link in record.links().values()):
            noted = f"\"state\" <> '{LEASED}'" if "state" in record.table.c else "TRUE"
            pairs = rows.pairs(name, "operation_id", "row_id", where=noted)
            seen.copies |= {str(operation_id) for operation_id, _ in pairs}


def _object_columns(record: type[Record]) -> list[sa.Column[Any]]:
    return [column for column in record.table.columns if "object_prefix" in column.info]


def _is_referred_to(table: str) -> str:
    """A row that lives by its referrers and has none is nobody's: its object is searched as what the server owns."""
    referring = [
        f'SELECT "{link_name}" FROM "{name}" WHERE "{link_name}" IS NOT NULL'
        for name, record in catalogue().items()
        for link_name, link in record.links().items()
        if link.kind is LinkKind.REFCOUNT and link.to == table
    ]
    return f'"row_id" IN ({" UNION ALL ".join(referring)})' if referring else "TRUE"


def _connect(settings: Settings) -> "Rows":
    return SqliteRows(settings) if settings.is_embedded else PostgresRows(settings)


class Rows:
    """Plain reading of a database's tables, past the house's own storage."""

    def close(self) -> None:
        raise NotImplementedError

    def schema(self) -> Iterator[bytes]:
        raise NotImplementedError

    def tables(self) -> list[tuple[str, list[str]]]:
        """Each table with its columns that are no numbers."""
        raise NotImplementedError

    def rows(self, sql: str) -> Iterable[tuple[Any, ...]]:
        raise NotImplementedError

    def is_any_dangling(self) -> bool:
        """Whether a row refers to one that is not there. A database that never lets that be need not be asked."""
        return False

    def content(self, table: str, columns: list[str]) -> Iterator[bytes]:
        if not columns:
            return
        listed = ", ".join(f'"{column}"' for column in columns)
        for row in self.rows(f'SELECT {listed} FROM "{table}"'):
            yield _BETWEEN.join(_as_bytes(value) for value in row) + _BETWEEN

    def pairs(self, table: str, first: str, second: str, *, where: str = "TRUE") -> Iterator[tuple[str, int]]:
        for one, other in self.rows(f'SELECT "{first}", "{second}" FROM "{table}" WHERE {where}'):
            yield _as_bytes(one).decode(), int(other)


class SqliteRows(Rows):
    def __init__(self, settings: Settings) -> None:
        driver = import_module(f"{settings.sqlite_driver}.dbapi2")
        path = settings.data_folder / DATABASE_FILE
        self._connection = driver.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        self._connection.text_factory = bytes

    def close(self) -> None:
        self._connection.close()

    def rows(self, sql: str) -> Iterable[tuple[Any, ...]]:
        cursor = self._connection.execute(sql)
        cursor.arraysize = ROWS_AT_ONCE
        rows: Iterable[tuple[Any, ...]] = cursor
        return rows

    def is_any_dangling(self) -> bool:
        return any(True for _ in self.rows("PRAGMA foreign_key_check"))

    def schema(self) -> Iterator[bytes]:
        return (_as_bytes(sql) for (sql,) in self.rows("SELECT sql FROM sqlite_master"))

    def tables(self) -> list[tuple[str, list[str]]]:
        names = [
            _as_bytes(name).decode() for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return [(name, self._columns(name)) for name in names]

    def _columns(self, table: str) -> list[str]:
        found = [
            (_as_bytes(row[1]).decode(), _as_bytes(row[2]).decode())
            for row in self.rows(f'PRAGMA table_info("{table}")')
        ]
        return [name for name, kind in found if not kind.upper().startswith(_NUMBERS)]


class PostgresRows(Rows):
    def __init__(self, settings: Settings) -> None:
        import psycopg

        url = settings.database.replace("postgresql+psycopg://", "postgresql://")
        self._connection = psycopg.connect(url, options="-c default_transaction_read_only=on")

    def close(self) -> None:
        self._connection.close()

    def rows(self, sql: str) -> Iterable[tuple[Any, ...]]:
        with self._connection.transaction(), self._connection.cursor("freehold_search") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            yield from cursor.execute(sql.encode())

    def schema(self) -> Iterator[bytes]:
        return (_as_bytes(name) for (name,) in self.rows("SELECT column_name FROM information_schema.columns"))

    def tables(self) -> list[tuple[str, list[str]]]:
        """Of the schema that the server uses; the workflow engine's lies beside it and holds opaque ids only."""
        found = self.rows(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_schema = current_schema()"
            " ORDER BY 1, ordinal_position"
        )
        tables: dict[str, list[str]] = {}
        for table, column, kind in found:
            columns = tables.setdefault(str(table), [])
            if not str(kind).upper().startswith(("BIG", "SMALL", *_NUMBERS)):
                columns.append(str(column))
        return list(tables.items())


def _as_bytes(value: Any) -> bytes:
    if value is None:
        return b""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()
