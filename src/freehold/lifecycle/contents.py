"""What a bag says of itself: `coverage.json`, the crate, the pages. Written last, when all is counted.

Nothing here depends on when or by which server the bag was written: equal content gives equal bytes.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
import pyarrow as pa

from freehold.kit.clock import to_iso
from freehold.lifecycle.bag.crate import Crate, Folder, RunAction, crate_pieces
from freehold.lifecycle.bag.pages import ContainerLine, FilesLine, Summary, TableLine, index_html, open_sql, readme
from freehold.lifecycle.bag.writer import BagWriter
from freehold.lifecycle.exported import ExportedContainer, summed
from freehold.lifecycle.listings import read_actions, read_homes
from freehold.lifecycle.parting import PARTED, parted_columns
from freehold.lifecycle.selection import Selection
from freehold.lifecycle.snapshot import Facts, TableFacts
from freehold.lifecycle.tables import batches_of, export_table, write_parquet
from freehold.lifecycle.tree import CONTAINER_ID, CONTAINERS
from freehold.records.catalogue import Record
from freehold.records.rules import Decoded

COVERAGE_FORMAT = 1
ROWS_IN_SNAPSHOT = "rows_in_snapshot"
CERTIFICATE = "the bag's certificate, under withheld"
TREE_FORMAT = 2
"""Of a bag that holds a tree of containers; one that holds a single container is as it always was."""
TREE = pa.schema([(name, pa.string()) for name in (CONTAINER_ID, "parent_id", "kind", "name", "arm_path", "folder")])
TREE_MEANING = "The containers of this bag, each behind the one that it stands in; the first is what was exported."
LICENSE = "Not stated here: the owners of the content decide."
POINTS_MEANING = "Every point of every metric: by run, then by metric, then in order of arrival. `at` is in UTC."

NOT_IN_REST = {"metrics": "their points and values stand in tables/, which a document would only spell out at length"}


def write_contents(writer: BagWriter, containers: Sequence[ExportedContainer], version: str) -> None:
    """Adds the files that describe the bag; the caller settles them. The root of a tree comes first."""
    selection, facts = containers[0].selection, summed(each.facts for each in containers)
    lines, tree = table_lines(selection, facts), _tree_lines(containers)
    summary = Summary(
        title=f"{selection.chosen.scope.value.capitalize()} {facts.title}",
        scope=selection.chosen.scope.value,
        snapshot=latest_time(facts),
        version=version,
        tables=lines,
        files=[FilesLine((name,), *facts.objects[name]) for name in folders_of_files(facts)],
        containers=tree,
    )
    if tree:
        with writer.open_part(f"data/tables/{CONTAINERS}/part-00000.parquet") as file:
            write_parquet(file, TREE, batches_of(tree, TREE))
    writer.write("data/README.md", [readme(summary)])
    writer.write("data/index.html", [index_html(summary)])
    writer.write("data/open.sql", [open_sql(summary)])
    writer.write("data/coverage.json", [tree_coverage(containers) if tree else coverage(selection, facts)])
    writer.write("data/ro-crate-metadata.json", crate_pieces(_crate(summary, containers)))


def folders_of_files(facts: Facts) -> list[str]:
    """Those that have any; of a bag without files the first, which holds none."""
    return [name for name, (files, _) in facts.objects.items() if files] or list(facts.objects)[:1]


def coverage(selection: Selection, facts: Facts) -> bytes:
    """For every record of the catalogue: rows in the snapshot, exported, withheld and why.

    How many rows of a table that leaves were left out depends on the server: that number is in the certificate, and
    how many were in the snapshot is not told of such a table.
    """
    document = {
        "format_version": COVERAGE_FORMAT,
        "scope": selection.chosen.scope.value,
        **_accounts(selection, facts),
        "withheld": _withheld(selection),
    }
    return _pretty(document)


def tree_coverage(containers: Sequence[ExportedContainer]) -> bytes:
    """The same of each container; what never leaves is told once."""
    root = containers[0].selection
    document = {
        "format_version": TREE_FORMAT,
        "scope": root.chosen.scope.value,
        "containers": {
            each.tree.container_id: _accounts(each.selection, each.facts)
            for each in containers
            if each.tree is not None
        },
        "withheld": _withheld(root),
    }
    return _pretty(document)


def _accounts(selection: Selection, facts: Facts) -> dict[str, object]:
    reasons = {str(record.table.name): selection.left_out(record) for record in selection.exported()}
    tables = (export_table(record, selection) for record in selection.exported())
    parted = {table.name: dict.fromkeys(parted_columns(table), PARTED) for table in tables}
    return {
        "tables": {
            table.name: _rows_of(table, reasons.get(table.name, ""))
            | {"columns_withheld": table.withheld_columns}
            | ({"columns_parted": parted[table.name]} if parted.get(table.name) else {})
            for table in facts.tables
        },
        "decoded": {record.table.name: _decoded(record, facts) for record in selection.decoded()},
        "objects": {f"{name}/": {"files": files, "bytes": size} for name, (files, size) in facts.objects.items()},
        "rest": {
            name: {"documents": count, "fields_withheld": facts.rest_withheld[name]}
            for name, count in facts.rest.items()
        },
        "rest_left_out": NOT_IN_REST if selection.decoded() else {},
    }


def _rows_of(table: TableFacts, because: str) -> dict[str, object]:
    """`because`: why some may stay. Then how many there were is not said here, for a bag of the same content elsewhere
    would say another number."""
    if not because:
        return {ROWS_IN_SNAPSHOT: table.rows, "rows_exported": table.rows}
    return {"rows_exported": table.rows, "rows_withheld_because": because, "rows_withheld_counted_in": CERTIFICATE}


def _withheld(selection: Selection) -> dict[str, str]:
    return {str(record.table.name): because for record, because in selection.withheld()}


def _pretty(document: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n"


def _tree_lines(containers: Sequence[ExportedContainer]) -> list[ContainerLine]:
    """None of a bag of one container."""
    tree = [each.tree for each in containers if each.tree is not None]
    return [ContainerLine(t.container_id, t.parent_id, t.kind, t.name, t.arm_path, t.folder) for t in tree]


def table_lines(selection: Selection, facts: Facts) -> list[TableLine]:
    lines = [TableLine(table.name, table.rows, table.meaning, tuple(table.columns)) for table in facts.tables]
    for name in sorted({_export(record).into for record in selection.decoded()}):
        lines.append(TableLine(name, facts.points, POINTS_MEANING, ("run_id", "key", "step", "at", "value")))
    return sorted(lines, key=lambda line: line.name)


def latest_time(facts: Facts) -> str:
    try:
        return to_iso(facts.content_at)
    except (ValueError, OverflowError, OSError):  # a client's own time that no calendar holds
        return to_iso(0)


def _decoded(record: type[Record], facts: Facts) -> dict[str, object]:
    """How many rows the points were packed in depends on their history: that number is in the certificate."""
    return {"into": _export(record).into, "points_exported": facts.points}


def _export(record: type[Record]) -> Decoded:
    export = record.rules.export
    assert isinstance(export, Decoded)
    return export


def _crate(summary: Summary, containers: Sequence[ExportedContainer]) -> Crate:
    def folders() -> Iterator[Folder]:
        if summary.containers:
            yield Folder(f"tables/{CONTAINERS}/", CONTAINERS, TREE_MEANING)
        for container in containers:
            yield from _folders(container)

    def runs() -> Iterator[RunAction]:
        for container in containers:
            home = "" if container.tree is None else f"{container.tree.container_id}-"
            yield from read_actions(container.lists, home, container.folder)

    held = "this tree of containers held" if summary.containers else f"this {summary.scope} held"
    description = f"Everything that {held}. Its tables, documents and files, with their digests."
    return Crate(summary.title, description, summary.snapshot, LICENSE, summary.version, folders, runs)


def _folders(container: ExportedContainer) -> Iterator[Folder]:
    at, facts = container.folder, container.facts
    for table in table_lines(container.selection, facts):
        yield Folder(f"{at}tables/{table.name}/", table.name, table.meaning)
    for name, documents in sorted(facts.rest.items()):
        if documents:
            yield Folder(f"{at}rest/{name}/", name, "Documents as the server's interfaces answer them, a line each.")
    for path in _distinct(home for _, home in read_homes(container.lists)):
        yield Folder(f"{at}{path}", path.rstrip("/").rsplit("/", 1)[-1], "Files under the names that people gave them.")


def _distinct(paths: Iterable[str]) -> Iterator[str]:
    """A folder that several runs share is told once. Memory: one digest-sized mark per folder."""
    seen: set[int] = set()
    for path in paths:
        if hash(path) not in seen:
            seen.add(hash(path))
            yield path
