"""Takes out of a verified archive what an import reads: tables first, then the objects that these name.

Files are written under names of ours. What the archive says of itself was checked before (bag/verify.py); what is read
here is checked against the tables again, for they decide what is kept.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from freehold.kit.digests import Sha256Meter
from freehold.kit.faults import passing
from freehold.lifecycle.bag.sources import Entry, entries_of
from freehold.lifecycle.bag.verify import Limits, verify_bag
from freehold.lifecycle.contents import COVERAGE_FORMAT, TREE_FORMAT
from freehold.lifecycle.imports.refusal import Refused, Unwhole
from freehold.records.rules import Scope

MOST_FILES = 2_000_000
LARGEST_COVERAGE = 1 << 24
READ_FORMATS = (COVERAGE_FORMAT,)
OWN = "increment"
"""What `coverage.json` of an increment has in it."""
DERIVED = ("data/rest/", "data/README.md", "data/index.html", "data/open.sql", "data/ro-crate-metadata.json")
"""What the exporter makes of the tables: it is checked for wholeness, and made anew by the next export."""
COVERAGE = "data/coverage.json"
_TABLE = re.compile(r"data/tables/([a-z_]+)/part-([0-9]{5})\.parquet")


class Wanted:
    """An object that the tables name: its file's number, the bytes and the digest that it must have."""

    __slots__ = ("number", "sha256", "size")

    def __init__(self, number: int, size: int, sha256: str) -> None:
        self.number = number
        self.size = size
        self.sha256 = sha256


def verify(bag: Path, largest: int) -> None:
    """Raises Refused with what does not hold."""
    limits = Limits(files=MOST_FILES, size=largest, file_size=largest, tag_file_size=largest)
    try:
        report = verify_bag(bag, limits=limits)
    except (OSError, UnicodeError) as fault:
        raise Refused("BagBroken", "The bag cannot be read.") from fault
    if not report.ok:
        raise Unwhole(report.faults, report.fault_count)


def take_tables(bag: Path, to: Path) -> tuple[Scope, dict[str, list[Path]]]:
    """The scope that the bag says it is of; the files of each table, in order. Raises Refused."""
    tables: dict[str, list[tuple[int, Path]]] = {}
    scope: Scope | None = None
    for entry in _payload(bag):
        found = _TABLE.fullmatch(entry.path)
        if found:
            path = to / f"{found[1]}-{found[2]}.parquet"
            _write(entry, path)
            tables.setdefault(found[1], []).append((int(found[2]), path))
        elif entry.path == COVERAGE:
            scope = _scope_of(entry)
    if scope is None:
        raise Refused("BagUnknown", "This is no bag of Freehold: it has no data/coverage.json.")
    return scope, {name: _in_order(name, parts) for name, parts in tables.items()}


def take_objects(bag: Path, wanted: Mapping[str, Wanted], to: Path) -> None:
    """Every file that a table names, once for each object. Raises Refused for one that none names."""
    missing = {each.number for each in wanted.values()}
    for entry in _payload(bag):
        if _TABLE.fullmatch(entry.path) or entry.path == COVERAGE or entry.path.startswith(DERIVED):
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


def _payload(bag: Path) -> Iterator[Entry]:
    for entry in entries_of(bag):
        if not isinstance(entry, Entry):
            raise Refused("BagBroken", "The bag changed while it was read.")
        if entry.path.startswith("data/"):
            yield entry


def _scope_of(entry: Entry) -> Scope:
    if entry.size > LARGEST_COVERAGE:
        raise Refused("BagTooLarge", "Its coverage.json is too long.")
    try:
        document = msgspec.json.decode(b"".join(entry.pieces))
        version, scope = document["format_version"], document["scope"]
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as fault:
        raise Refused("BagUnknown", "Its coverage.json is not one of Freehold's.") from fault
    if OWN in document:
        message = "It is an increment: only what changed since another bag. Put both together first: freehold combine."
        raise Refused("BagIsIncrement", message)
    if version == TREE_FORMAT:
        message = (
            "It is a tree of containers, and an import fills one. Export each container of the tree by itself "
            "(freehold export workspace --alone), then import these bags one by one."
        )
        raise Refused("BagIsTree", message)
    if version not in READ_FORMATS:
        read = ", ".join(map(str, READ_FORMATS))
        message = f"This server reads bags of format {read}; this one has another, perhaps of a newer Freehold."
        raise Refused("BagOfAnotherVersion", message)
    try:
        return Scope(scope)
    except ValueError as fault:
        raise Refused("BagUnknown", "It is of a scope that this version does not know.") from fault


def _in_order(name: str, parts: list[tuple[int, Path]]) -> list[Path]:
    parts.sort()
    if [number for number, _ in parts] != list(range(len(parts))):
        raise Refused("BagMissingPart", "The parts of a table are not numbered one after the other.", name)
    return [path for _, path in parts]


def _write(entry: Entry, to: Path) -> tuple[int, str]:
    meter = Sha256Meter()
    with to.open("wb", buffering=0) as file:
        for piece in entry.pieces:
            meter.feed(piece)
            file.write(piece)
    passing("import:entry:written")
    return meter.size, meter.hexdigest


def _digest(entry: Entry) -> tuple[int, str]:
    meter = Sha256Meter()
    for piece in entry.pieces:
        meter.feed(piece)
    return meter.size, meter.hexdigest
