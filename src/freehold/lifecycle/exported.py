"""What one container of an export has: its rows, its place in the bag, and what its snapshot found."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from freehold.lifecycle.bag.writer import BagWriter, PartMaker
from freehold.lifecycle.selection import Selection, Target
from freehold.lifecycle.snapshot import Facts, TableFacts
from freehold.lifecycle.spool import ExportJob
from freehold.lifecycle.tree import TreeContainer
from freehold.records.rules import Scope


@dataclass
class ExportedContainer:
    """`tree` is null in a bag of one container, which lies in `data/` itself. `lists`: its part of the spool."""

    chosen: Target
    tree: TreeContainer | None
    writer: PartMaker
    lists: Path
    facts: Facts = field(default_factory=Facts)

    def __post_init__(self) -> None:
        self.selection = Selection(self.chosen)

    @property
    def folder(self) -> str:
        """Below `data/`, with a slash at its end; empty for `data/` itself."""
        return "" if self.tree is None else f"{self.tree.folder}/"

    def stage(self, name: str) -> str:
        """What the journal calls a stage of this container."""
        return name if self.tree is None else f"{self.tree.container_id}:{name}"


def containers_of(job: ExportJob, spool: Path, writer: BagWriter) -> list[ExportedContainer]:
    """In the order of the job's tree. A tree of one is written as a container alone."""
    if len(job.tree) < 2:
        return [ExportedContainer(job.chosen, None, writer, spool)]
    return [
        ExportedContainer(
            Target(Scope.WORKSPACE, each.workspace_id, (each.workspace_id,)),
            each,
            writer.below(each.folder),
            spool / each.container_id,
        )
        for each in job.tree
    ]


def summed(all_facts: Iterable[Facts]) -> Facts:
    """Of all containers together; title and words are those of the first."""
    whole = Facts()
    tables: dict[str, TableFacts] = {}
    for number, facts in enumerate(all_facts):
        if number == 0:
            whole.title, whole.snapshot_at = facts.title, facts.snapshot_at
        whole.content_at = max(whole.content_at, facts.content_at)
        whole.points += facts.points
        for mine, sums in ((facts.packed, whole.packed), (facts.kept, whole.kept), (facts.rest, whole.rest)):
            for name, count in mine.items():
                sums[name] = sums.get(name, 0) + count
        for name, (files, size) in facts.objects.items():
            before = whole.objects.get(name, (0, 0))
            whole.objects[name] = (before[0] + files, before[1] + size)
        for table in facts.tables:
            rows = table.rows + (tables[table.name].rows if table.name in tables else 0)
            tables[table.name] = TableFacts(table.name, rows, table.columns, table.withheld_columns, table.meaning)
        whole.rest_withheld |= facts.rest_withheld
    whole.tables = [tables[name] for name in tables]
    return whole
