"""What a kept bag names beside what it covers is noted before it is written."""

from typing import Any

import pytest
import sqlalchemy as sa

from freehold.kit.problems import Away, Superseded
from freehold.lifecycle.export_task import write_bag
from freehold.lifecycle.references import REFERRING, note, referred
from freehold.lifecycle.selection import HIDDEN, Selection, Target
from freehold.records.catalogue import catalogue
from freehold.records.lifecycle import LEASED, WRITING, BagReference, KeptBag
from freehold.records.rules import LinkKind, Rows, Scope
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.lifecycle.export.content import LocalBench, add_experiment, add_run, job_of

OPERATION = "01a217e5-0000-7000-8000-00000000beef"


def row_of(house: House, run_id: str) -> int:
    table = catalogue()["runs"].table
    found = sa.select(table.c.row_id).where(table.c.run_id == run_id)
    return int(house.database.read_now(lambda db: db.execute(found).scalar_one()))


def family(house: House) -> list[int]:
    """Rows of a run, its child and that one's child."""
    experiment = add_experiment(house, "family")
    run_id, rows = None, []
    for name in ("old", "middle", "young"):
        run_id = add_run(house, experiment, name, points=0, parent_run_id=run_id)
        rows.append(row_of(house, run_id))
    return rows


def keep(house: House, state: str = LEASED) -> None:
    def add(db: Transaction) -> None:
        facts = {"parts": [], "size": 0, "snapshot_at": 0, "expires_at": 0, "state": state}
        db.execute(KeptBag.table.insert().values(facts | {"operation_id": OPERATION, "workspace_id": 1}))

    house.database.write_now(add)


def kept(house: House) -> tuple[str, list[int]]:
    """The state of the bag, and the runs that it names."""
    named = sa.select(BagReference.c.run_row).order_by(BagReference.c.run_row)
    state = sa.select(KeptBag.c.state)
    return house.database.read_now(lambda db: (db.execute(state).scalar_one(), list(db.execute(named).scalars())))


def test_all_that_is_referred_to_is_found_however_far_away(house: House) -> None:
    old, middle, young = family(house)
    found = house.database.read_now(lambda db: referred(db, Selection(Target(Scope.RUN, 1, (young,)))))
    assert found == {"runs": [old, middle]}


def test_a_bag_of_the_whole_workspace_names_nothing_beside_it(house: House) -> None:
    family(house)
    assert house.database.read_now(lambda db: referred(db, Selection(Target(Scope.WORKSPACE, 1, (1,))))) == {}


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.EXPERIMENT, Scope.WORKSPACE])
@pytest.mark.parametrize("hidden", [0, 1])
def test_an_export_waits_for_the_erasure_of_what_it_refers_to(house: House, scope: Scope, hidden: int) -> None:
    """The parent's id stands in tags of the child until the parent's row goes; of one further away, it may."""
    rows = family(house)
    root = {Scope.RUN: rows[2], Scope.EXPERIMENT: 1, Scope.WORKSPACE: 1}[scope]
    selection, table = Selection(Target(scope, 1, (root,))), catalogue()["runs"].table
    hide = table.update().where(table.c.row_id == rows[hidden]).values(hidden_at=1)
    house.database.write_now(lambda db: db.execute(hide))
    with pytest.raises(Away):
        house.database.read_now(lambda db: referred(db, selection))
    house.database.write_now(lambda db: db.execute(table.update().values(parent_row=None)))
    assert house.database.read_now(lambda db: referred(db, selection)) == {}


def test_the_child_tells_before_it_writes_and_again_when_it_goes_on(sqlite_house: House) -> None:
    """What its snapshot had: nothing refers to that any more when it goes on."""
    house = sqlite_house
    old, middle, young = family(house)

    class Dying(LocalBench):
        def report(self, progress: Any) -> None:
            super().report(progress)
            if "points" in progress:
                raise KeyboardInterrupt

    job, first = job_of(house, OPERATION, Scope.RUN, young), Dying(house)
    with pytest.raises(KeyboardInterrupt):
        write_bag(first, job)
    table = catalogue()["runs"].table
    house.database.write_now(lambda db: db.execute(table.update().values(parent_row=None)))
    again = LocalBench(house)
    write_bag(again, job)
    assert first.said[0] == again.said[0] == {"references": {"runs": [old, middle]}}


def test_what_a_later_try_notes_stands_in_place_of_what_the_first_one_did(house: House) -> None:
    old, middle, young = family(house)
    keep(house)
    for named in ([old, middle], [young]):
        house.database.write_now(lambda db, named=named: note(db, OPERATION, {"runs": named}))  # type: ignore[misc]  # binds the loop's value
        assert kept(house) == (WRITING, named)


@pytest.mark.parametrize("gone", ["hidden", "removed"])
def test_an_export_that_names_what_has_gone_meanwhile_stops(house: House, gone: str) -> None:
    old, middle, _ = family(house)
    keep(house)
    runs_table = catalogue()["runs"].table
    hide = runs_table.update().where(runs_table.c.row_id == old).values({HIDDEN: 1})
    if gone == "hidden":
        house.database.write_now(lambda db: db.execute(hide))
    named = [old if gone == "hidden" else 999_999, middle]
    with pytest.raises(Superseded):
        house.database.write_now(lambda db: note(db, OPERATION, {"runs": named}))
    assert kept(house) == (LEASED, [])


@pytest.mark.parametrize("state", ["withdrawn", "ready", ""])
def test_an_export_whose_bag_was_withdrawn_notes_nothing(house: House, state: str) -> None:
    if state:
        keep(house, state)
    with pytest.raises(Superseded):
        house.database.write_now(lambda db: note(db, OPERATION, {}))


def test_every_thing_that_a_bag_may_refer_to_can_be_noted() -> None:
    records = catalogue()
    referred_to = {
        link.to
        for record in records.values()
        if isinstance(record.rules.export, Rows)
        for link in record.links().values()
        if link.kind in REFERRING and HIDDEN in records[link.to].table.c
    }
    noted = {link.to for link in BagReference.links().values() if link.kind is LinkKind.COVERS}
    assert referred_to == noted
