"""What the sweeper does by a policy: it erases what the preview shows, once, never under a hold, whatever the clock."""

import threading

import pytest
import sqlalchemy as sa

from freehold.domain.access.queries import find_workspace_by_key
from freehold.domain.clock import service as clock
from freehold.domain.notifications import rules as news
from freehold.domain.retention.due import queries as due_queries
from freehold.domain.retention.queries import workspaces_with_policy
from freehold.domain.runs import service as runs
from freehold.kit.problems import NotFound
from freehold.lifecycle import certificate, gathering
from freehold.lifecycle.erase import request_erasure
from freehold.lifecycle.holds import place as place_hold
from freehold.lifecycle.policies import carry_out
from freehold.operations.model import Operation, State
from freehold.records.audit import AuditEntry
from freehold.records.notifications import Notification
from freehold.records.operations import Operation as OperationRecord
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.lifecycle.retention.place import DAY, Place, Policy, Rule

OLD = Policy(rules=[Rule(older_than_days=90)])
WINDOW = Policy(restore_days=30)


def test_what_the_preview_shows_is_erased_certified_audited_and_told(place: Place) -> None:
    digits = place.experiment()
    old, young = place.run(digits, days_old=100), place.run(digits)
    aside = place.run(digits, run_id="aside")
    place.delete(aside)
    place.pass_days(31)
    policy = Policy(rules=OLD.rules, restore_days=30)
    version = place.set_policy(policy).version
    shown = place.due(policy)
    assert shown == sorted([aside, old])

    operation = place.work_off(place.look())

    assert (operation.state, operation.scope) == (State.SUCCEEDED, "retention")
    assert operation.options["policy"] == version
    assert place.standing() == [young]
    for gone in shown:
        with pytest.raises(NotFound):
            place.restore(gone)
    found = place.read(lambda db: certificate.find_certificate(db, operation.operation_id))
    statement = certificate.verify(place.house.keys.certificates.jwks(), found.jws)
    assert (statement["scope"], statement["counts"]["runs"]) == ("retention", 2)
    assert statement["plan_digest"] == operation.options["plan"]

    def told(db: Transaction) -> tuple[list[str], list[str]]:
        actions = db.execute(sa.select(AuditEntry.c.action).order_by(AuditEntry.c.row_id)).scalars()
        return list(actions), list(db.execute(sa.select(Notification.c.message)).scalars())

    actions, messages = place.read(told)
    assert actions[-3:] == ["retention policy set", "retention erasure requested", actions[-1]]
    assert actions[-1].startswith("retention erasure ")
    assert "retention succeeded" in messages
    assert "policy" in news.MESSAGES["retention succeeded"][1]
    assert operation.requested_by == place.house.alice.person_row


def test_until_its_window_is_over_a_run_can_be_restored_and_then_it_is_gone(place: Place) -> None:
    digits = place.experiment()
    called_back, gone = place.run(digits), place.run(digits)
    place.set_policy(WINDOW)
    place.delete(called_back, gone)
    place.pass_days(29.5)
    assert place.standing() == [called_back, gone]
    place.restore(called_back)
    place.pass_days(1)
    assert place.standing() == [called_back]
    with pytest.raises(NotFound):
        place.restore(gone)


def test_without_a_window_what_is_set_aside_stays(place: Place) -> None:
    run = place.run(place.experiment())
    place.delete(run)
    place.set_policy(OLD)
    place.pass_days(120)
    place.restore(run)
    assert place.standing() == [run]


