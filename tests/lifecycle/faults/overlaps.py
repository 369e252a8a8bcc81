"""Two operations on scopes that overlap, their steps taken in turn by a seed, and what must hold at their end."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from freehold.domain.experiments.service import change_experiment
from freehold.domain.retention.rules import DAY, Policy
from freehold.domain.retention.service import set_policy
from freehold.domain.runs import service as runs
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.policies import carry_out
from freehold.lifecycle.purge import request_purge
from freehold.operations.model import Operation, State
from freehold.operations.runner import Runner, StepFault
from freehold.operations.workflows import ATTEMPTS
from freehold.records.catalogue import metadata
from freehold.records.experiments import Experiment
from freehold.records.lifecycle import Certificate
from freehold.records.rules import Scope
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import traces
from tests.lifecycle.faults.work import ask_export, ask_import, open_whole
from tests.sent_bags import as_sent

MOST_STEPS, LATEST = 400, 12


@dataclass
class Pair:
    """A site with an experiment `inner` that holds the run `run_id`, and another run that nobody touches."""

    folder: Path
    gone: list[str] = field(default_factory=list)
    stands: bool = True

    def __post_init__(self) -> None:
        self.site = open_whole(self.folder)
        site = self.site
        site.run(site.experiment(), points=500)
        self.kept = site.canaries.copy()
        site.canaries.clear()
        self.inner = site.experiment()
        self.of_inner = site.canaries.copy()
        site.canaries.clear()
        self.run_id = site.run(self.inner, points=500)
        self.of_run = [*site.canaries, self.run_id]

    def export_workspace(self) -> Operation:
        return ask_export(self.site, Scope.WORKSPACE, None)

    def export_run(self) -> Operation:
        return ask_export(self.site, Scope.RUN, self.run_id)

    def bring_in(self) -> Operation:
        return ask_import(self.site, True)

    def erase_run(self) -> Operation:
        self.gone += self.of_run
        return self.site.request(Scope.RUN, self.run_id)

    def erase_experiment(self) -> Operation:
        self.gone += [*self.of_inner, *self.of_run]
        return self.site.request(Scope.EXPERIMENT, self.inner.experiment_id)

    def erase_workspace(self) -> Operation:
        """Everything goes, and nothing of this workspace can be asked for any more."""
        self.gone += [*self.kept, *self.of_inner, *self.of_run]
        self.kept, self.stands = [], False
        return self.site.request(Scope.WORKSPACE, None)

    def purge_run(self) -> Operation:
        """As MLflow's delete and `freehold purge` do it."""
        site = self.site

        def purge(db: Transaction) -> Operation:
            runs.delete_run(db, site.workspace, self.run_id)
            return request_purge(db, site.engine, site.actor, site.workspace)

        self.gone += self.of_run
        return site.database.write_now(purge)

    def purge_experiment(self) -> Operation:
        site = self.site

        def purge(db: Transaction) -> Operation:
            self._set_aside_experiment(db)
            return request_purge(db, site.engine, site.actor, site.workspace)

        self.gone += [*self.of_inner, *self.of_run]
        return site.database.write_now(purge)

    def retain_run(self) -> Operation:
        """As the server's sweeper does it: what was set aside before the workspace's restore window."""
        self.set_aside_long_ago()
        self.gone += self.of_run
        return self._begun()

    def retain_experiment(self) -> Operation:
        self.site.database.write_now(lambda db: self._age(db, self._set_aside_experiment(db)))
        self.gone += [*self.of_inner, *self.of_run]
        return self._begun()

    def set_aside_long_ago(self) -> None:
        """The run, and a policy whose restore window is over for it."""

        def set_aside(db: Transaction) -> None:
            runs.delete_run(db, self.site.workspace, self.run_id)
            self._age(db, sa.update(Run.table).where(Run.c.run_id == self.run_id))

        self.site.database.write_now(set_aside)

    def _set_aside_experiment(self, db: Transaction) -> sa.Update:
        change_experiment(db, self.site.workspace, self.inner, deleted=True)
        return sa.update(Experiment.table).where(Experiment.c.experiment_id == self.inner.experiment_id)

    def _age(self, db: Transaction, set_aside: sa.Update) -> None:
        set_policy(db, self.site.actor, self.site.workspace, Policy(restore_days=30))
        db.execute(set_aside.values(deleted_at=db.now() - 31 * DAY))

    def _begun(self) -> Operation:
        begun = self.look()
        assert begun is not None, "nothing was due"
        return begun

    def look(self, database: Any = None) -> Operation | None:
        site = self.site
        return carry_out(database or site.database, site.engine, site.workspace.workspace_id, 3_650)

    def take_turns(self, seed: int, first: Callable[[], Operation], second: Callable[[], Operation]) -> list[Operation]:
        """Ask for `first`, take some of its steps, ask for `second`, then the steps of both as the seed has it."""
        chance, site, runner = random.Random(seed), self.site, self._runner()
        asked = [first().operation_id]
        for _ in range(chance.randrange(LATEST)):
            _step(runner, asked[0])
        asked.append(second().operation_id)
        going, faults = asked.copy(), Counter[str]()
        for _ in range(MOST_STEPS):
            if not going:
                break
            now = chance.choice(going)
            try:
                is_going = _step(runner, now)
            except StepFault as fault:
                faults[now] += 1
                is_going = faults[now] < ATTEMPTS
                if not is_going:
                    runner.give_up(now, fault.code)
            if not is_going:
                going.remove(now)
        return [site.operation(each) for each in asked]

    def step_until(self, operation: Operation, step: str) -> None:
        """Take its steps until this one is next."""
        runner = self._runner()
        while self.site.operation(operation.operation_id).step != step:
            assert _step(runner, operation.operation_id), f"it ended before {step!r}"

    def check(self, ended: list[Operation]) -> None:
        """Both have ended clearly; what was to go is gone, all else is there; no lease and no file without a row."""
        site = self.site
        assert all(each.is_ended for each in ended)
        for each in ended:
            self._check_told(each)
        for table in ("export_leases", "object_ledger"):
            assert self._rows(table) == 0, table
        assert traces(site.folder, self.gone) == {}
        assert set(traces(site.folder, self.kept)) == set(self.kept)
        ready = {each.operation_id for each in ended if each.kind == "export" and each.state is State.SUCCEEDED}
        bags = {path.name for path in (site.folder / "exports").glob("*")}
        assert bags <= ready
        assert not list((site.folder / "spools").glob("*"))
        if self.stands:
            self._check_export()

    def _check_export(self) -> None:
        """The workspace leaves whole again."""
        site = self.site
        again = site.work_off(self.export_workspace())
        assert again.state is State.SUCCEEDED
        assert verify_bag(as_sent(site.folder / "exports" / again.operation_id)).faults == []

    def _check_told(self, ended: Operation) -> None:
        number = self.site.database.read_now(lambda db: self.certificates(db, ended))
        assert number == int(ended.state is State.SUCCEEDED and ended.kind != "import")
        if ended.kind == "erase":
            assert ended.state is State.SUCCEEDED, ended.error_code
            assert ended.result is not None
            assert ended.result["level"] == "verified"
        if ended.state is State.FAILED:
            assert ended.error_message
            assert "server's log" not in ended.error_message, ended.error_message

    def certificates(self, db: Transaction, ended: Operation) -> int:
        query = sa.select(sa.func.count()).where(Certificate.c.operation_id == ended.operation_id)
        return int(db.execute(query).scalar_one())

    def work_off_late(self, operation: Operation) -> Operation:
        """As if the patience with others were over."""
        with patch("freehold.lifecycle.erase.PATIENCE", 0):
            return self.work_off(operation)

    def work_off(self, operation: Operation) -> Operation:
        """To its end, weighed as the engine does it."""
        runner = self._runner()
        while _step(runner, operation.operation_id):
            pass
        return self.site.operation(operation.operation_id)

    def _runner(self) -> Runner:
        site = self.site
        return Runner(site.database, site.settings, site.engine.kinds, site.engine._stopping)

    def _rows(self, table: str) -> int:
        query = sa.select(sa.func.count()).select_from(metadata.tables[table])
        return int(self.site.database.read_now(lambda db: db.execute(query).scalar_one()))


def _step(runner: Runner, operation_id: str) -> bool:
    """One step, weighed as the engine does it."""
    with patch("freehold.operations.runner.SLICE_SECONDS", 0), patch("freehold.operations.runner.LONGEST_PAUSE", 0):
        return runner.run_slice(operation_id)
