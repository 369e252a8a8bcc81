"""Many keys go to the database as one parameter, and pick what each of them alone would."""

from typing import Any

import sqlalchemy as sa

from freehold.domain.experiments.service import create_experiment
from freehold.records.experiments import Experiment
from freehold.storage.portable import among
from freehold.storage.transaction import Transaction
from tests.conftest import House


def test_those_named_are_picked_and_no_others(house: House) -> None:
    rows = made(house, 6)
    assert picked(house, [*rows[1:3], rows[5], 10**12]) == [rows[1], rows[2], rows[5]]
    assert picked(house, []) == []
    assert picked(house, list(range(rows[0], rows[0] + 50_000))) == rows


def test_they_are_one_parameter(house: House) -> None:
    rows = made(house, 2)
    seen: list[Any] = []

    def note(_connection: object, _cursor: object, _statement: str, parameters: Any, *_: object) -> None:
        seen.append(parameters)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        picked(house, rows)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert [len(each) for each in seen] == [1]


def test_they_are_looked_up_by_the_key(sqlite_house: House) -> None:
    """A plan that reads the whole table took twenty times as long."""

    def explain(db: Transaction) -> str:
        wanted = sa.delete(Experiment.table).where(among(Experiment.c.row_id, [1, 2]))
        text = str(wanted.compile(db.connection, compile_kwargs={"literal_binds": True}))
        return " ".join(str(row) for row in db.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))

    plan = sqlite_house.database.read_now(explain)
    assert "SEARCH experiments USING INTEGER PRIMARY KEY" in plan


def made(house: House, number: int) -> list[int]:
    def make(db: Transaction) -> list[int]:
        for each in range(number):
            create_experiment(db, house.alice, house.workspace, f"experiment {each}")
        return list(db.execute(sa.select(Experiment.c.row_id).order_by(Experiment.c.row_id)).scalars())

    return house.database.write_now(make)


def picked(house: House, keys: list[int]) -> list[int]:
    def pick(db: Transaction) -> list[int]:
        wanted = sa.select(Experiment.c.row_id).where(among(Experiment.c.row_id, keys))
        return sorted(db.execute(wanted).scalars())

    return house.database.read_now(pick)