def test_one_operation_at_a_time_each_within_the_budget(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.lifecycle.policies.MOST_ROOTS", 3)
    digits = place.experiment()
    for _ in range(2):
        top = place.run(digits, days_old=100)
        for _ in range(3):
            place.run(digits, parent_run_id=top)
    place.set_policy(OLD)
    numbers = [len(place.standing())]
    first = place.look()
    assert place.look_later() is None
    while first is not None:
        numbers.append(len(place.standing()))
        place.end(first)
        first = place.look_later()
    assert numbers == [8, 5, 2, 0]


def test_a_failed_erasure_stops_the_policy_until_it_is_mended(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.lifecycle.policies.MOST_ROOTS", 1)
    digits = place.experiment()
    for _ in range(2):
        place.run(digits, days_old=100)
    place.set_policy(OLD)
    first = place.look()
    place.end(first, State.FAILED)
    place.pass_days(3)
    place.set_policy(OLD)
    assert place.look_later() is None
    assert len(place.standing()) == 1
    assert first is not None
    mended = {"state": State.SUCCEEDED}
    here = OperationRecord.c.operation_id == first.operation_id
    place.set_column(OperationRecord, here, **mended)
    assert place.look_later() is not None


def test_a_hold_placed_between_judging_and_hiding_wins(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds are read again in the transaction that hides; should the judgement miss one, the plan does not."""
    digits = place.experiment()
    held, free = place.run(digits, days_old=100), place.run(digits, days_old=100)
    place.set_policy(OLD)
    h = place.house
    place.write(lambda db: place_hold(db, h.alice, h.workspace, Scope.RUN, held, "dispute"))
    monkeypatch.setattr(due_queries, "_holds_run", lambda *_: sa.false())
    assert place.due(OLD) == [held, free]
    assert place.look() is not None
    assert place.standing() == [held]


def test_a_run_restored_or_tagged_between_judging_and_hiding_stays(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = place.experiment()
    restored, gone = place.run(digits), place.run(digits)
    place.delete(restored, gone)
    place.pass_days(31)
    place.set_policy(WINDOW)
    look = due_queries.lock_roots

    def restored_meanwhile(db: Transaction, workspace_id: int, found: list[due_queries.Found]) -> None:
        workspace = find_workspace_by_key(db, workspace_id)
        assert workspace is not None
        runs.restore_run(db, workspace, restored)
        look(db, workspace_id, found)

    monkeypatch.setattr("freehold.lifecycle.policies.lock_roots", restored_meanwhile)
    assert place.look() is not None
    assert place.standing() == [restored]


def test_servers_that_look_at_once_begin_one_erasure(place: Place) -> None:
    digits = place.experiment()
    for _ in range(20):
        place.run(digits, days_old=100)
    place.set_policy(OLD)
    begun: list[Operation | None] = []
    h = place.house

    def look() -> None:
        begun.append(carry_out(h.database, place.engine, h.workspace.workspace_id, 3_650))

    servers = [threading.Thread(target=look) for _ in range(6)]
    for each in servers:
        each.start()
    for each in servers:
        each.join()
    assert len(begun) == 6
    assert len([each for each in begun if each is not None]) == 1
    erasures = sa.select(sa.func.count()).where(OperationRecord.c.kind == "erase")
    assert place.read(lambda db: db.execute(erasures).scalar_one()) == 1


def test_an_erased_workspace_is_left_alone(place: Place) -> None:
    place.run(place.experiment(), days_old=100)
    place.set_policy(OLD)
    h = place.house
    assert place.read(workspaces_with_policy) == [h.workspace.workspace_id]
    operation = place.write(lambda db: request_erasure(db, place.engine, h.alice, h.workspace, Scope.WORKSPACE, None))
    assert place.read(workspaces_with_policy) == []
    assert place.look() is None
    assert place.work_off(operation).state is State.SUCCEEDED


# ---- the clock


def test_a_jump_forward_that_is_undone_erases_nothing(place: Place) -> None:
    digits = place.experiment()
    aside, young = place.run(digits), place.run(digits)
    place.delete(aside)
    place.set_policy(Policy(rules=OLD.rules, restore_days=30))
    place.pass_days(1)
    place.house.clock.at += 365 * DAY
    place.look()
    place.pass_days(0.9)
    place.house.clock.at -= 365 * DAY
    place.look()
    place.pass_days(2)
    assert place.standing() == [aside, young]
    place.restore(aside)


def test_a_jump_forward_that_stays_is_believed_after_a_day(place: Place) -> None:
    old = place.run(place.experiment())
    place.set_policy(OLD)
    place.pass_days(1)
    place.house.clock.at += 365 * DAY
    assert place.look() is None
    place.pass_days(0.9)
    assert place.standing() == [old]
    place.pass_days(0.2)
    assert place.standing() == []


def test_a_clock_gone_back_neither_stops_retention_for_ever_nor_erases_early(place: Place) -> None:
    digits = place.experiment()
    run = place.run(digits)
    place.set_policy(OLD)
    place.pass_days(1)
    place.house.clock.at -= 400 * DAY
    place.look()
    place.pass_days(10)
    assert place.standing() == [run]
    place.house.clock.at += 400 * DAY
    place.look()
    place.pass_days(70)
    assert place.standing() == [run]
    place.pass_days(20)
    assert place.standing() == []


def test_what_was_set_aside_while_the_clock_was_behind_has_its_window(place: Place) -> None:
    aside = place.run(place.experiment())
    place.set_policy(WINDOW)
    look_at_clock(place)
    place.house.clock.at -= 400 * DAY
    look_at_clock(place)
    place.delete(aside)
    place.house.clock.at += 400 * DAY
    look_at_clock(place)
    place.pass_days(29)
    assert place.standing() == [aside]
    place.pass_days(3)
    assert place.standing() == []


def test_a_clock_that_was_put_right_by_too_much_does_not_stop_windows_for_as_long(place: Place) -> None:
    before, after = (place.run(place.experiment(name)) for name in ("before", "after"))
    place.set_policy(WINDOW)
    look_at_clock(place)
    place.house.clock.at -= 400 * DAY
    look_at_clock(place)
    place.delete(before)
    for jump in (4_000, -3_600):
        place.house.clock.at += jump * DAY
        look_at_clock(place)
    place.delete(after)
    place.pass_days(29)
    assert place.standing() == [before, after]
    place.pass_days(3)
    assert place.standing() == []


def test_a_clock_that_once_ran_years_ahead_is_seen_to_be_put_right_later(place: Place) -> None:
    run = place.run(place.experiment())
    place.set_policy(WINDOW)
    look_at_clock(place)
    for jump in (3_650, -3_650):
        place.house.clock.at += jump * DAY
        look_at_clock(place)
    place.pass_days(3)
    place.house.clock.at -= 400 * DAY
    look_at_clock(place)
    place.delete(run)
    place.house.clock.at += 400 * DAY
    look_at_clock(place)
    place.pass_days(29)
    assert place.standing() == [run]
    place.pass_days(3)
    assert place.standing() == []


def look_at_clock(place: Place) -> None:
    """As the server's sweeper does before anything else."""
    clock.look(place.house.database)
    place.look()


def test_a_server_that_was_off_for_a_night_goes_on_at_once(place: Place) -> None:
    aside = place.run(place.experiment())
    place.delete(aside)
    place.set_policy(WINDOW)
    place.pass_days(29.75)
    place.house.clock.at += DAY // 2
    assert place.look() is not None


def test_a_new_version_of_a_policy_does_not_make_the_clock_believed(place: Place) -> None:
    run = place.run(place.experiment())
    place.set_policy(OLD)
    place.pass_days(1)
    place.house.clock.at += 365 * DAY
    place.set_policy(OLD)
    assert place.look_later() is None
    assert place.standing() == [run]
    assert gathering.MOST_ROOTS == 200
