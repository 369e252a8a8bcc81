"""What a bag says of itself: `coverage.json`, the crate, the pages. Written last, when all is counted.

Nothing here depends on when or by which server the bag was written: equal content gives equal bytes.
"""

from collections.abc import Iterable, Iterator

import msgspec

from freehold.kit.clock import to_iso
from freehold.lifecycle.bag.crate import Crate, Folder, RunAction, crate_pieces
from freehold.lifecycle.bag.pages import Summary, TableLine, index_html, open_sql, readme
from freehold.lifecycle.bag.writer import BagWriter
from freehold.lifecycle.listings import read_actions, read_homes
from freehold.lifecycle.selection import Selection
from freehold.lifecycle.snapshot import Facts
from freehold.lifecycle.spool import Spool
from freehold.records.catalogue import Record
from freehold.records.rules import Decoded

COVERAGE_FORMAT = 1
LICENSE = "Not stated here: the owners of the content decide."
POINTS_MEANING = "Every point of every metric: by run, then by metric, then in order of arrival. `at` is in UTC."


def write_contents(writer: BagWriter, spool: Spool, selection: Selection, facts: Facts, version: str) -> None:
    """Adds the files that describe the bag; the caller settles them."""
    lines = table_lines(selection, facts)
    summary = Summary(
        title=f"{selection.chosen.scope.value.capitalize()} {facts.title}",
        scope=selection.chosen.scope.value,
        snapshot=latest_time(facts),
        version=version,
        tables=lines,
        artifacts=sum(files for files, _ in facts.objects.values()),
        artifact_bytes=sum(size for _, size in facts.objects.values()),
    )
    writer.write("data/README.md", [readme(summary)])
    writer.write("data/index.html", [index_html(summary)])
    writer.write("data/open.sql", [open_sql(lines)])
    writer.write("data/coverage.json", [coverage(selection, facts)])
    writer.write("data/ro-crate-metadata.json", crate_pieces(_crate(summary, spool, facts)))


def coverage(selection: Selection, facts: Facts) -> bytes:
    """For every record of the catalogue: rows in the snapshot, exported, withheld and why.

    How many rows of a table that leaves were left out depends on the server: that number is in the certificate.
    """
    reasons = {str(record.table.name): selection.left_out(record) for record in selection.exported()}
    document = {
        "format_version": COVERAGE_FORMAT,
        "scope": selection.chosen.scope.value,
        "tables": {
            table.name: {
                "rows_in_snapshot": table.rows,
                "rows_exported": table.rows,
                "columns_withheld": table.withheld_columns,
            }
            | ({"rows_withheld_because": reasons[table.name]} if reasons.get(table.name) else {})
            for table in facts.tables
        },
        "decoded": {record.table.name: _decoded(record, facts) for record in selection.decoded()},
        "withheld": {record.table.name: because for record, because in selection.withheld()},
        "objects": {f"{name}/": {"files": files, "bytes": size} for name, (files, size) in facts.objects.items()},
        "rest": {
            name: {"documents": count, "fields_withheld": facts.rest_withheld[name]}
            for name, count in facts.rest.items()
        },
    }
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n"


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


def _crate(summary: Summary, spool: Spool, facts: Facts) -> Crate:
    def folders() -> Iterator[Folder]:
        for table in summary.tables:
            yield Folder(f"tables/{table.name}/", table.name, table.meaning)
        for name, documents in sorted(facts.rest.items()):
            if documents:
                yield Folder(f"rest/{name}/", name, "Documents as the server's interfaces answer them, a line each.")
        for path in _distinct(home for _, home in read_homes(spool.folder)):
            yield Folder(path, path.rstrip("/").rsplit("/", 1)[-1], "Files under the names that people gave them.")

    def runs() -> Iterator[RunAction]:
        return read_actions(spool.folder)

    description = f"Everything that this {summary.scope} held. Its tables, documents and files, with their digests."
    return Crate(summary.title, description, summary.snapshot, LICENSE, summary.version, folders, runs)


def _distinct(paths: Iterable[str]) -> Iterator[str]:
    """A folder that several runs share is told once. Memory: one digest-sized mark per folder."""
    seen: set[int] = set()
    for path in paths:
        if hash(path) not in seen:
            seen.add(hash(path))
            yield path
