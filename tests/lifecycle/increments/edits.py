"""Changes of content between two bags, and the bags."""

import random
from pathlib import Path

import sqlalchemy as sa

from freehold.api.azure2020.documents import WRITERS
from freehold.domain.metrics.service import log_metrics
from freehold.domain.runs import service as runs
from freehold.lifecycle.export_task import write_bag
from freehold.lifecycle.increments.task import write_increment
from freehold.lifecycle.spool import Spool
from freehold.records.artifacts import Artifact
from freehold.records.experiments import Experiment
from freehold.records.rules import Scope
from freehold.records.runs import Run, RunTag
from freehold.storage.metrics import Point
from tests.conftest import House
from tests.lifecycle.export.content import LocalBench, add_experiment, add_file, add_run, job_of
from tests.sent_bags import as_sent


def full(house: House, operation_id: str, scope: str = "workspace", root_row: int = 1) -> Path:
    write_bag(LocalBench(house), job_of(house, operation_id, Scope(scope), root_row), WRITERS)
    return as_sent(Spool(house.settings.data_folder, operation_id).bag)


def increment(house: House, operation_id: str, since: str, scope: str = "workspace", root_row: int = 1) -> Path:
    job = job_of(house, operation_id, Scope(scope), root_row) | {"since": since}
    write_increment(LocalBench(house), job, WRITERS)
    return as_sent(Spool(house.settings.data_folder, operation_id).bag)


class Edits:
    """Seeded edits of one workspace through its domain; removals as an erasure leaves the tables."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house, self._chance = house, chance
        self._count = 0

    def some(self, count: int) -> None:
        kinds = (
            self._add_run,
            self._log,
            self._tag,
            self._untag,
            self._add_file,
            self._drop_file,
            self._hide,
            self._show,
        )
        for _ in range(count):
            self._count += 1
            self._chance.choice(kinds)()

    def erase_run(self, run_id: str) -> None:
        """Hidden, as it is from the moment when its erasure is asked for, and referred to by nothing, as exports wait
        for."""
        row = sa.select(Run.c.row_id).where(Run.c.run_id == run_id).scalar_subquery()
        let_go = sa.update(Run.table).where(Run.c.parent_row == row).values(parent_row=None)
        hide = sa.update(Run.table).where(Run.c.run_id == run_id).values(hidden_at=1)
        for change in (let_go, hide):
            self._house.database.write_now(lambda db, change=change: db.execute(change).rowcount)  # type: ignore[misc]  # binds the loop's value

    def _add_run(self) -> None:
        experiment = add_experiment(self._house, f"experiment {self._count}")
        add_run(self._house, experiment, f"run {self._count}", points=20 * self._chance.randrange(3))

    def _log(self) -> None:
        keys = self._chance.sample(["loss", "acc", "rare"], 2)
        log = [
            Point(key, step, step, self._chance.random())
            for step in range(self._chance.randrange(1, 30))
            for key in keys
        ]
        run = self._run()  # before the write: it may itself have to write
        self._house.database.write_now(lambda db: log_metrics(db, self._house.workspace, run, log))

    def _tag(self) -> None:
        tags = {self._chance.choice(["note", "other"]): str(self._chance.randrange(5))}
        run = self._run()
        self._house.database.write_now(
            lambda db: runs.set_tags(db, self._house.alice, self._house.workspace, run, tags)
        )

    def _untag(self) -> None:
        self._remove(RunTag)

    def _add_file(self) -> None:
        content = self._chance.randbytes(self._chance.randrange(3_000))
        add_file(self._house, self._run(), self._chance.choice(["a", "A", "deep/b", f"new {self._count}"]), content)

    def _drop_file(self) -> None:
        self._remove(Artifact)

    def _hide(self) -> None:
        self.erase_run(self._run())

    def _show(self) -> None:
        """What comes again stands at its old place."""
        show = sa.update(Run.table).values(hidden_at=None)
        self._house.database.write_now(lambda db: db.execute(show).rowcount)

    def _remove(self, record: type[RunTag] | type[Artifact]) -> None:
        rows = self._house.database.read_now(lambda db: list(db.execute(sa.select(record.c.row_id)).scalars()))
        if rows:
            gone = sa.delete(record.table).where(record.c.row_id == self._chance.choice(rows))
            self._house.database.write_now(lambda db: db.execute(gone).rowcount)

    def _run(self) -> str:
        """One that is not hidden."""
        standing = sa.select(Run.c.run_id).join(Experiment.table, Experiment.c.row_id == Run.c.experiment_row)
        standing = standing.where(Run.c.hidden_at.is_(None)).order_by(Run.c.row_id)
        found = self._house.database.read_now(lambda db: list(db.execute(standing).scalars()))
        if not found:
            self._show()
            return self._run()
        chosen: str = self._chance.choice(found)
        return chosen
