"""What goes by itself goes after its time and not before, with the objects that nothing else holds."""

import sqlalchemy as sa

from freehold.lifecycle.retention import DAY, remove_aged
from freehold.records.artifacts import ArtifactBlock, ObjectLedgerEntry, StoredObject
from freehold.records.catalogue import catalogue
from freehold.records.telemetry import TelemetryRecord
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import Site


def _fill(site: Site) -> None:
    experiment = site.experiment()
    row = site.row_of("runs", "run_id", site.run(experiment, points=0))
    site.fill({"workspaces": 1, "experiments": experiment.row_id, "runs": row})


def _age(db: Transaction, days: int) -> None:
    db.execute(TelemetryRecord.table.update().values(happened_at=db.now() - days * DAY))
    db.execute(ArtifactBlock.table.update().values(created_at=db.now() - days * DAY))


def _counts(site: Site) -> dict[str, int]:
    records = (TelemetryRecord, ArtifactBlock, StoredObject, ObjectLedgerEntry)
    count = {each.table.name: sa.select(sa.func.count()).select_from(each.table) for each in records}
    return site.database.read_now(lambda db: {name: db.execute(query).scalar_one() for name, query in count.items()})


def test_rows_go_after_their_time_only(plain_site: Site) -> None:
    site = plain_site
    _fill(site)
    before = _counts(site)
    site.database.write_now(lambda db: _age(db, 6))
    assert site.database.write_now(remove_aged) == 0
    site.database.write_now(lambda db: _age(db, 8))
    removed = 0
    while number := site.database.write_now(remove_aged):
        removed += number
    after = _counts(site)
    assert removed == before["artifact_blocks"]
    assert after["artifact_blocks"] == 0
    assert after["telemetry_records"] == before["telemetry_records"]
    site.database.write_now(lambda db: _age(db, 91))
    while site.database.write_now(remove_aged):
        pass
    assert _counts(site)["telemetry_records"] == 0


def test_object_of_a_block_goes_with_its_last_referrer(plain_site: Site) -> None:
    """The blocks and an artifact hold the same object; without the artifact it is doomed."""
    site = plain_site
    _fill(site)
    held = _counts(site)["stored_objects"]
    site.database.write_now(lambda db: _age(db, 8))
    while site.database.write_now(remove_aged):
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
    while site.database.write_now(remove_aged):
        pass
    after = _counts(site)
    assert before["stored_objects"] - after["stored_objects"] == 1
    assert after["object_ledger"] == before["object_ledger"] + 1
