"""A look at what is due: all is judged in a reader, and the writer is held for what was found alone."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.lifecycle.policies import carry_out
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction
from tests.lifecycle.retention.place import DAY, Place, Policy, Rule

STEPS = 100
"""Of SQLite's virtual machine, between two counts."""


class CountingDatabase:
    """Counts what the database does for writes."""

    def __init__(self, place: Place) -> None:
        self._database = place.house.database
        self.counts = 0

    def read_now(self, query: Callable[[Transaction], Any]) -> Any:
        return self._database.read_now(query)

    def write_now(self, command: Callable[[Transaction], Any]) -> Any:
        def counted(db: Transaction) -> Any:
            connection = db.connection.connection.driver_connection
            assert connection is not None
            connection.set_progress_handler(self._count, STEPS)
            try:
                return command(db)
            finally:
                connection.set_progress_handler(None, 0)

        return self._database.write_now(counted)

    def _count(self) -> int:
        self.counts += 1
        return 0


def fill(place: Place, experiment: int, number: int, days_old: float) -> None:
    """Copies of the first run."""

    def write(db: Transaction) -> None:
        first = dict(db.execute(sa.select(Run.table).limit(1)).mappings().one())
        del first["row_id"]
        start = db.execute(sa.select(sa.func.count()).select_from(Run.table)).scalar_one()
        age = round(days_old * DAY)
        rows = [
            first
            | {"run_id": f"r{n}", "data_container_id": f"d{n}", "run_number": n, "experiment_row": experiment}
            | {"created_at": place.now - age - n, "deleted_at": place.now - age if days_old == ASIDE else None}
            for n in range(start, start + number)
        ]
        db.execute(Run.table.insert(), rows)

    place.write(write)


ASIDE = 40
POLICIES = {
    "by age": Policy(rules=[Rule(older_than_days=90)]),
    "by place": Policy(rules=[Rule(keep_last=20)]),
    "by both": Policy(rules=[Rule(older_than_days=90, keep_last=20)]),
    "by window": Policy(restore_days=30),
}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_the_writer_is_held_no_longer_where_there_are_more_runs(sqlite_place: Place, policy: Policy) -> None:
    place = sqlite_place
    digits = place.experiment()
    place.run(digits)
    held: list[int] = []
    for more in (300, 6_000):
        for days_old in (1, ASIDE, 100):
            fill(place, digits.row_id, more, days_old)
        place.set_policy(policy)
        counting = CountingDatabase(place)
        begun = carry_out(counting, place.engine, place.house.workspace.workspace_id, 3_650)  # type: ignore[arg-type]  # has what a look needs
        place.end(begun)
        held.append(counting.counts)
    assert held[0] > 0
    assert held[1] < 1.5 * held[0], f"{held}: it grows with the number of runs"
