"""Lists that a snapshot leaves for the stages after it: which objects to copy and where to, which actions to tell.

They are derived from the catalogue. Objects: a record with a counted link to one that owns an object key.
Actions: a record with a status, a start and an end.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from freehold.kit.clock import to_iso
from freehold.lifecycle.bag.crate import RunAction
from freehold.lifecycle.bag.paths import PathKeeper
from freehold.lifecycle.bag.sorting import LineSorter
from freehold.lifecycle.selection import deep_owners, key_of, links_of, public_key
from freehold.lifecycle.tables import ROWS_AT_ONCE, ExportTable, batches_of, public_names
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import LinkKind

OBJECTS = pa.schema([("key", pa.string()), ("size", pa.int64()), ("sha256", pa.string()), ("path", pa.string())])
ACTION_WORDS = ("name", "status", "started_at", "ended_at")
Row = list[Any]


def object_columns(record: type[Record]) -> list[sa.ColumnElement[Any]] | None:
    """Row of the action that made it, object key, size and digest, as scalar subqueries on the record's table.

    None if the record names no objects.
    """
    for column, target in links_of(record, catalogue()):
        keys = [c for c in target.table.columns if "object_prefix" in c.info]
        if column.info["link"].kind is LinkKind.REFCOUNT and keys:
            of = target.table.alias("object_of")
            owners = [owner for owner, of_kind in deep_owners(record, catalogue()) if is_action(of_kind)]
            wanted = (of.c[keys[0].name], of.c["size"], of.c["sha256"])
            found = [sa.select(c).where(key_of(of) == column).scalar_subquery() for c in wanted]
            return [owners[0] if owners else sa.null(), *found]
    return None


def is_action(record: type[Record]) -> bool:
    return all(word in record.table.c for word in ACTION_WORDS)


class ObjectList:
    """Gives each row that has bytes a path of its own in the bag, and lists the objects to copy.

    Rows must come ordered by their public key (origin, container, path): all of it but the last names a folder.
    """

    def __init__(self, table: ExportTable, folder: Path, homes: LineSorter) -> None:
        self.count = self.size = 0
        self._table = table
        names = [field.name for field in table.fields]
        self._key = [names.index(name) for name in public_names(table.record)]
        self._writer = pq.ParquetWriter(folder / f"objects-{table.name}.parquet", OBJECTS)
        self._homes = homes
        self._folders, self._files = PathKeeper(), PathKeeper()
        self._home: tuple[tuple[str, ...], str] = ((), "")
        self._told: tuple[int, str] = (-1, "")
        self._waiting: list[tuple[str, int, str, str]] = []

    def through(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Rows that end with `object_columns` come out ending with `bag_path` instead."""
        width = len(self._table.fields)
        for row in rows:
            owner, key, size, digest = row[width:]
            path = None if key is None else self._path([row[place] for place in self._key])
            if path is not None:
                self._list(owner or 0, (key, size, digest, path))
            yield [*row[:width], path]
        self._flush()
        self._writer.close()

    def _path(self, name: list[str]) -> str:
        folder = tuple(name[:-1])
        if folder != self._home[0]:
            self._home = (folder, f"{self._table.name}/{self._folders.keep('/'.join(folder))}")
            self._files = PathKeeper()
        return f"{self._home[1]}/{self._files.keep(name[-1])}"

    def _list(self, owner: int, line: tuple[str, int, str, str]) -> None:
        home = (owner, self._home[1])
        if home != self._told:
            self._told = home
            self._homes.add(f"{owner:020d}\t{home[1]}/".encode())
        self.count += 1
        self.size += line[1]
        self._waiting.append(line)
        if len(self._waiting) == ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        for batch in batches_of(self._waiting, OBJECTS):
            self._writer.write_batch(batch)
        self._waiting = []


def list_actions(table: ExportTable, rows: Iterable[Row], file: Path) -> Iterator[Row]:
    """Passes the rows on and writes a line for each. Rows end with their key."""
    names = [field.name for field in table.fields]
    words = [public_key(table.record)[0].name, *ACTION_WORDS]
    places = [names.index(word) for word in words]
    agent = names.index("created_by") if "created_by" in names else None
    with file.open("ab") as lines:
        for row in rows:
            told = [row[-1], *(row[place] for place in places), None if agent is None else row[agent]]
            lines.write(msgspec.json.encode(told) + b"\n")
            yield row[:-1]


def read_homes(folder: Path) -> Iterator[tuple[int, str]]:
    """(owner's row, folder below `data/`) in order of owner."""
    with (folder / "homes.txt").open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            owner, _, home = line.rstrip("\n").partition("\t")
            yield int(owner), home


def read_actions(folder: Path, home: str = "", below: str = "") -> Iterator[RunAction]:
    """Actions in order of row, each with the folders that its objects went to. `home`: tells those of one container
    from those of another with the same ids; `below`: where its folders lie."""
    path = folder / "actions.jsonl"
    if not path.exists():
        return
    homes = read_homes(folder)
    ahead = next(homes, None)
    with path.open("rb") as lines:
        for line in lines:
            row, action_id, name, status, started, ended, agent = msgspec.json.decode(line)
            mine = []
            while ahead is not None and ahead[0] <= row:
                mine += [below + ahead[1]] if ahead[0] == row else []
                ahead = next(homes, None)
            yield RunAction(action_id, name, status, _iso(started), _iso(ended), agent, tuple(mine), home)


def _iso(at: int | None) -> str | None:
    """Clients choose these times: one that no calendar holds is left out."""
    try:
        return None if at is None else to_iso(at)
    except (ValueError, OverflowError, OSError):
        return None
