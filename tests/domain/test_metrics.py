"""Metrics: every point is kept in order of arrival, the latest is found, compaction changes nothing that is read."""

import asyncio
import math
import time
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.domain.experiments.service import create_experiment
from freehold.domain.metrics import compaction, queries
from freehold.domain.metrics.service import METRICS, History, latest_of, log_metrics, prepare, read_history
from freehold.domain.runs import service as runs
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.lifecycle import sweeps
from freehold.lifecycle.sweeps import compact, remove_released
from freehold.records.metrics import MetricSegment
from freehold.storage.metrics import MetricColumns, Point
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.domain.leases import end_export, take_lease


@pytest.fixture
def run(house: House) -> tuple[str, int]:
    """Public id and row of a fresh run."""

    def make(db: Transaction) -> tuple[str, int]:
        experiment = create_experiment(db, house.alice, house.workspace, "e")
        run_id = runs.create_run(db, house.alice, house.workspace, experiment)
        return run_id, runs.open_run(db, house.workspace, run_id)

    return house.database.write_now(make)


def log(house: House, run_id: str, points: list[Point]) -> None:
    house.database.write_now(lambda db: log_metrics(db, house.workspace, run_id, points))


def latest(house: House, run_row: int) -> dict[str, tuple[float, int]]:
    found = house.database.read_now(lambda db: queries.latest_of(db, house.workspace.workspace_id, [run_row]))
    return {row.key: (row.value, row.step) for row in found[run_row]}


def histories(house: House, run_row: int) -> list[History]:
    """Of three keys that a test logged."""

    def read(db: Transaction) -> list[History]:
        return [read_history(db, house.workspace, run_row, key) for key in "abü"]

    return house.database.read_now(read)


def test_nan_and_infinities_are_kept(house: House, run: tuple[str, int]) -> None:
    log(
        house,
        run[0],
        [Point("x", step, step, value) for step, value in enumerate([1.0, math.inf, -math.inf, math.nan])],
    )
    history = house.database.read_now(lambda db: read_history(db, house.workspace, run[1], "x"))
    assert history.value[:3] == [1.0, math.inf, -math.inf]
    assert math.isnan(history.value[3])
    assert math.isnan(latest(house, run[1])["x"][0])


def test_the_latest_value_is_that_of_the_highest_step(house: House, run: tuple[str, int]) -> None:
    log(house, run[0], [Point("x", 5, 10, 0.5)])
    log(house, run[0], [Point("x", 4, 99, 0.4)])
    assert latest(house, run[1])["x"] == (0.5, 5)
    log(house, run[0], [Point("x", 5, 11, 0.1)])
    assert latest(house, run[1])["x"] == (0.1, 5)
    log(house, run[0], [Point("x", 5, 11, 0.05)])
    assert latest(house, run[1])["x"] == (0.1, 5)
    log(house, run[0], [Point("x", 5, 11, 0.7)])
    assert latest(house, run[1])["x"] == (0.7, 5)


def test_latest_within_a_batch_follows_the_same_order() -> None:
    points = [Point("x", 1, 5, 1.0), Point("x", 1, 5, 3.0), Point("x", 1, 5, 2.0), Point("x", 0, 9, 9.0)]
    assert latest_of(points) == {"x": (1, 5, 3.0)}


def test_small_requests_of_one_run_share_a_segment(sqlite_house: House) -> None:
    house = sqlite_house

    def make(db: Transaction) -> tuple[str, int]:
        experiment = create_experiment(db, house.alice, house.workspace, "e")
        run_id = runs.create_run(db, house.alice, house.workspace, experiment)
        return run_id, runs.open_run(db, house.workspace, run_id)

    run_id, run_row = house.database.write_now(make)
    key = (house.workspace.workspace_id, run_id)

    async def together() -> None:
        batches = [prepare([Point("x", step, step, float(step))]) for step in range(200)]
        await asyncio.gather(*(house.database.append(METRICS, key, batch) for batch in batches))

    asyncio.run(together())
    payloads = house.database.read_now(lambda db: queries.payloads_of(db, key[0], run_row))
    assert len(payloads) < 100
    history = house.database.read_now(lambda db: read_history(db, house.workspace, run_row, "x"))
    assert history.step == list(range(200))


