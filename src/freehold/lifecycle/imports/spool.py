"""Where an import keeps what it was sent and what it found in it: `imports/<operation>`, files only.

    bag            the archive as it was sent            apart/   its large files, where laid apart (bag/split.py)
    tables/        its tables, taken out                 rows/    rows ready to be written, with `index.json`
    objects/       its artifacts under numbers, until the store has them
    report.json    what was found, or why it is refused  mapping.json  old ids and new ones

Of a tree, `rows/` has a folder for each container under its number, and `tree.json`, which says what they are.

Nothing here has a name that the bag chose. An erasure in the workspace removes the folder, as it does a kept bag.
"""

import os
import shutil
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from freehold.kit.faults import passing
from freehold.lifecycle.bag.split import apart_of
from freehold.lifecycle.uploads import FOLDER

ROWS_IN_BATCH = 2_000
BYTES_IN_BATCH = 2 << 20
_LENGTH = struct.Struct("<I")
Row = list[Any]


class ImportJob(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is told. `public_id` and `kind` are those of the container that the bag goes into."""

    operation_id: str
    public_id: str
    new_ids: bool
    kind: str = ""


class PreparedTable(msgspec.Struct, frozen=True):
    """Rows of one record as they are to be written: `links` maps columns to the tables that their ordinals count in.

    `own` names the links to rows of the same table, which may come later.
    """

    table: str
    file: str
    columns: list[str]
    links: dict[str, str]
    own: list[str]
    rows: int


class PreparedObject(msgspec.Struct, frozen=True, array_like=True):
    """`number` is the name of its file in `objects/`."""

    number: int
    key: str
    size: int


class BagContainer(msgspec.Struct, frozen=True):
    """A container of a tree, as the bag says it. `parent` is the place of the one that it stands in, which comes
    before it; null at the root."""

    container_id: str
    parent: int | None
    kind: str
    name: str
    arm_path: str


class Prepared(msgspec.Struct, frozen=True):
    """What is in the bag of one container. `container` is its row by column, if it is there whole."""

    format: int
    scope: str
    container: dict[str, Any] | None
    tables: list[PreparedTable]
    objects: int
    object_bytes: int
    points: int
    dropped_links: dict[str, int]

    def counts(self) -> dict[str, int]:
        rows = sum(each.rows for each in self.tables)
        return {"rows": rows, "metric_points": self.points, "objects": self.objects}


class ContainerSpool:
    """Rows of one container, ready to be written, in the folder `rows`."""

    def __init__(self, rows: Path) -> None:
        self.rows = rows
        self._index = rows / "index.json"
        self._object_list = rows / "objects.list"

    def save(self, prepared: Prepared, objects: Iterable[PreparedObject]) -> None:
        """The index goes last: it stands only where all else does."""
        with BatchWriter(self._object_list) as file:
            for each in objects:
                file.add([each.number, each.key, each.size])
        passing("import:objects:listed")
        write_whole(self._index, msgspec.json.encode(prepared))

    def prepared(self) -> Prepared:
        return msgspec.json.decode(self._index.read_bytes(), type=Prepared)

    def object_groups(self) -> Iterator[list[PreparedObject]]:
        if self._object_list.exists():
            for batch in read_batches(self._object_list):
                yield [PreparedObject(*row) for row in batch]

    def batches(self, table: PreparedTable) -> Iterator[list[Row]]:
        return read_batches(self.rows / table.file)


class ImportSpool:
    def __init__(self, data_folder: Path, operation_id: str) -> None:
        self.folder = data_folder / FOLDER / operation_id
        self.bag = self.folder / "bag"
        self.tables = self.folder / "tables"
        self.rows = self.folder / "rows"
        self.objects = self.folder / "objects"
        self.report = self.folder / "report.json"
        self.mapping = self.folder / "mapping.json"
        self._tree = self.rows / "tree.json"

    def keep_tree(self, tree: Sequence[BagContainer]) -> list[ContainerSpool]:
        """Where the containers of a tree go, in its order."""
        places = [ContainerSpool(self.rows / str(number)) for number in range(len(tree))]
        for place in places:
            place.rows.mkdir(mode=0o700)
        passing("import:tree:unwritten")
        write_whole(self._tree, msgspec.json.encode(tree))
        passing("import:tree:written")
        return places

    def tree(self) -> list[BagContainer]:
        """Empty where the bag is of one container."""
        if not self._tree.exists():
            return []
        return msgspec.json.decode(self._tree.read_bytes(), type=list[BagContainer])

    def containers(self) -> list[ContainerSpool]:
        """In the order of the tree; of a bag of one container just that."""
        tree = self.tree()
        return [ContainerSpool(self.rows / str(number)) for number in range(len(tree))] or [ContainerSpool(self.rows)]

    def counts(self) -> dict[str, int]:
        """Of all containers together, and how many there are, if the bag is of a tree."""
        containers = self.containers()
        counts = {"containers": len(containers)} if len(containers) > 1 else {}
        for each in containers:
            for name, count in each.prepared().counts().items():
                counts[name] = counts.get(name, 0) + count
        return counts

    def clear(self) -> None:
        """Before the bag is read, or read again after a kill."""
        for folder in (self.tables, self.rows, self.objects):
            shutil.rmtree(folder, ignore_errors=True)
            passing("import:folder:removed")
            folder.mkdir(mode=0o700)

    def strip(self) -> None:
        """What was sent goes; what is to be told about it stays until it is fetched, erased or too old."""
        passing("import:spool:stripping")
        self.bag.unlink(missing_ok=True)
        for folder in (apart_of(self.bag), self.tables, self.rows, self.objects):
            passing("import:spool:part")
            shutil.rmtree(folder, ignore_errors=True)
        passing("import:spool:stripped")

    def drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class BatchWriter:
    """Rows as MessagePack, a batch after the other, each behind its length: what the server reads needs no pyarrow.

    A batch has so many rows or bytes as the server may hold at once.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._waiting: list[Row] = []
        self._size = 0
        self._encoder = msgspec.msgpack.Encoder()
        self.rows = 0

    def __enter__(self) -> "BatchWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._file.close()

    def add(self, row: Row) -> None:
        self._waiting.append(row)
        self.rows += 1
        self._size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(self._waiting) == ROWS_IN_BATCH or self._size >= BYTES_IN_BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            packed = self._encoder.encode(self._waiting)
            self._file.write(_LENGTH.pack(len(packed)) + packed)
            passing("import:batch:written")
            self._waiting, self._size = [], 0


def read_batches(path: Path) -> Iterator[list[Row]]:
    decoder = msgspec.msgpack.Decoder(type=list[list[Any]])
    with path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            yield decoder.decode(file.read(_LENGTH.unpack(head)[0]))


def write_whole(path: Path, content: bytes) -> None:
    """It is there whole, or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        passing("import:file:written")
        os.fsync(file.fileno())
    passing("import:file:synced")
    part.replace(path)
    passing("import:file:renamed")
