"""What goes by itself goes after its time and not before, with the objects that nothing else holds."""

import pytest
import sqlalchemy as sa

from freehold.lifecycle.holds import lift, place
from freehold.lifecycle.retention import DAY, ageing, remove_aged
from freehold.lifecycle.sweeps import remove_all_aged
from freehold.records.artifacts import ArtifactBlock, ObjectLedgerEntry, StoredObject
from freehold.records.catalogue import catalogue
from freehold.records.containers import Workspace
from freehold.records.lifecycle import Hold, KeptBag
from freehold.records.notifications import Notification, Task
from freehold.records.rules import Scope
from freehold.records.telemetry import TelemetryRecord
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import Site


def _fill(site: Site) -> None:
    experiment = site.experiment()
    row = site.row_of("runs", "run_id", site.run(experiment, points=0))
    site.fill({"workspaces": 1, "experiments": experiment.row_id, "runs": row})
    site.database.write_now(lambda db: db.execute(Hold.table.update().values(lifted_at=db.now())))


def _age(db: Transaction, days: int) -> None:
    db.execute(TelemetryRecord.table.update().values(happened_at=db.now() - days * DAY))
    db.execute(ArtifactBlock.table.update().values(created_at=db.now() - days * DAY))


def _remove_some(db: Transaction) -> int:
    """Of one record at a time, as the sweep does; 0 once nothing is left."""
    return next((number for name in ageing() if (number := remove_aged(db, name))), 0)


def _counts(site: Site) -> dict[str, int]:
    records = (TelemetryRecord, ArtifactBlock, StoredObject, ObjectLedgerEntry)
    count = {each.table.name: sa.select(sa.func.count()).select_from(each.table) for each in records}
    return site.database.read_now(lambda db: {name: db.execute(query).scalar_one() for name, query in count.items()})


def test_rows_go_after_their_time_only(plain_site: Site) -> None:
    site = plain_site
    _fill(site)
    before = _counts(site)
    site.database.write_now(lambda db: _age(db, 6))
    assert site.database.write_now(_remove_some) == 0
    site.database.write_now(lambda db: _age(db, 8))
    removed = 0
    while number := site.database.write_now(_remove_some):
        removed += number
    after = _counts(site)
    assert removed == before["artifact_blocks"]
    assert after["artifact_blocks"] == 0
    assert after["telemetry_records"] == before["telemetry_records"]
    site.database.write_now(lambda db: _age(db, 91))
    while site.database.write_now(_remove_some):
        pass
    assert _counts(site)["telemetry_records"] == 0


def test_object_of_a_block_goes_with_its_last_referrer(plain_site: Site) -> None:
    """The blocks and an artifact hold the same object; without the artifact it is doomed."""
    site = plain_site
    _fill(site)
    held = _counts(site)["stored_objects"]
    site.database.write_now(lambda db: _age(db, 8))
    while site.database.write_now(_remove_some):
        pass
    assert _counts(site)["stored_objects"] == held
    _fill(site)

    def let_go(db: Transaction) -> None:
        blocks = sa.select(ArtifactBlock.c.object_row)
        artifacts, files = catalogue()["artifacts"].table, catalogue()["asset_files"].table
        db.execute(artifacts.update().where(artifacts.c.object_row.in_(blocks)).values(object_row=None))
        db.execute(files.delete().where(files.c.object_row.in_(blocks)))
        _age(db, 8)

    site.database.write_now(let_go)
    before = _counts(site)
    while site.database.write_now(_remove_some):
        pass
    after = _counts(site)
    assert before["stored_objects"] - after["stored_objects"] == 1
    assert after["object_ledger"] == before["object_ledger"] + 1


def _old_task(site: Site, run: str) -> int:
    """A task of 400 days ago about the run, with its notification; its row."""

    def make(db: Transaction) -> int:
        at = db.now() - 400 * DAY
        about = {"workspace_id": site.workspace.workspace_id, "created_at": at}
        task = {
            "run_row": site.row_of("runs", "run_id", run),
            "task_id": db.new_id(),
            "task_type": "run",
            "status": "Completed",
            "updated_at": at,
        }
        key = db.execute(Task.table.insert().values(about | task)).inserted_primary_key
        assert key is not None
        row = int(key[-1])
        told = {"task_row": row, "notification_id": db.new_id(), "level": "info", "message": "run completed"}
        db.execute(Notification.table.insert().values(about | told))
        return row

    return site.database.write_now(make)