def test_a_missing_run_never_fails_what_waits_with_it(sqlite_house: House) -> None:
    house = sqlite_house

    def make(db: Transaction) -> list[str]:
        experiment = create_experiment(db, house.alice, house.workspace, "e")
        return [runs.create_run(db, house.alice, house.workspace, experiment) for _ in range(40)]

    run_ids = house.database.write_now(make)
    gone = ["nowhere", *run_ids, "nowhere either"]

    async def together() -> list[object]:
        batch = prepare([Point("x", 1, 1, 0.5)])
        keys = [(house.workspace.workspace_id, run_id) for run_id in gone]
        return await asyncio.gather(
            *(house.database.append(METRICS, key, batch) for key in keys), return_exceptions=True
        )

    results = asyncio.run(together())
    assert [type(each).__name__ for each in results] == ["NotFound", *["NoneType"] * 40, "NotFound"]
    for run_id in run_ids:
        run_row = house.database.read_now(lambda db, run_id=run_id: runs.open_run(db, house.workspace, run_id))  # type: ignore[misc]  # binds the loop's value
        assert latest(house, run_row) == {"x": (0.5, 1)}


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 100])
def test_any_number_of_metrics_keeps_its_latest_values(house: House, run: tuple[str, int], count: int) -> None:
    log(house, run[0], [Point(f"m{number}", number, number, number / 2) for number in range(count)])
    assert latest(house, run[1]) == {f"m{number}": (number / 2, number) for number in range(count)}


def test_compaction_changes_nothing_that_is_read(house: House, run: tuple[str, int]) -> None:
    for number in range(compaction.CROWDED + 5):
        log(house, run[0], [Point(key, number, number, number / 7) for key in ("b", "a", "ü")])
    before = histories(house, run[1])
    replaced = compaction.compact_run(house.database, house.workspace.workspace_id, run[1])
    after = histories(house, run[1])
    assert replaced == compaction.CROWDED + 5
    assert before == after
    payloads = house.database.read_now(lambda db: queries.payloads_of(db, house.workspace.workspace_id, run[1]))
    assert len(payloads) == 1


