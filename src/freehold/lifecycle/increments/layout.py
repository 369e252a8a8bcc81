"""A bag as sequences: the rows of a table, the documents of a noun, the pieces of a page, and its files.

The places in a sequence are what an increment speaks of: it keeps a stretch of the base's, and brings its own.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from freehold.lifecycle.bag.writer import BagWriter, PartFile
from freehold.lifecycle.points import GROUPS_IN_PART, POINTS_IN_GROUP
from freehold.lifecycle.points import PARQUET as POINTS_PARQUET
from freehold.lifecycle.row_groups import ANY_SIZE, BYTES_IN_GROUP, RowStream, batches_in, grouped
from freehold.lifecycle.tables import PARQUET, ROWS_AT_ONCE, ROWS_IN_PART, write_parquet
from freehold.records.catalogue import catalogue
from freehold.records.rules import Decoded

TABLES, REST, PAGES, FILES = "tables", "rest", "pages", "files"
MANIFEST = "manifest-sha256.txt"
OWN = "increment"
"""The folder below `data/` that only an increment has."""
_PART = re.compile(r"data/(tables|rest)/([^/]+)/part-[0-9]{5}\.(?:parquet|jsonl)")


class BagFolder:
    """A bag's folder by its manifest. `parts`: sequence → its files below the folder, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[str, list[str]] = {}
        self.is_increment = False
        for path, _ in self._lines():
            name = sequence_of(path)
            if name is None:
                self.is_increment = True
            elif name != FILES:
                self.parts.setdefault(name, []).append(path)

    def paths(self, name: str) -> list[Path]:
        return [self.folder / path for path in self.parts.get(name, ())]

    def files(self) -> Iterator[tuple[str, str]]:
        """(path, SHA-256) of what people named themselves, in order of path."""
        return ((path, digest) for path, digest in self._lines() if sequence_of(path) == FILES)

    def listed(self) -> Iterator[tuple[str, str]]:
        """(path, SHA-256) of all that an increment is made from: everything but those files."""
        return ((path, digest) for path, digest in self._lines() if sequence_of(path) != FILES)

    def _lines(self) -> Iterator[tuple[str, str]]:
        with (self.folder / MANIFEST).open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                digest, _, path = line.rstrip("\n").partition("  ")
                yield path, digest


def sequence_of(path: str) -> str | None:
    """The sequence that a file of a bag is part of; None for what belongs to an increment itself."""
    part = _PART.fullmatch(path)
    if part:
        return f"{part[1]}/{part[2]}"
    if path.startswith(f"data/{OWN}/"):
        return None
    return FILES if path.count("/") > 1 else f"{PAGES}/{path.removeprefix('data/')}"


def is_points(name: str) -> bool:
    """True for a table into which packed rows are decoded."""
    exports = [record.rules.export for record in catalogue().values()]
    return name.removeprefix(f"{TABLES}/") in {each.into for each in exports if isinstance(each, Decoded)}


def read_rows(files: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    """A group or less at a time. Columns of repeated texts come as plain ones: how they were numbered is for the writer
    to say again."""
    for file in files:
        for batch in batches_in(file):
            columns = [
                column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
                for column in batch.columns
            ]
            yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def schema_of(file: Path) -> pa.Schema:
    with pq.ParquetFile(file) as parquet:
        return parquet.schema_arrow.remove_metadata()


def write_rows(writer: BagWriter, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """The parts of a table, in the same bytes as an export that reads the same rows from the database."""
    rows, part, is_over = RowStream(batches), 0, False
    while not is_over:
        with writer.open_part(f"data/{name}/part-{part:05d}.parquet") as file:
            is_over = _write_points(file, schema, rows) if is_points(name) else _write_part(file, schema, rows)
        part += 1


def _write_points(file: PartFile, schema: pa.Schema, rows: RowStream) -> bool:
    groups = grouped(rows.take(POINTS_IN_GROUP * GROUPS_IN_PART), schema, POINTS_IN_GROUP, ANY_SIZE)
    write_parquet(file, schema, groups, POINTS_PARQUET | {"use_dictionary": schema.names[:2]})
    return not rows.has_more()


def _write_part(file: PartFile, schema: pa.Schema, rows: RowStream) -> bool:
    """A full part has another behind it, be it empty, for whoever wrote it could not know."""
    counted = _Counted(rows.take(ROWS_IN_PART))
    write_parquet(file, schema, grouped(counted, schema, ROWS_AT_ONCE, BYTES_IN_GROUP), PARQUET)
    return counted.rows < ROWS_IN_PART


def pieces_in(files: Sequence[Path], name: str) -> Iterator[bytes]:
    """Lines; of a page also what ends with `},` inside one, for a list may be one long line."""
    for file in files:
        with file.open("rb") as lines:
            for line in lines:
                yield from _pieces(line) if name.startswith(f"{PAGES}/") else (line,)


def _pieces(line: bytes) -> Iterator[bytes]:
    start = 0
    while (end := line.find(b"},", start)) >= 0:
        yield line[start : end + 2]
        start = end + 2
    if start < len(line):
        yield line[start:]


class _Counted:
    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.rows = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch
