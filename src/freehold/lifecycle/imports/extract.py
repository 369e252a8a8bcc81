"""Takes out of a verified archive what an import reads: tables first, then the objects that these name.

Files are written under names of ours. What the archive says of itself was checked before (bag/verify.py); what is read
here is checked against the tables again, for they decide what is kept.
"""

import errno
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from freehold.kit.digests import Sha256Meter
from freehold.kit.faults import passing
from freehold.lifecycle.bag.sources import Apart, Entry
from freehold.lifecycle.bag.split import split_entries
from freehold.lifecycle.bag.verify import Limits, verify_entries
from freehold.lifecycle.contents import COVERAGE_FORMAT, TREE_FORMAT
from freehold.lifecycle.imports.refusal import Refused, Unwhole
from freehold.lifecycle.tree import CONTAINER_ID, CONTAINERS
from freehold.records.catalogue import catalogue
from freehold.records.rules import Decoded, Scope

MOST_FILES = 2_000_000
LARGEST_COVERAGE = 1 << 24
MOST_CONTAINERS = 10_000
READ_FORMATS = (COVERAGE_FORMAT, TREE_FORMAT)
OWN = "increment"
"""What `coverage.json` of an increment has in it."""
DOCUMENTS = "data/rest/"
DERIVED = (DOCUMENTS, "data/README.md", "data/index.html", "data/open.sql", "data/ro-crate-metadata.json")
"""What the exporter makes of the tables: it is checked for wholeness, and made anew by the next export."""
COVERAGE = "data/coverage.json"
_TABLE = re.compile(r"data/tables/([a-z_]+)/part-([0-9]{5})\.parquet")
_CONTAINER = re.compile(rf"data/({CONTAINERS}/{CONTAINER_ID}=[0-9a-f-]{{36}}/)")
Tables = dict[str, list[Path]]
"""The files of each table, in order."""


class Taken(NamedTuple):
    """`tables`: by the folder below `data/` in which they lie, with a slash at its end. It is empty for `data/` itself,
    where a tree has only the table of its containers."""

    scope: Scope
    is_tree: bool
    tables: dict[str, Tables]


class Wanted:
    """An object that the tables name: its file's number, the bytes and the digest that it must have."""

    __slots__ = ("number", "sha256", "size")

    def __init__(self, number: int, size: int, sha256: str) -> None:
        self.number = number
        self.size = size
        self.sha256 = sha256


def verify(bag: Path, largest: int, scratch: Path) -> None:
    """Raises Refused with what does not hold."""
    limits = Limits(files=MOST_FILES, size=largest, file_size=largest, tag_file_size=largest)
    report = verify_entries(split_entries(bag), bag.name, limits=limits, scratch=scratch)
    if not report.ok:
        raise Unwhole(report.faults, report.fault_count)


def take_tables(bag: Path, to: Path) -> Taken:
    """What the bag says that it is, and its tables, under names of ours. Raises Refused."""
    tables: dict[str, dict[str, list[tuple[int, Path]]]] = {"": {}}
    numbers = {"": 0}
    said: tuple[Scope, bool] | None = None
    known = _known_tables()
    for entry in _payload(bag):
        folder, path = _place_of(entry.path)
        found = _TABLE.fullmatch(path)
        if found:
            if found[1] not in known:
                raise Refused("BagUnknownTable", "It has a table that this version does not know.", found[1])
            number = numbers.setdefault(folder, len(numbers))
            if number > MOST_CONTAINERS:
                raise Refused("BagTooLarge", f"It has more than {MOST_CONTAINERS} containers.")
            file = to / f"{number}-{found[1]}-{found[2]}.parquet"
            _write(entry, file)
            tables.setdefault(folder, {}).setdefault(found[1], []).append((int(found[2]), file))
        elif entry.path == COVERAGE:
            said = _said(entry)
    if said is None:
        raise Refused("BagUnknown", "This is no bag of Freehold: it has no data/coverage.json.")
    whole = {at: {name: _in_order(name, parts) for name, parts in mine.items()} for at, mine in tables.items()}
    return Taken(*said, whole)


def _known_tables() -> set[str]:
    """What a table of any bag can be called: no other name becomes that of a file."""
    rules = {name: record.rules.export for name, record in catalogue().items()}
    return {CONTAINERS, *rules, *(export.into for export in rules.values() if isinstance(export, Decoded))}


def _place_of(path: str) -> tuple[str, str]:
    """(folder of the container that the file is of, its path as a bag of that container alone would have it)."""
    found = _CONTAINER.match(path)
    return (found[1], f"data/{path[found.end() :]}") if found else ("", path)


def take_objects(bag: Path, wanted: Mapping[str, Wanted], folders: Collection[str], to: Path) -> None:
    """Every file that a table names, once for each object. Raises Refused for one that none names, and for one that
    is in none of the `folders` of containers."""
    missing = {each.number for each in wanted.values()}
    for entry in _payload(bag):
        if _is_read_or_made(entry.path, folders):
            continue
        want = wanted.get(entry.path)
        if want is None:
            raise Refused("BagUnknownFile", "It holds a file that no table names.", entry.path)
        if want.number in missing:
            digest = _write(entry, to / str(want.number))
            missing.discard(want.number)
        else:
            digest = _digest(entry)
        if digest != (want.size, want.sha256):
            raise Refused("BagWrongObject", "A file has other bytes than its table says.", entry.path)
    if missing:
        raise Refused("BagMissingObject", f"{len(missing)} objects that its tables name are not in it.")


def _is_read_or_made(path: str, folders: Collection[str]) -> bool:
    """Not a file that a person named: tables were read already, the rest is made anew by the next export."""
    folder, within = _place_of(path)
    if folder and folder not in folders:
        return False
    made = (DOCUMENTS,) if folder else (*DERIVED, COVERAGE)
    return bool(_TABLE.fullmatch(within)) or within.startswith(made)


def _payload(bag: Path) -> Iterator[Entry]:
    for entry in split_entries(bag):
        if not isinstance(entry, Entry):
            raise Refused("BagBroken", "The bag changed while it was read.")
        if entry.path.startswith("data/"):
            yield entry


def _said(entry: Entry) -> tuple[Scope, bool]:
    """The scope that the bag says it is of, and whether it is a tree."""
    document = _coverage(entry)
    version, scope = document["format_version"], document["scope"]
    if OWN in document:
        message = "It is an increment: only what changed since another bag. Put both together first: freehold combine."
        raise Refused("BagIsIncrement", message)
    if version not in READ_FORMATS:
        read = ", ".join(map(str, READ_FORMATS))
        message = f"This server reads bags of format {read}; this one has another, perhaps of a newer Freehold."
        raise Refused("BagOfAnotherVersion", message)
    is_tree = version == TREE_FORMAT
    if scope not in list(Scope) or (is_tree and scope != Scope.WORKSPACE):
        raise Refused("BagUnknown", "It is of a scope that this version does not know.")
    return Scope(scope), is_tree


def _coverage(entry: Entry) -> dict[str, Any]:
    if entry.size > LARGEST_COVERAGE:
        raise Refused("BagTooLarge", "Its coverage.json is too long.")
    try:
        document = msgspec.json.decode(b"".join(entry.pieces), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Refused("BagUnknown", "Its coverage.json is not one of Freehold's.") from fault
    if not {"format_version", "scope"} <= document.keys():
        raise Refused("BagUnknown", "Its coverage.json is not one of Freehold's.")
    return document


def _in_order(name: str, parts: list[tuple[int, Path]]) -> list[Path]:
    parts.sort()
    if [number for number, _ in parts] != list(range(len(parts))):
        raise Refused("BagMissingPart", "The parts of a table are not numbered one after the other.", name)
    return [path for _, path in parts]


def _write(entry: Entry, to: Path) -> tuple[int, str]:
    if entry.apart is not None and _linked(entry.apart, to):
        passing("import:entry:linked")
        return entry.apart.size, entry.apart.sha256
    meter = Sha256Meter()
    with to.open("wb") as file:
        for piece in entry.pieces:
            meter.feed(piece)
            file.write(piece)
    passing("import:entry:written")
    return meter.size, meter.hexdigest


def _linked(apart: Apart, to: Path) -> bool:
    """A second name, so that a read that is killed finds it again. Not every disk has those: then it is copied."""
    try:
        os.link(apart.file, to)
    except OSError as fault:
        if fault.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        return False
    return True


def _digest(entry: Entry) -> tuple[int, str]:
    if entry.apart is not None:
        return entry.apart.size, entry.apart.sha256
    meter = Sha256Meter()
    for piece in entry.pieces:
        meter.feed(piece)
    return meter.size, meter.hexdigest