def test_compaction_leaves_a_run_alone_that_loses_a_segment_meanwhile(
    house: House, run: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(compaction.CROWDED):
        log(house, run[0], [Point("x", number, number, 1.0)])
    joined, workspace_id = compaction.join, house.workspace.workspace_id

    def erased_meanwhile(segments: list[bytes]) -> MetricColumns:
        house.database.write_now(lambda db: db.execute(MetricSegment.table.delete()))
        return joined(segments)

    monkeypatch.setattr(compaction, "join", erased_meanwhile)
    assert compaction.compact_run(house.database, workspace_id, run[1]) == 0
    assert house.database.read_now(lambda db: queries.payloads_of(db, workspace_id, run[1])) == []


def test_compaction_goes_on_until_no_run_is_crowded_and_rests_after_each_turn(
    house: House, run: tuple[str, int]
) -> None:
    for number in range(compaction.LARGEST_INTAKE + compaction.CROWDED):
        log(house, run[0], [Point("x", number, number, 1.0)])
    taken: list[float] = []
    began = time.monotonic()
    assert compact(house.database, taken.append) == compaction.LARGEST_INTAKE + compaction.CROWDED
    assert len(taken) == 2
    assert all(seconds > 0 for seconds in taken)
    assert sum(taken) <= time.monotonic() - began, "a rest is told how long the work before it took"
    assert compact(house.database, taken.append) == 0


def test_segments_that_an_export_still_reads_make_no_crowd(house: House, run: tuple[str, int]) -> None:
    for number in range(compaction.CROWDED):
        log(house, run[0], [Point("x", number, number, 1.0)])

    def crowds() -> list[tuple[int, int]]:
        return house.database.read_now(lambda db: queries.crowded_runs(db, compaction.CROWDED, 10))

    assert crowds() == [(house.workspace.workspace_id, run[1])]
    oldest = sa.select(sa.func.min(MetricSegment.c.row_id)).scalar_subquery()
    dead = MetricSegment.table.update().where(MetricSegment.c.row_id == oldest).values(dead_at=1)
    house.database.write_now(lambda db: db.execute(dead).rowcount)
    assert crowds() == []


def test_crowds_are_looked_for_without_reading_or_sorting_the_segments(sqlite_house: House) -> None:
    """To sort a hundred thousand takes 5 MB more and four times as long, at each sweep."""
    asked: list[tuple[str, Any]] = []

    def explained(db: Transaction) -> list[str]:
        sa.event.listen(db.connection, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
        queries.crowded_runs(db, compaction.CROWDED, 10)
        statement, values = asked[0]
        plan = db.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [row.detail for row in plan]

    plan = sqlite_house.database.read_now(explained)
    assert not [step for step in plan if "TEMP B-TREE" in step or step == "SCAN metric_segments"], plan


def test_compaction_takes_as_much_at_a_time_as_memory_allows(
    house: House, run: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2 * compaction.CROWDED):
        log(house, run[0], [Point("x", number, number, 1.0)])
    here = (house.workspace.workspace_id, run[1])
    size = len(house.database.read_now(lambda db: queries.payloads_of(db, *here))[0])
    monkeypatch.setattr(compaction, "LARGEST_BYTES", compaction.CROWDED * size - 1)
    assert compact(house.database) == 0, "fewer than a crowd"
    monkeypatch.setattr(compaction, "LARGEST_BYTES", compaction.CROWDED * size)
    rests: list[float] = []
    assert compact(house.database, rests.append) == 2 * compaction.CROWDED
    assert len(rests) == 2


def test_compaction_takes_as_many_segments_as_a_chunk_can_name_metrics_of(
    house: House, run: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(compaction.CROWDED):
        log(house, run[0], [Point(f"{number}-{each}", 1, 1, float(number)) for each in range(2)])
    monkeypatch.setattr(compaction, "LARGEST_KEY_COUNT", 40)
    assert compaction.compact_run(house.database, house.workspace.workspace_id, run[1]) == compaction.CROWDED // 4
    found = house.database.read_now(
        lambda db: [read_history(db, house.workspace, run[1], key).value for key in ("0-0", "15-1", "63-1")]
    )
    assert found == [[0.0], [15.0], [63.0]]


def test_compaction_leaves_segments_to_an_export_that_reads_them(house: House, run: tuple[str, int]) -> None:
    _replace_beside_an_export(house, run)
    house.clock.at += 400 * 24 * 3_600 * 1_000_000
    remove_released(house.database)
    dead = house.database.read_now(queries.workspaces_with_dead)
    assert dead == [house.workspace.workspace_id], "no clock ends what an export may read"
    end_export(house)
    remove_released(house.database)
    assert house.database.read_now(queries.workspaces_with_dead) == []


@pytest.fixture
def two_portions(house: House, run: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """So many segments that a chunk replaced, and no export reads any more, are two of them."""
    _replace_beside_an_export(house, run)
    end_export(house)
    monkeypatch.setattr(sweeps, "DEAD_AT_ONCE", compaction.CROWDED // 2)


@pytest.mark.usefixtures("two_portions")
def test_what_a_chunk_replaced_goes_in_portions(house: House) -> None:
    rests: list[float] = []
    remove_released(house.database, rests.append)
    assert len(rests) == 2
    assert house.database.read_now(queries.workspaces_with_dead) == []


@pytest.mark.usefixtures("two_portions")
def test_an_export_that_begins_between_two_portions_keeps_the_rest(house: House) -> None:
    remove_released(house.database, lambda seconds: take_lease(house, "another export"))
    left = sa.select(sa.func.count()).where(MetricSegment.c.dead_at.is_not(None))
    assert house.database.read_now(lambda db: db.execute(left).scalar_one()) == compaction.CROWDED // 2


def _replace_beside_an_export(house: House, run: tuple[str, int]) -> None:
    for number in range(compaction.CROWDED):
        log(house, run[0], [Point("x", number, number, 1.0)])
    take_lease(house)
    compaction.compact_run(house.database, house.workspace.workspace_id, run[1])


def test_an_unknown_run_a_deleted_run_and_a_long_key_are_refused(house: House, run: tuple[str, int]) -> None:
    with pytest.raises(NotFound):
        log(house, "nobody", [Point("x", 0, 0, 1.0)])
    with pytest.raises(Invalid):
        log(house, run[0], [Point("k" * 251, 0, 0, 1.0)])
    house.database.write_now(lambda db: runs.delete_run(db, house.workspace, run[0]))
    with pytest.raises(Conflict):
        log(house, run[0], [Point("x", 0, 0, 1.0)])
