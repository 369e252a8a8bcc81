"""The search behind *verified*: every live row, then every byte of every file. Runs in a child process, only reads.

It shares no code with the eraser: its own connections, its own SQL, its own walk over the files. What it finds in
a live row, a live object or a kept export of another owner is a *mention*; anything else is *residue*.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from freehold.kit.breath import in_one_breath
from freehold.kit.faults import passing
from freehold.kit.problems import NotFound
from freehold.lifecycle.scan import ENCODINGS, Findings, Scanner, self_test
from freehold.lifecycle.uploads import is_upload
from freehold.records.catalogue import catalogue
from freehold.records.places import COPIES, place_of
from freehold.records.rules import Container, LinkKind, Retained
from freehold.settings import Settings
from freehold.storage.blobs import ObjectStore, open_objects
from freehold.storage.cloud.places import OBJECT_FOLDER, object_folder
from freehold.storage.database import DATABASE_FILE

ROWS_AT_ONCE = 500
_BETWEEN = b"\x00\xff\x00"
_NUMBERS = ("INT", "FLOAT", "DOUBLE", "REAL", "BOOL", "NUMERIC")
_RESIDUE_TOLD = 20
_IN_CLOUD = OBJECT_FOLDER
"""What stands before the key of an object in a cloud where a place is told, as the folder's name does for a file."""


@dataclass(slots=True)
class Seen:
    """What the pass over the live rows knows."""

    mentions: set[int] = field(default_factory=set)
    leaks: dict[int, set[str]] = field(default_factory=dict)
    """Erased id → tables that promise to hold no id, and hold this one."""
    owned: dict[str, int] = field(default_factory=dict)
    """Object key → when it was made, of objects that a row owns."""
    awaited: set[str] = field(default_factory=set)
    """Object keys that are on their way in or out, and owned by nothing meanwhile."""
    copies: set[str] = field(default_factory=set)
    """Operations whose kept copies stand: exports, and imports that began after what is searched for was withdrawn."""


def search(bench: Any, job: Mapping[str, Any]) -> dict[str, Any]:
    """The task of `freehold.worker`: one search for several erasures. Answers with counts and places, no content.

    job: {"erasures": [{"ids": [base64], "values": [base64]}], "born_at": microseconds UTC}; what was
    made before `born_at` was made before all that was erased.
    """
    settings: Settings = bench.settings
    needles, ids = _needles(job["erasures"])
    scanner = Scanner(needles)
    plants = self_test(scanner)
    with in_one_breath(), closing(_connect(settings)) as rows:  # while rows are read, SQLite's log cannot begin anew
        seen = _search_rows(rows, scanner, ids)
        _know_owners(rows, seen)
        dangling = rows.is_any_dangling()
    passing("erase:search:read")
    others, ours = _split(settings, seen, job["born_at"])
    cloud = CloudObjects(settings, seen, job["born_at"]) if object_folder(settings) is None else None
    elsewhere = scanner.scan_files(others)
    passing("erase:search:elsewhere")
    if cloud is not None:
        cloud.scan(scanner, cloud.others, elsewhere)
    mentioned = seen.mentions | elsewhere.needles_hit
    asked = [number for number in range(len(needles)) if number not in mentioned]
    remaining = Scanner([needles[number] for number in asked])
    found = remaining.scan_files(ours, on_progress=_every(bench))
    if cloud is not None:
        cloud.scan(remaining, cloud.unowned, found)
    passing("erase:search:scanned")
    hit = {asked[number] for number in found.needles_hit if number < len(asked)}
    return {
        "encodings": len(ENCODINGS),
        "self_test": plants,
        "files": found.files + elsewhere.files,
        "bytes_scanned": found.bytes_scanned + elsewhere.bytes_scanned,
        "bytes_decoded": found.bytes_decoded + elsewhere.bytes_decoded,
        "unopened": len(found.unopened),
        "residue_in": sorted({_told(settings, Path(hit.source.split("!")[0])) for hit in found.hits})[:_RESIDUE_TOLD],
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
    """A place; names there are ours or random, never content. Objects begin with their folder's name."""
    if path.is_relative_to(_IN_CLOUD):
        return path.as_posix()
    objects = object_folder(settings)
    for folder, start in (*([(objects, objects.parent)] if objects else ()), (settings.data_folder,) * 2):
        if path.is_relative_to(folder):
            return path.relative_to(start).as_posix()
    return path.name


def _every(bench: Any) -> Any:
    told = 0

    def report(scanned: int) -> None:
        nonlocal told
        if scanned - told > 1 << 28:
            told = scanned
            bench.report({"bytes_scanned": scanned})

    return report


# ---- files


def _split(settings: Settings, seen: Seen, born_at: int) -> tuple[list[Path], list[Path]]:
    """(files of other owners, all other files). An object that was made before all that was erased cannot hold it."""
    objects = object_folder(settings)
    others: list[Path] = []
    ours: list[Path] = []
    for path in sorted(set(chain(_walk(settings.data_folder), _walk(objects) if objects else ()))):
        key = path.relative_to(objects).as_posix() if objects and path.is_relative_to(objects) else None
        if key is not None and key in seen.owned:
            if seen.owned[key] >= born_at:
                others.append(path)
        elif _is_kept_copy(settings, path, seen):
            others.append(path)
        elif _is_searched(settings, path):
            ours.append(path)
    return others, ours


def _walk(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


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
    """The objects of a cloud's store, listed and read by a connection of this process's own.

    Only below the prefixes that records declare: other people's things may lie beside them.
    """

    def __init__(self, settings: Settings, seen: Seen, born_at: int) -> None:
        self._settings = settings
        self._store: ObjectStore = open_objects(settings)
        self._listed = [key for prefix in _object_prefixes() for key in self._store.list(prefix)]
        self.unowned = [key for key in self._listed if key not in seen.owned]
        self.others = [key for key in self._listed if seen.owned.get(key, -1) >= born_at]

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
            return None if keys is None else sum(key not in now.owned and key not in now.awaited for key in keys)

        return {
            "keeping": msgspec.to_builtins(keeping),
            "listed": len(self._listed),
            "unowned": count(self._listed),
            "old_versions": count(left.versions),
            "unfinished_uploads": count(left.uploads),
        }


def _object_prefixes() -> set[str]:
    columns = chain.from_iterable(record.table.columns for record in catalogue().values())
    return {str(column.info["object_prefix"]) for column in columns if "object_prefix" in column.info}


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
    for name, record in catalogue().items():
        for column in record.table.columns:
            if "object_prefix" not in column.info:
                continue
            if record.rules.container is Container.WORKSPACE:
                seen.owned |= dict(rows.pairs(name, column.name, "created_at"))
            else:
                seen.awaited |= {key for key, _ in rows.pairs(name, column.name, "created_at")}
        if any(link.kind is LinkKind.COVERS for link in record.links().values()):
            seen.copies |= {str(operation_id) for operation_id, _ in rows.pairs(name, "operation_id", "row_id")}


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

    def pairs(self, table: str, first: str, second: str) -> Iterator[tuple[str, int]]:
        for one, other in self.rows(f'SELECT "{first}", "{second}" FROM "{table}"'):
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
