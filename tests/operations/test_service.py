"""Requesting, reading, cancelling and failing: rows only, on both databases, without an engine running."""

import pytest

from freehold.kit.problems import Conflict, InsufficientStorage, NotFound
from freehold.operations import queries, service
from freehold.operations.engine import OperationEngine
from freehold.operations.model import Operation, Progress, State
from freehold.operations.runner import Runner
from freehold.operations.service import (
    cancel_operation,
    fail_operation,
    get_operation,
    list_operations,
    request_operation,
    retry_operation,
)
from freehold.operations.steps import OperationContext, Overtaken, Step, Turn, again, finished
from freehold.storage.transaction import Transaction
from tests.conftest import House

TARGET = "00000000-0000-7000-8000-00000000aaaa"


def one_round(db: Transaction, context: OperationContext) -> Turn:
    return finished() if context.cursor == 1 else again(1, Progress(1, 2))


def engine_of(house: House) -> OperationEngine:
    engine = OperationEngine(house.database, house.settings)
    engine.register("erase", [Step("rows", one_round), Step("seal", lambda db, context: finished(result={"rows": 2}))])
    return engine


def runner_of(house: House) -> Runner:
    engine = engine_of(house)
    return Runner(house.database, house.settings, engine.kinds, engine._stopping)


def request(house: House, *, can_cancel: bool = True) -> Operation:
    engine = engine_of(house)
    return house.database.write_now(
        lambda db: request_operation(db, engine, kind="erase", target_id=TARGET, scope="run", can_cancel=can_cancel)
    )


def read(house: House, operation: Operation) -> Operation:
    return house.database.read_now(lambda db: get_operation(db, operation.operation_id))


def test_a_requested_operation_is_a_row_and_waits(house: House) -> None:
    operation = request(house)
    assert (operation.state, operation.step, operation.fence) == (State.NOT_STARTED, "", 0)
    assert read(house, operation) == operation
    assert house.database.read_now(queries.unfinished_ids) == [operation.operation_id]


def test_a_request_that_fails_leaves_no_row_and_starts_nothing(house: House) -> None:
    engine = engine_of(house)

    def fail(db: Transaction) -> None:
        request_operation(db, engine, kind="erase", target_id=TARGET, scope="run")
        raise RuntimeError("after the request")

    with pytest.raises(RuntimeError):
        house.database.write_now(fail)
    assert house.database.read_now(queries.unfinished_ids) == []
    assert engine._requests.empty()


def test_the_engine_is_told_only_after_the_commit(house: House) -> None:
    engine, seen = engine_of(house), []

    def ask(db: Transaction) -> str:
        operation = request_operation(db, engine, kind="erase", target_id=TARGET, scope="run")
        seen.append(engine._requests.empty())
        return operation.operation_id

    operation_id = house.database.write_now(ask)
    assert seen == [True]
    assert engine._requests.get(timeout=5) == operation_id


def test_an_unknown_kind_cannot_be_requested(house: House) -> None:
    engine = engine_of(house)
    with pytest.raises(ValueError, match="No operation of the kind"):
        house.database.write_now(lambda db: request_operation(db, engine, kind="paint", target_id=TARGET, scope="run"))


def test_operations_are_listed_newest_first_in_pages(house: House) -> None:
    ids = [request(house).operation_id for _ in range(5)]
    house.database.write_now(lambda db: cancel_operation(db, ids[0]))
    first = house.database.read_now(lambda db: list_operations(db, target_id=TARGET, limit=2))
    rest = house.database.read_now(lambda db: list_operations(db, before=first[-1].operation_id))
    running = house.database.read_now(lambda db: list_operations(db, states=[State.CANCELED], kind="erase"))
    assert [operation.operation_id for operation in first + rest] == ids[::-1]
    assert [operation.operation_id for operation in running] == ids[:1]
    assert house.database.read_now(lambda db: list_operations(db, kind="export")) == []


