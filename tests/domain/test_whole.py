"""What an export reads of a workspace comes in portions that are weighed before they are read."""

import sqlalchemy as sa

from freehold.domain.whole import service as whole
from freehold.domain.whole.queries import list_weighed
from freehold.lifecycle.selection import Selection, Target
from freehold.records.rules import Scope
from freehold.records.runs import Run, RunTag
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.lifecycle.export.content import add_experiment, add_run

MEBIBYTE = 1 << 20


def chosen(house: House) -> sa.ColumnElement[bool]:
    here = house.workspace.workspace_id
    return Selection(Target(Scope.WORKSPACE, here, (here,))).leaving(Run)


def portions(house: House) -> list[list[str]]:
    def read(db: Transaction) -> list[list[str]]:
        return [[run.name for run in page] for page in whole.runs(db, house.workspace, chosen(house))]

    return house.database.read_now(read)


def enlarge(house: House, name: str, letters: int) -> None:
    def write(db: Transaction) -> None:
        here = house.workspace.workspace_id
        row = db.execute(sa.select(Run.c.row_id).where(Run.c.workspace_id == here, Run.c.name == name)).scalar_one()
        for number in range(8):
            values = {"workspace_id": here, "run_row": row, "key": f"large {number}", "value": "x" * (letters // 8)}
            db.execute(RunTag.table.insert().values(values))

    house.database.write_now(write)


def test_small_runs_are_read_together(house: House) -> None:
    experiment = add_experiment(house, "small")
    names = [f"{number:02d}" for number in range(12)]
    for name in names:
        add_run(house, experiment, name, points=1)
    assert portions(house) == [names]


def test_large_runs_behind_small_ones_are_read_alone(house: House) -> None:
    experiment = add_experiment(house, "mixed")
    for name in "abcdefg":
        add_run(house, experiment, name, points=1)
    for name, letters in (("d", 3 * MEBIBYTE), ("e", 9 * MEBIBYTE), ("f", 9 * MEBIBYTE)):
        enlarge(house, name, letters)
    assert portions(house) == [["a", "b", "c", "d"], ["e"], ["f"], ["g"]]


def test_nothing_is_no_portion(house: House) -> None:
    assert portions(house) == []


def test_a_weight_counts_the_tags_of_a_run(house: House) -> None:
    add_run(house, add_experiment(house, "weighed"), "one", points=1)

    def weight(db: Transaction) -> int:
        [(_, found)] = list_weighed(db, house.workspace.workspace_id, Run, chosen(house), 0, 9)
        return found

    before = house.database.read_now(weight)
    enlarge(house, "one", 8_000)
    assert house.database.read_now(weight) - before == 8_000 + 8 * len("large 0")
