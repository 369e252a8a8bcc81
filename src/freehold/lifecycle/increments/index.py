"""The index of a bag: for each place in each of its sequences a keyed digest of its key and one of its content.

An increment needs no more of its base. What stands in it says nothing to who does not hold the bag: a server that is
handed one learns no id that it has erased.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, pairwise
from pathlib import Path
from typing import IO, Annotated, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Meta
from numpy.typing import NDArray

from freehold.kit.digests import Sha256Meter
from freehold.kit.faults import passing
from freehold.kit.problems import Invalid
from freehold.lifecycle.increments.layout import FILES, MANIFEST, TABLES, BagFolder, is_points, pieces_in, read_rows
from freehold.lifecycle.points import point_schema
from freehold.lifecycle.selection import Selection, Target
from freehold.lifecycle.tables import export_table
from freehold.lifecycle.tree import CONTAINERS
from freehold.records.rules import Scope

FORMAT = 1
DIGEST = 16
WIDTH = 2 * DIGEST + 8
"""Bytes of an entry: key, content, and how many rows it stands for (one, but of points)."""
LONGEST_HEAD = 1 << 20
ENTRIES_AT_ONCE = 25_000
Entries = NDArray[np.uint8]
_SHA256 = r"\A[0-9a-f]{64}\Z"
_MOMENT = r"\A([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+00:00)?\Z"
"""As bags say when their snapshot was taken. No other words: a certificate repeats it, and stays for good."""


class Counted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=200)]
    entries: Annotated[int, Meta(ge=0)]


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First line of an index; behind it the entries, sequence after sequence. `salt` keys all digests."""

    format: int
    salt: Annotated[str, Meta(min_length=16, max_length=64)]
    scope: Scope
    manifest_sha256: Annotated[str, Meta(pattern=_SHA256)]
    tag_manifest_sha256: Annotated[str, Meta(pattern=_SHA256)]
    snapshot: Annotated[str, Meta(pattern=_MOMENT)]
    sequences: Annotated[list[Counted], Meta(max_length=1_000)]

    def line(self) -> bytes:
        return msgspec.json.encode(self) + b"\n"


class Index:
    """An index in a file. Raises Invalid where it is none, or was cut off."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.head, start = _read_head(file)
        self._places: dict[str, tuple[int, int]] = {}
        for each in self.head.sequences:
            self._places[each.name] = (start, each.entries)
            start += each.entries * WIDTH
        if start != file.stat().st_size or len(self._places) != len(self.head.sequences):
            raise _unreadable()

    def entries(self, name: str) -> Entries:
        """Mapped, not read: rows of WIDTH bytes."""
        start, count = self._places.get(name, (0, 0))
        if not count:
            return np.zeros((0, WIDTH), np.uint8)
        return np.memmap(self._file, np.uint8, "r", start, (count, WIDTH))

    @property
    def root(self) -> bytes:
        """The digest of the key of what the bag is of: its scope's table begins with it."""
        return bytes(self.entries(f"{TABLES}/{self.head.scope.value}s")[:1, :DIGEST].tobytes())


def counts_of(entries: Entries) -> NDArray[np.int64]:
    """How many rows each entry stands for."""
    return np.ascontiguousarray(entries[:, 2 * DIGEST :]).view("<i8").reshape(-1)


def write_index(folder: Path, file: Path, salt: str) -> None:
    """The index of the bag in `folder`, whole or not at all. Raises Invalid for an increment."""
    body = file.with_name(file.name + ".body")
    try:
        with body.open("wb") as entries:
            head = index_bag(folder, entries, salt)
        whole = file.with_name(file.name + ".part")
        with whole.open("wb") as joined:
            joined.writelines(index_pieces(head, body))
        passing("increment:index:written")
        whole.replace(file)
        passing("increment:index:renamed")
    finally:
        body.unlink(missing_ok=True)