def test_steps_move_fence_cursor_and_progress_together(house: House) -> None:
    operation, runner = request(house), runner_of(house)
    assert runner.advance(operation.operation_id)
    halfway = read(house, operation)
    assert (halfway.step, halfway.cursor, halfway.fence, halfway.progress.percent) == ("rows", 1, 1, 50)
    assert runner.advance(operation.operation_id)
    assert not runner.advance(operation.operation_id)
    ended = read(house, operation)
    assert (ended.state, ended.fence, ended.result) == (State.SUCCEEDED, 3, {"rows": 2})
    assert not runner.advance(operation.operation_id)
    assert read(house, operation) == ended


def test_of_two_that_run_the_same_step_one_commits(house: House) -> None:
    """The rival commits while the first is still at work; the first one's effect then never happens."""
    operation, rival = request(house), runner_of(house)
    engine, effects = OperationEngine(house.database, house.settings), list[int]()

    def count(db: Transaction, context: OperationContext) -> Turn:
        effects.append(context.operation.fence)
        return finished()

    engine.register("erase", [Step("rows", count, work=lambda context: rival.advance(operation.operation_id))])
    slow = Runner(house.database, house.settings, engine.kinds, engine._stopping)
    assert not slow.advance(operation.operation_id)
    assert effects == []
    assert read(house, operation).fence == 1


def test_cancelling_stops_a_step_from_committing(house: House) -> None:
    operation = request(house)
    engine, cleaned = engine_of(house), []
    step = Step(
        "rows",
        one_round,
        work=lambda context: house.database.write_now(lambda db: cancel_operation(db, operation.operation_id)),
    )
    engine.kinds.clear()
    engine.register("erase", [step], clean_up=lambda context: cleaned.append(context.operation.state))
    runner = Runner(house.database, house.settings, engine.kinds, engine._stopping)
    assert not runner.advance(operation.operation_id)
    assert cleaned == [State.CANCELED]
    assert read(house, operation).cursor is None