def _has_task(site: Site, row: int) -> bool:
    found = sa.select(Task.c.row_id).where(Task.c.row_id == row)
    return site.database.read_now(lambda db: db.execute(found).first()) is not None


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.EXPERIMENT, Scope.WORKSPACE])
def test_what_is_held_does_not_go_by_its_age(plain_site: Site, scope: Scope) -> None:
    site = plain_site
    experiment = site.experiment()
    run, other = site.run(experiment, points=0), site.run(site.experiment(), points=0)
    held, free = _old_task(site, run), _old_task(site, other)
    root_id = {Scope.RUN: run, Scope.EXPERIMENT: experiment.experiment_id, Scope.WORKSPACE: None}[scope]
    hold = site.database.write_now(lambda db: place(db, site.actor, site.workspace, scope, root_id, "case 7"))
    remove_all_aged(site.database)
    assert _has_task(site, held)
    assert _has_task(site, free) == (scope is Scope.WORKSPACE)
    site.database.write_now(lambda db: lift(db, site.actor, site.workspace, hold.hold_id))
    remove_all_aged(site.database)
    assert not _has_task(site, held)


def test_what_a_container_above_holds_does_not_go_by_its_age(plain_site: Site) -> None:
    site = plain_site
    task = _old_task(site, site.run(site.experiment(), points=0))

    def hold_above(db: Transaction) -> None:
        w = Workspace.c
        here = w.workspace_id == site.workspace.workspace_id
        row = db.execute(sa.select(Workspace.table).where(here)).mappings().one()
        own = {"kind": row["kind"], "public_id": db.new_id(), "name": "above", "arm_path": "/above"}
        values = dict(row) | own | {"arm_path_folded": "/above", "workspace_id": 77}
        db.execute(Workspace.table.insert().values(values))
        db.execute(Workspace.table.update().where(here).values(parent_workspace=77))
        hold = {"workspace_id": 77, "hold_id": db.new_id(), "reason": "case 7", "created_at": db.now()}
        db.execute(Hold.table.insert().values(hold))

    site.database.write_now(hold_above)
    remove_all_aged(site.database)
    assert _has_task(site, task)
    site.database.write_now(lambda db: db.execute(Hold.table.update().values(lifted_at=db.now())))
    remove_all_aged(site.database)
    assert not _has_task(site, task)


@pytest.mark.parametrize("link", ["task_row", "notification_row"])
def test_what_a_kept_bag_covers_stays_as_long_as_that_and_stops_nothing_else(plain_site: Site, link: str) -> None:
    site = plain_site
    run = site.run(site.experiment(), points=0)
    covered, free = _old_task(site, run), _old_task(site, run)
    told = sa.select(Notification.c.row_id).where(Notification.c.task_row == covered)

    def keep(db: Transaction) -> None:
        row = covered if link == "task_row" else db.execute(told).scalar_one()
        bag = {"operation_id": db.new_id(), "state": "ready", "parts": [], "size": 1, "snapshot_at": 1}
        here = {"workspace_id": site.workspace.workspace_id, link: row, "expires_at": db.now() + DAY}
        db.execute(KeptBag.table.insert().values(bag | here))

    site.database.write_now(keep)
    remove_all_aged(site.database)
    assert _has_task(site, covered)
    assert not _has_task(site, free)
    site.database.write_now(lambda db: db.execute(KeptBag.table.delete()))
    remove_all_aged(site.database)
    assert not _has_task(site, covered)


def test_a_record_that_cannot_age_does_not_stop_the_others(plain_site: Site) -> None:
    """A trigger stands for whatever forbids it."""
    site = plain_site
    task = _old_task(site, site.run(site.experiment(), points=0))
    _fill(site)
    site.database.write_now(lambda db: _age(db, 91))
    forbid = "CREATE TRIGGER no BEFORE DELETE ON artifact_blocks BEGIN SELECT RAISE(ABORT, 'no'); END"
    site.database.write_now(lambda db: db.connection.exec_driver_sql(forbid))
    with pytest.raises(sa.exc.IntegrityError):
        remove_all_aged(site.database)
    assert not _has_task(site, task)
    assert _counts(site)["telemetry_records"] == 0