def index_pieces(head: Head, body: Path) -> Iterator[bytes]:
    """An index as it is sent or kept."""
    yield head.line()
    with body.open("rb") as stream:
        while piece := stream.read(1 << 20):
            yield piece


def index_bag(folder: Path, body: IO[bytes], salt: str) -> Head:
    """Writes the entries. Raises Invalid for what is no whole bag of Freehold, OSError."""
    bag = BagFolder(folder)
    if bag.is_increment:
        message = "This bag is an increment. Put it together with its base first (freehold combine), then name that."
        raise Invalid("BaseIsIncrement", message, is_plain=True)
    if f"{TABLES}/{CONTAINERS}" in bag.parts:
        message = "This bag is of a tree, and an increment is of one container. Name a bag of that container alone."
        raise Invalid("BaseIsTree", message, is_plain=True)
    scope = scope_of(folder)
    makers = _Makers(bag, scope, salt.encode())
    sequences = [Counted(name, _write_entries(makers, name, body)) for name in (*bag.parts, FILES)]
    return Head(
        format=FORMAT,
        salt=salt,
        scope=scope,
        manifest_sha256=file_digest(folder / MANIFEST),
        tag_manifest_sha256=file_digest(folder / "tagmanifest-sha256.txt"),
        snapshot=_snapshot_of(folder),
        sequences=sequences,
    )


def _write_entries(makers: "_Makers", name: str, body: IO[bytes]) -> int:
    """How many there are. Raises Invalid for a table that is none, or lacks what all of its name have."""
    count = 0
    try:
        for entry in makers.entries(name):
            body.write(entry)
            count += 1
    except (pa.ArrowException, ValueError, LookupError, TypeError) as fault:
        message = f"{name} of the base is none that Freehold wrote. `freehold verify` tells whether the bag is whole."
        raise Invalid("NotABag", message) from fault
    return count


def _snapshot_of(folder: Path) -> str:
    """Empty where whoever edited the bag wrote something else there."""
    said = bag_info(folder / "bag-info.txt").get("Freehold-Snapshot", "")
    return said if re.search(_MOMENT, said) else ""


