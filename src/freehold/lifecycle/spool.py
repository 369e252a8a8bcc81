"""Where an export under way keeps its state: files only, so that a child process that may not write the
database can be killed anywhere and go on at its last finished part.

`exports/<operation>` is the bag; `spools/<operation>` the journal and what the snapshot could not put into the
bag at once. An erasure that touches either removes both folders; the export then finds nothing and stops.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from freehold.kit.faults import passing
from freehold.kit.problems import Superseded
from freehold.lifecycle.bag.writer import Part
from freehold.lifecycle.selection import Target
from freehold.lifecycle.tree import TreeContainer
from freehold.records.rules import Scope

FORMAT = 1
SENT = "sent"
REFERENCES = "references"
"""What the child tells before it writes anything: what the bag will name (references.py)."""


class ExportJob(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is told. `keys` is the public JWK Set that the certificate will be checked with.

    `tree`: the containers that must stand at the snapshot, the root first; empty where nothing below it is asked for.
    """

    operation_id: str
    scope: Scope
    workspace_id: int
    root_row: int
    version: str
    keys: dict[str, Any]
    tree: tuple[TreeContainer, ...] = ()
    since: str = ""
    """Of an increment: the operation whose kept bag is its base, or SENT where the base's index was sent."""
    dry_run: bool = False
    """Only count what an increment would bring."""

    @property
    def chosen(self) -> Target:
        return Target(self.scope, self.workspace_id, (self.root_row,))


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished piece of work: `stage` and `number` say which, `parts` which files of the bag it made."""

    stage: str
    number: int
    parts: list[Part]
    facts: dict[str, Any]


class Spool:
    """The two folders of one export."""

    def __init__(self, data_folder: Path, operation_id: str) -> None:
        self.bag = data_folder / "exports" / operation_id
        self.folder = data_folder / "spools" / operation_id
        self.base = self.folder.with_name(f"{operation_id}.base")
        """The index of the base that an increment was asked for with; beside the folder, which may begin anew."""
        self._journal = self.folder / "journal.jsonl"

    def whole(self) -> "Spool":
        """Of an increment: where the bag is made that an export without a base would have been."""
        inner = Spool(self.folder, "whole")
        inner.bag, inner.folder = self.folder / "whole", self.folder / "of-whole"
        inner._journal = inner.folder / "journal.jsonl"
        return inner

    def open(self) -> list[Entry]:
        """Makes the folders at the first time; returns what earlier tries finished, without their parts."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        passing("export:spool:made")
        self._drop_torn_line()
        return [Entry(entry.stage, entry.number, [], entry.facts) for entry in self.entries()]

    def restart(self) -> None:
        """Nothing was finished: the next snapshot begins with empty folders."""
        self._remove()
        passing("export:spool:dropped")
        self.folder.mkdir(parents=True, mode=0o700)

    def record(self, entry: Entry) -> None:
        """Durable when it returns. Raises Conflict when an erasure has removed the folders."""
        line = {
            "format": FORMAT,
            "stage": entry.stage,
            "number": entry.number,
            "parts": [[part.path, part.sha256, part.size, part.place] for part in entry.parts],
            "facts": entry.facts,
        }
        self.check()
        with self._journal.open("ab") as journal:
            journal.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            journal.flush()
            passing("export:journal:written")
            os.fsync(journal.fileno())
        passing("export:journal:synced")

    def entries(self) -> Iterator[Entry]:
        if not self._journal.exists():
            return
        with self._journal.open("rb") as journal:
            for line in journal:
                item = json.loads(line)
                parts = [Part(*part) for part in item["parts"]]
                yield Entry(item["stage"], item["number"], parts, item["facts"])

    def parts(self) -> Iterator[Part]:
        """Every finished file of the bag."""
        for entry in self.entries():
            yield from entry.parts

    def check(self) -> None:
        if not self.folder.exists() or not self.bag.exists():
            raise superseded()

    def close(self) -> None:
        """The bag is finished: what served to make it goes."""
        passing("export:spool:closing")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.base.unlink(missing_ok=True)
        passing("export:spool:closed")

    def close_if_left(self) -> None:
        """A death between the last commit and `close` leaves it."""
        if self.folder.exists() or self.base.exists():
            self.close()

    def drop(self) -> None:
        """Removes bag and spool. Harmless when they are gone."""
        self._remove()
        self.base.unlink(missing_ok=True)

    def _remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.bag, ignore_errors=True)

    def _drop_torn_line(self) -> None:
        """A line without an end was never finished; a line behind it would not be read."""
        if not self._journal.exists():
            return
        with self._journal.open("r+b") as journal:
            whole = sum(len(line) for line in journal if line.endswith(b"\n"))
            journal.truncate(whole)


def superseded() -> Superseded:
    message = "Something that this export held was erased or replaced while it was written. Ask for a new export."
    return Superseded("ExportSuperseded", message)
