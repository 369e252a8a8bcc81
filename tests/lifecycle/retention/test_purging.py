"""Purge takes what is set aside in parts, the same that its plan shows, and nothing under a hold."""

from typing import Any

import pytest

from freehold.domain.access.actor import Actor
from freehold.domain.access.directory import service as directory
from freehold.domain.access.rules import CONTRIBUTOR
from freehold.domain.clock import service as clock
from freehold.domain.retention.due.queries import Found, lock_roots
from freehold.domain.runs.service import restore_run
from freehold.kit.problems import Conflict, Forbidden, PreconditionFailed
from freehold.lifecycle.holds import place as place_hold
from freehold.lifecycle.purge import PurgePlan, plan_purge, request_purge
from freehold.operations.model import Operation, State
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.lifecycle.retention.place import DAY, Place


def _plan(place: Place, before: int | None = None) -> PurgePlan:
    found: PurgePlan = place.read(lambda db: plan_purge(db, place.house.workspace, before))
    return found


def _purge(place: Place, actor: Actor | None = None, **more: Any) -> Operation:
    h = place.house
    made: Operation = place.write(lambda db: request_purge(db, place.engine, actor or h.alice, h.workspace, **more))
    return made


def test_a_purge_goes_part_by_part_to_the_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.lifecycle.purge.MOST_ROOTS", 2)
    digits, gone = place.experiment(), place.experiment("gone")
    kept, archived = place.run(digits), place.experiment("archived")
    inside = place.run(archived)
    place.archive(archived)
    place.delete(*(place.run(digits) for _ in range(3)))
    place.run(gone)
    place.set_aside(gone)
    numbers = []
    while (plan := _plan(place)).total:
        numbers.append(plan.total)
        operation = place.work_off(_purge(place, plan_digest=plan.plan.digest))
        assert (operation.state, operation.scope) == (State.SUCCEEDED, "purge")
    assert numbers == [4, 2]
    assert place.standing() == sorted([kept, inside])
    with pytest.raises(Conflict, match="Nothing is set aside"):
        _purge(place)


def test_a_purge_leaves_what_came_after_its_moment_and_what_is_held(place: Place) -> None:
    digits = place.experiment()
    first, held, later = (place.run(digits) for _ in range(3))
    h = place.house
    place.write(lambda db: place_hold(db, h.alice, h.workspace, Scope.RUN, held, "dispute"))
    place.delete(first, held)
    before = place.now
    place.house.clock.at += DAY
    place.delete(later)
    plan = _plan(place, before)
    assert (plan.total, plan.held) == (1, 1)
    _purge(place, before=before, plan_digest=plan.plan.digest)
    assert place.standing() == [held, later]


def test_a_purge_takes_what_was_set_aside_while_the_clock_was_ahead(place: Place) -> None:
    run = place.run(place.experiment())
    clock.look(place.house.database)
    place.house.clock.at += 400 * DAY
    clock.look(place.house.database)
    place.delete(run)
    place.house.clock.at -= 400 * DAY
    clock.look(place.house.database)
    place.work_off(_purge(place, plan_digest=_plan(place).plan.digest))
    assert place.standing() == []


def test_a_purge_of_another_plan_is_refused(place: Place) -> None:
    digits = place.experiment()
    place.delete(place.run(digits))
    digest = _plan(place).plan.digest
    place.delete(place.run(digits))
    with pytest.raises(PreconditionFailed):
        _purge(place, plan_digest=digest)
    assert len(place.standing()) == 2


def test_a_purge_takes_nothing_that_it_has_not_locked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes into the place of a run that was restored meanwhile may be restored meanwhile, too."""
    monkeypatch.setattr("freehold.lifecycle.purge.MOST_ROOTS", 2)
    digits = place.experiment()
    restored, locked, behind = (place.run(digits) for _ in range(3))
    place.delete(restored, locked, behind)

    def restored_meanwhile(db: Transaction, workspace_id: int, found: list[Found]) -> None:
        restore_run(db, place.house.workspace, restored)
        lock_roots(db, workspace_id, found)

    monkeypatch.setattr("freehold.lifecycle.purge.lock_roots", restored_meanwhile)
    _purge(place)
    assert place.standing() == [restored, behind]


def test_a_contributor_may_not_purge(place: Place) -> None:
    place.delete(place.run(place.experiment()))
    bob = place.write(lambda db: directory.add_person(db, kind="person", display_name="Bob"))
    place.write(lambda db: directory.grant(db, bob, CONTRIBUTOR, workspace_id=1))
    with pytest.raises(Forbidden):
        _purge(place, bob)