def bag_info(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {label: value for label, _, value in (line.partition(": ") for line in lines)}


def scope_of(folder: Path) -> Scope:
    """Raises Invalid."""
    try:
        document = msgspec.json.decode((folder / "data/coverage.json").read_bytes())
        return Scope(document["scope"])
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise Invalid("NotABag", "This is no bag of this Freehold: its data/coverage.json does not say so.") from fault


def file_digest(file: Path) -> str:
    meter = Sha256Meter()
    with file.open("rb") as stream:
        while piece := stream.read(1 << 20):
            meter.feed(piece)
    return meter.hexdigest


class SeriesDigest:
    """Of the points of one metric of one run, however they come in pieces."""

    def __init__(self, salt: bytes) -> None:
        self._digest = hashlib.blake2b(b"points", digest_size=DIGEST, key=salt)
        self.count = 0

    def feed(self, points: NDArray[np.int64]) -> None:
        self._digest.update(np.ascontiguousarray(points).data)
        self.count += len(points)

    @property
    def value(self) -> bytes:
        return self._digest.digest()


class Piece(NamedTuple):
    """Points of one series: rows of step, time and the bits of the value."""

    owner: str
    key: str
    points: NDArray[np.int64]


def series_pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[Piece]:
    """Of a table of points in its order: pieces of one series follow one another."""
    for batch in batches:
        owners, keys = (batch.column(place).dictionary_encode() for place in (0, 1))
        points = np.empty((batch.num_rows, 3), np.int64)
        points[:, 0] = batch.column(2).to_numpy()
        points[:, 1] = batch.column(3).view(pa.int64()).to_numpy()
        points[:, 2] = batch.column(4).to_numpy().view(np.int64)
        owner, key = (np.asarray(each.indices) for each in (owners, keys))
        changes = np.flatnonzero((owner[1:] != owner[:-1]) | (key[1:] != key[:-1])) + 1
        edges = [0, *changes.tolist(), batch.num_rows] if batch.num_rows else []
        owner_names, key_names = owners.dictionary.to_pylist(), keys.dictionary.to_pylist()
        for start, end in pairwise(edges):
            yield Piece(owner_names[owner[start]], key_names[key[start]], points[start:end])


def _of_form(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What a digest of points does not say. Raises ValueError for another form than they have."""
    wanted = point_schema(batch.schema.names[0])
    types = [each.value_type if pa.types.is_dictionary(each) else each for each in wanted.types]
    if batch.schema.names != wanted.names or batch.schema.types != types:
        raise ValueError("these are no points")
    return batch


class _Makers:
    """The entries of each kind of sequence."""

    def __init__(self, bag: BagFolder, scope: Scope, salt: bytes) -> None:
        self._bag = bag
        self._salt = salt
        self._keys = key_columns(scope)

    def entries(self, name: str) -> Iterator[bytes]:
        if name == FILES:
            return (_entry(self._digest(b"path", path), self._digest(b"file", sha)) for path, sha in self._bag.files())
        if is_points(name):
            return self._of_points(name)
        if name.startswith(f"{TABLES}/"):
            return self._of_rows(name)
        return self._of_pieces(name)

    def _of_rows(self, name: str) -> Iterator[bytes]:
        for batch in read_rows(self._bag.paths(name)):
            names = batch.schema.names
            shape = msgspec.msgpack.encode([name, [(field.name, str(field.type)) for field in batch.schema]])
            key = [names.index(each) for each in self._keys.get(name, ()) if each in names]
            for row in _rows(batch):
                content = self._digest(shape, msgspec.msgpack.encode(row))
                yield _entry(
                    self._digest(name, msgspec.msgpack.encode([row[k] for k in key])) if key else content, content
                )

    def _of_points(self, name: str) -> Iterator[bytes]:
        pieces = series_pieces(map(_of_form, read_rows(self._bag.paths(name))))
        for (owner, key), group in groupby(pieces, key=lambda piece: piece[:2]):
            digest = SeriesDigest(self._salt)
            for piece in group:
                digest.feed(piece.points)
            yield _entry(self._digest(name, msgspec.msgpack.encode([owner, key])), digest.value, digest.count)

    def _of_pieces(self, name: str) -> Iterator[bytes]:
        for piece in pieces_in(self._bag.paths(name), name):
            content = self._digest(name, piece)
            yield _entry(content, content)

    def _digest(self, kind: str | bytes, content: str | bytes) -> bytes:
        digest = hashlib.blake2b(digest_size=DIGEST, key=self._salt)
        for part in (kind, content):
            raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            digest.update(len(raw).to_bytes(8, "little"))
            digest.update(raw)
        return digest.digest()


def _entry(key: bytes, content: bytes, count: int = 1) -> bytes:
    return key + content + count.to_bytes(8, "little")


def key_columns(scope: Scope) -> Mapping[str, tuple[str, ...]]:
    """Of each table the columns by which people name its rows; none where they do not."""
    selection = Selection(Target(scope, 0, (0,)))
    tables = (export_table(record, selection) for record in selection.exported())
    return {f"{TABLES}/{table.name}": table.key for table in tables}


def _rows(batch: pa.RecordBatch) -> Iterator[list[Any]]:
    columns = [
        (column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for column in batch.columns
    ]
    return map(list, zip(*columns, strict=True))


def _read_head(file: Path) -> tuple[Head, int]:
    with file.open("rb") as stream:
        line = stream.readline(LONGEST_HEAD)
    try:
        head = msgspec.json.decode(line, type=Head)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise _unreadable() from fault
    if head.format != FORMAT or not line.endswith(b"\n"):
        raise _unreadable()
    return head, len(line)


def _unreadable() -> Invalid:
    message = "This is no index of a bag, or not one of this version. `freehold export --since BAG` makes and sends it."
    return Invalid("InvalidIndex", message)