def test_what_ends_for_want_of_room_says_so_though_there_was_no_room_to_say_it_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it made is gone by then: a step that was begun again would miss it, and tell of another reason."""
    operation, begun, refusals = request(house), list[str](), [1, 1]
    engine, fail = engine_of(house), service.fail_operation

    def work(context: OperationContext) -> None:
        begun.append("step")
        raise InsufficientStorage("InsufficientStorage", "The disk is full. Free some space.")

    def refuse_at_first(db: Transaction, operation_id: str, code: str, message: str) -> bool:
        if refusals and refusals.pop():
            raise InsufficientStorage("InsufficientStorage", "The disk is full.")
        return fail(db, operation_id, code, message)

    monkeypatch.setattr(service, "fail_operation", refuse_at_first)
    engine.kinds.clear()
    engine.register("erase", [Step("rows", one_round, work=work)], clean_up=lambda context: begun.append("clean up"))
    engine._stopping.set()  # pauses end at once
    runner = Runner(house.database, house.settings, engine.kinds, engine._stopping)
    monkeypatch.setattr(engine._stopping, "is_set", lambda: False)
    while runner.run_slice(operation.operation_id):
        pass
    assert begun.count("step") == 1
    assert (read(house, operation).error_code, read(house, operation).state) == ("InsufficientStorage", State.FAILED)
    assert "Free some space" in (read(house, operation).error_message or "")


def test_cancelling_is_idempotent_and_refused_where_it_may_not_be(house: House) -> None:
    operation = request(house)
    cancelled = house.database.write_now(lambda db: cancel_operation(db, operation.operation_id))
    assert house.database.write_now(lambda db: cancel_operation(db, operation.operation_id)) == cancelled
    fixed = request(house, can_cancel=False)
    with pytest.raises(Conflict, match="cannot be cancelled"):
        house.database.write_now(lambda db: cancel_operation(db, fixed.operation_id))
    failed = request(house)
    assert house.database.write_now(lambda db: fail_operation(db, failed.operation_id, "DiskFull", "The disk is full."))
    with pytest.raises(Conflict, match="has ended already: Failed"):
        house.database.write_now(lambda db: cancel_operation(db, failed.operation_id))
    with pytest.raises(NotFound):
        house.database.write_now(lambda db: cancel_operation(db, TARGET))


@pytest.mark.parametrize("can_cancel", [True, False])
def test_only_what_failed_is_retried_and_it_is_said_how_it_stands(house: House, can_cancel: bool) -> None:
    engine, waiting, ended = engine_of(house), request(house, can_cancel=can_cancel), request(house)
    house.database.write_now(lambda db: queries.change(db, ended.operation_id, {"state": State.SUCCEEDED}))
    for operation, state in ((waiting, "NotStarted"), (ended, "Succeeded")):
        with pytest.raises(Conflict, match=f"this one is {state}") as told:
            house.database.write_now(lambda db, which=operation: retry_operation(db, engine, which.operation_id))  # type: ignore[misc]  # binds the loop's value
        assert told.value.code == "OperationNotFailed"
    failed = request(house)
    house.database.write_now(lambda db: fail_operation(db, failed.operation_id, "DiskFull", "The disk is full."))
    with pytest.raises(Conflict, match="was cleaned up when it failed"):
        house.database.write_now(lambda db: retry_operation(db, engine, failed.operation_id))


def test_an_ended_operation_cannot_be_failed(house: House) -> None:
    operation = request(house)
    house.database.write_now(lambda db: cancel_operation(db, operation.operation_id))
    assert not house.database.write_now(lambda db: fail_operation(db, operation.operation_id, "Late", "Too late."))
    assert read(house, operation).state is State.CANCELED


def test_progress_is_reported_in_the_middle_of_work(house: House) -> None:
    operation = request(house)
    context = OperationContext(operation, house.database, house.settings, engine_of(house)._stopping)
    context.report(Progress(3, 12, {"parts": 3}))
    assert read(house, operation).progress == Progress(3, 12, {"parts": 3})
    assert read(house, operation).progress.percent == 25
    house.database.write_now(lambda db: cancel_operation(db, operation.operation_id))
    with pytest.raises(Overtaken):
        context.report(Progress(4, 12))
    with pytest.raises(Overtaken):
        context.check()


def test_a_kind_needs_steps_with_names_of_their_own(house: House) -> None:
    engine, step = engine_of(house), Step("rows", one_round)
    for steps in ([], [step, step]):
        with pytest.raises(ValueError, match="steps"):
            engine.register("other", steps)
    with pytest.raises(ValueError, match="already"):
        engine.register("erase", [step])


@pytest.mark.parametrize("later", ["seal", "rows", "nowhere"])
def test_a_step_is_retried_at_an_earlier_one_only(house: House, later: str) -> None:
    steps = [Step("rows", one_round, retried_at=later), Step("seal", one_round)]
    with pytest.raises(ValueError, match="retried"):
        engine_of(house).register("other", steps)


@pytest.mark.parametrize(("failed_at", "begins_at"), [("rows", "rows"), ("seal", "rows"), ("renamed", "renamed")])
def test_a_retry_begins_where_the_failed_step_says(house: House, failed_at: str, begins_at: str) -> None:
    engine = engine_of(house)
    steps = [Step("rows", one_round), Step("seal", one_round, retried_at="rows")]
    engine.register("proof", steps)
    operation = house.database.write_now(
        lambda db: request_operation(db, engine, kind="proof", target_id=TARGET, scope="run", can_cancel=False)
    )
    reached = {"step": failed_at, "progress": queries.stored_progress(Progress(7), 5)}
    house.database.write_now(lambda db: queries.change(db, operation.operation_id, reached))
    house.database.write_now(lambda db: fail_operation(db, operation.operation_id, "Broken", "It broke."))
    again = house.database.write_now(lambda db: retry_operation(db, engine, operation.operation_id))
    assert (again.state, again.step, again.progress.done) == (State.NOT_STARTED, begins_at, 7)
    assert again.cursor == (5 if begins_at == failed_at else None), "a cursor says something to its own step only"


def test_a_step_that_this_release_does_not_know_fails_the_operation(house: House) -> None:
    operation, runner = request(house), runner_of(house)
    house.database.write_now(lambda db: queries.change(db, operation.operation_id, {"step": "renamed"}))
    assert not runner.run_slice(operation.operation_id)
    assert read(house, operation).error_code == "OperationUnknown"
