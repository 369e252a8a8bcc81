"""A workspace with runs of any age, the policy that somebody set, and a server's looks at it, by a clock we set."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from freehold.domain.clock.rules import LOOK_EVERY
from freehold.domain.experiments.service import ExperimentView, change_experiment, create_experiment
from freehold.domain.models.service import NewModel, register_model
from freehold.domain.retention.rules import DAY, ExemptTag, Policy, Rule, Verdict
from freehold.domain.retention.service import PolicyView, set_policy
from freehold.domain.runs import service as runs
from freehold.lifecycle.erase import ERASE
from freehold.lifecycle.policies import Preview, carry_out, preview
from freehold.operations.engine import OperationEngine
from freehold.operations.model import Operation, State
from freehold.operations.queries import change, find
from freehold.operations.runner import Runner
from freehold.records.experiments import Experiment
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction
from tests.conftest import House

__all__ = ["DAY", "ExemptTag", "Place", "Policy", "Rule", "Verdict"]


@dataclass
class Place:
    house: House
    engine: OperationEngine = field(init=False)
    numbers: int = 0

    def __post_init__(self) -> None:
        self.engine = OperationEngine(self.house.database, self.house.settings)
        self.engine.register(ERASE.name, ERASE.steps, on_failure=ERASE.on_failure)

    def write(self, command: Any) -> Any:
        return self.house.database.write_now(command)

    def read(self, query: Any) -> Any:
        return self.house.database.read_now(query)

    @property
    def now(self) -> int:
        return self.house.clock.at

    def pass_days(self, days: float) -> None:
        """As a server sees it that looks twice a day."""
        end = self.now + round(days * DAY)
        while self.now < end:
            self.house.clock.at = min(end, self.now + DAY // 2)
            self.look()

    def experiment(self, name: str = "digits", **more: Any) -> ExperimentView:
        h = self.house
        made: ExperimentView = self.write(lambda db: create_experiment(db, h.alice, h.workspace, name, **more))
        return made

    def run(self, experiment: ExperimentView, *, status: str = "Completed", days_old: float = 0, **more: Any) -> str:
        h = self.house
        self.numbers += 1
        run_id = more.pop("run_id", f"run-{self.numbers:04}")
        given: dict[str, Any] = {"run_id": run_id, "status": status, **more}
        self.write(lambda db: runs.create_run(db, h.alice, h.workspace, experiment, **given))
        if days_old:
            self.set_column(Run, Run.c.run_id == run_id, created_at=self.now - round(days_old * DAY))
        return str(run_id)

    def set_column(self, record: Any, where: Any, **values: Any) -> None:
        self.write(lambda db: db.execute(record.table.update().where(where).values(values)) and None)

    def row_of(self, run_id: str) -> int:
        found = sa.select(Run.c.row_id).where(Run.c.run_id == run_id)
        return int(self.read(lambda db: db.execute(found).scalar_one()))

    def delete(self, *run_ids: str) -> None:
        for run_id in run_ids:
            self.write(lambda db, run_id=run_id: runs.delete_run(db, self.house.workspace, run_id))

    def restore(self, run_id: str) -> None:
        self.write(lambda db: runs.restore_run(db, self.house.workspace, run_id))

    def set_aside(self, experiment: ExperimentView) -> None:
        self.write(lambda db: change_experiment(db, self.house.workspace, experiment, deleted=True) and None)

    def archive(self, experiment: ExperimentView) -> None:
        self.write(lambda db: change_experiment(db, self.house.workspace, experiment, archived=True) and None)

    def register(self, run_id: str) -> None:
        """A model made of the run."""
        h = self.house
        new = NewModel("net", url="https://models.example.com/net", document={}, run_id=run_id)
        self.write(lambda db: register_model(db, h.alice, h.workspace, new) and None)

    def set_policy(self, policy: Policy, **more: Any) -> PolicyView:
        h = self.house
        made: PolicyView = self.write(lambda db: set_policy(db, h.alice, h.workspace, policy, **more))
        return made

    def preview(self, policy: Policy, *verdicts: Verdict, **more: Any) -> Preview:
        h = self.house
        wanted = verdicts or (Verdict.DUE,)
        found: Preview = self.read(lambda db: preview(db, h.alice, h.workspace, policy, verdicts=wanted, **more))
        return found

    def due(self, policy: Policy) -> list[str]:
        return sorted(each.root_id for each in self.preview(policy).page)

    def look(self) -> Operation | None:
        return carry_out(self.house.database, self.engine, self.house.workspace.workspace_id, 3_650)

    def look_later(self) -> Operation | None:
        """At the next time it looks."""
        self.house.clock.at += LOOK_EVERY
        return self.look()

    def work_off(self, operation: Operation | None) -> Operation:
        assert operation is not None, "nothing was begun"
        runner = Runner(self.house.database, self.house.settings, self.engine.kinds, self.engine._stopping)
        while runner.advance(operation.operation_id):
            pass
        return self.operation(operation.operation_id)

    def operation(self, operation_id: str) -> Operation:
        found: Operation | None = self.read(lambda db: find(db, operation_id))
        assert found is not None
        return found

    def end(self, operation: Operation | None, state: State = State.SUCCEEDED) -> None:
        """As if it had ended: where a test is not about what an erasure does."""
        assert operation is not None, "nothing was begun"
        self.write(lambda db: change(db, operation.operation_id, {"state": state, "ended_at": db.now()}))

    def standing(self) -> list[str]:
        """Ids of the runs that nothing has hidden, set aside or not."""

        def query(db: Transaction) -> list[str]:
            inside = Run.table.join(Experiment.table, Run.c.experiment_row == Experiment.c.row_id)
            found = sa.select(Run.c.run_id).select_from(inside)
            stands = (Run.c.hidden_at.is_(None), Experiment.c.hidden_at.is_(None))
            return sorted(db.execute(found.where(*stands)).scalars())

        return list(self.read(query))
