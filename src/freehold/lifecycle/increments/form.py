"""What an increment says of itself, for whoever puts it together with its base: `data/increment/`.

`kept.parquet` and `tombstones.parquet` (of rows and files) name places in the base, not ids: the base has the ids, and
a server that has erased one does not hold it again.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from freehold.kit.problems import Invalid
from freehold.lifecycle.bag.writer import BagWriter, Seal
from freehold.lifecycle.increments.index import Head, bag_info
from freehold.lifecycle.increments.layout import FILES, OWN, TABLES
from freehold.lifecycle.increments.matching import Delta
from freehold.lifecycle.increments.rows import pairs, triples
from freehold.lifecycle.row_groups import batches_in
from freehold.lifecycle.tables import batches_of, write_parquet

FORMAT = 1
KEPT = pa.schema([("sequence", pa.string()), ("at", pa.int64()), ("first", pa.int64()), ("count", pa.int64())])
TOMBSTONES = pa.schema([("sequence", pa.string()), ("first", pa.int64()), ("count", pa.int64())])
ABOUT = f"data/{OWN}/increment.json"
KEPT_FILE, TOMBSTONES_FILE = f"data/{OWN}/kept.parquet", f"data/{OWN}/tombstones.parquet"
INFO = f"data/{OWN}/bag-info.txt"


class Base(msgspec.Struct, frozen=True):
    """The bag that an increment begins at, by the digests of its two manifests, and the time of its snapshot."""

    manifest_sha256: str
    tag_manifest_sha256: str
    snapshot: str

    @classmethod
    def of(cls, head: Head) -> "Base":
        return cls(head.manifest_sha256, head.tag_manifest_sha256, head.snapshot)


class Combined(msgspec.Struct, frozen=True):
    """The bag that base and increment make together: that of an export at the same moment without a base."""

    manifest_sha256: str
    tag_manifest_sha256: str
    files: int
    size: int

    @classmethod
    def of(cls, seal: Seal) -> "Combined":
        return cls(seal.manifest_sha256, seal.tag_manifest_sha256, seal.files, seal.size)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """`sequences`: those of the combined bag, in the order of its manifest. `parquet`: what wrote its tables."""

    format: int
    base: Base
    combined: Combined
    sequences: list[str]
    parquet: str


def write_form(writer: BagWriter, about: About, deltas: Mapping[str, Delta], whole: Path) -> None:
    """Adds the files of `data/increment/`; the caller settles them."""
    with writer.open_part(KEPT_FILE) as file:
        rows = ((name, *each) for name, delta in deltas.items() for each in triples(delta.kept))
        write_parquet(file, KEPT, batches_of(rows, KEPT))
    with writer.open_part(TOMBSTONES_FILE) as file:
        named = ((name, delta) for name, delta in deltas.items() if name == FILES or name.startswith(f"{TABLES}/"))
        gone = ((name, *each) for name, delta in named for each in pairs(delta.gone))
        write_parquet(file, TOMBSTONES, batches_of(gone, TOMBSTONES))
    writer.write(ABOUT, [msgspec.json.format(msgspec.json.encode(about, order="sorted"), indent=2) + b"\n"])
    writer.write(INFO, [(whole / "bag-info.txt").read_bytes()])


def read_about(increment: Path) -> About:
    """Raises Invalid for what is no increment that this version can read."""
    try:
        about = msgspec.json.decode((increment / ABOUT).read_bytes(), type=About)
    except FileNotFoundError:
        message = "This bag is no increment: it has no base, and is whole as it is."
        raise Invalid("NotAnIncrement", message) from None
    except msgspec.DecodeError as fault:
        raise Invalid("InvalidIncrement", f"{ABOUT} of the increment cannot be read.") from fault
    if about.format != FORMAT:
        raise Invalid("InvalidIncrement", "The increment is of another version of Freehold. Use that to combine it.")
    return about


def read_kept(increment: Path) -> Iterator[tuple[str, Iterator[tuple[int, int, int]]]]:
    """(sequence, (at, first, count) …): each to be read before the next is asked for."""
    for name, group in groupby(_rows(increment / KEPT_FILE), key=lambda row: row[0]):
        yield str(name), ((at, first, count) for _, at, first, count in group)


def read_tombstones(increment: Path) -> Iterator["tuple[str, array[int]]"]:
    """(sequence, ranges of (first, count) in the base)."""
    for name, group in groupby(_rows(increment / TOMBSTONES_FILE), key=lambda row: row[0]):
        yield str(name), array("q", (number for _, first, count in group for number in (first, count)))


def info_of(increment: Path) -> dict[str, str]:
    """The lines of the combined bag's `bag-info.txt`, but for what is counted anew."""
    info = bag_info(increment / INFO)
    info.pop("Payload-Oxum", None)
    return info


def _rows(file: Path) -> Iterator[tuple[Any, ...]]:
    for batch in batches_in(file):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def sizes(rows: Iterable[Mapping[str, Any]]) -> int:
    return sum(int(row["size"]) for row in rows)
