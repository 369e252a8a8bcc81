"""What an increment says to people and other tools: its pages, its crate, and an account of every row."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from freehold.lifecycle.bag.crate import Crate, Folder, RunAction, crate_pieces
from freehold.lifecycle.bag.pages import FilesLine, Summary, TableLine, index_html, open_sql, readme
from freehold.lifecycle.bag.writer import BagWriter
from freehold.lifecycle.contents import LICENSE, ROWS_IN_SNAPSHOT, folders_of_files, latest_time, table_lines
from freehold.lifecycle.increments.form import About
from freehold.lifecycle.increments.layout import FILES, OWN, PAGES, REST, TABLES, is_points
from freehold.lifecycle.increments.matching import Delta
from freehold.lifecycle.selection import Selection
from freehold.lifecycle.snapshot import Facts


class Share(NamedTuple):
    """The part of a snapshot that an increment brings. `size`: bytes of the files in it."""

    facts: Facts
    deltas: Mapping[str, Delta]
    sequences: list[str]
    size: int

    def exported(self) -> dict[str, int]:
        """Rows that it brings of each table, documents of each noun, and files.

        Only of what is there now: it is certified, and a base could call a sequence anything.
        """
        return {name: self.deltas[name].exported for name in self.sequences if not name.startswith(f"{PAGES}/")}

    def counts(self) -> dict[str, int]:
        """In the words of an export's counts."""
        words = {name: delta.exported for name, delta in self._tables() if not is_points(name)}
        counts = {name.removeprefix(f"{TABLES}/"): count for name, count in words.items()}
        counts["metric_points"] = sum(delta.exported for name, delta in self._tables() if is_points(name))
        counts["files"] = self.deltas[FILES].exported
        counts["unchanged_rows"] = sum(delta.unchanged for _, delta in self._tables())
        counts["gone_rows"] = sum(delta.went for _, delta in self._tables())
        counts["gone_files"] = self.deltas[FILES].went
        counts["file_bytes"] = self.size
        return counts

    def account(self, name: str) -> dict[str, int]:
        """rows_in_snapshot = rows_exported + rows_unchanged_in_base. `rows_gone` are of the base."""
        delta = self.deltas.get(name, Delta())
        return {
            "rows_in_snapshot": delta.unchanged + delta.exported,
            "rows_exported": delta.exported,
            "rows_unchanged_in_base": delta.unchanged,
            "rows_added": delta.added,
            "rows_changed_or_moved": delta.exported - delta.added,
            "rows_gone": delta.went,
        }

    def _tables(self) -> Iterator[tuple[str, Delta]]:
        return ((name, delta) for name, delta in self.deltas.items() if name.startswith(f"{TABLES}/"))


def write_contents(
    writer: BagWriter, selection: Selection, share: Share, about: About, whole: Path, version: str
) -> None:
    """Adds the files that describe the increment; the caller settles them. `whole`: the bag that it leads to."""
    lines = [_line(line, share) for line in table_lines(selection, share.facts)]
    summary = Summary(
        title=f"{selection.chosen.scope.value.capitalize()} {share.facts.title}",
        scope=selection.chosen.scope.value,
        snapshot=latest_time(share.facts),
        version=version,
        tables=lines,
        files=_files(share),
        since=about.base.snapshot,
    )
    writer.write("data/README.md", [readme(summary)])
    writer.write("data/index.html", [index_html(summary)])
    writer.write("data/open.sql", [open_sql(summary), _OWN_VIEWS])
    writer.write("data/coverage.json", [_coverage(share, about, whole)])
    writer.write("data/ro-crate-metadata.json", crate_pieces(_crate(summary)))


def _files(share: Share) -> list[FilesLine]:
    """What changed is counted for all folders together."""
    folders = tuple(folders_of_files(share.facts))
    return [FilesLine(folders, share.deltas[FILES].exported, share.size)] if folders else []


_OWN_VIEWS = "".join(
    # allow-star: because the tables of an increment hold nothing else
    f"CREATE OR REPLACE VIEW \"{OWN}_{name}\" AS SELECT * FROM read_parquet('{OWN}/{name}.parquet');\n"
    for name in ("kept", "tombstones")
).encode()


def _line(line: TableLine, share: Share) -> TableLine:
    delta = share.deltas.get(f"{TABLES}/{line.name}", Delta())
    return TableLine(line.name, delta.exported, line.meaning, line.columns)


def _coverage(share: Share, about: About, whole: Path) -> bytes:
    """As that of the whole bag, with the part of every count that is here and the part that the base has."""
    document: dict[str, Any] = msgspec.json.decode((whole / "data/coverage.json").read_bytes())
    for name, counts in document["tables"].items():
        account = share.account(f"{TABLES}/{name}")
        counts |= {word: count for word, count in account.items() if word != ROWS_IN_SNAPSHOT or word in counts}
    for counts in document["decoded"].values():
        account = share.account(f"{TABLES}/{counts['into']}")
        counts |= {name.replace("rows_", "points_"): count for name, count in account.items()}
    for name, counts in document["rest"].items():
        delta = share.deltas.get(f"{REST}/{name}", Delta())
        counts |= {"documents_exported": delta.exported, "documents_unchanged_in_base": delta.unchanged}
    files = share.deltas[FILES]
    document[OWN] = {
        "base": msgspec.to_builtins(about.base),
        "combined": msgspec.to_builtins(about.combined),
        "files": {
            "exported": files.exported,
            "exported_bytes": share.size,
            "unchanged_in_base": files.unchanged,
            "added": files.added,
            "changed": files.exported - files.added,
            "gone": files.went,
        },
    }
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n"


def _crate(summary: Summary) -> Crate:
    def folders() -> Iterator[Folder]:
        for table in summary.tables:
            yield Folder(f"tables/{table.name}/", table.name, table.meaning)
        yield Folder(f"{OWN}/", OWN, "How to put this increment and its base together: freehold combine.")

    def no_runs() -> Iterator[RunAction]:
        """They are described where they are whole: in the combined bag."""
        return iter(())

    description = f"What changed in this {summary.scope} since the bag of {summary.since}. Not whole without that bag."
    return Crate(summary.title, description, summary.snapshot, LICENSE, summary.version, folders, no_runs)
