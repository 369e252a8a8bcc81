"""The ledger: bytes without an owner are found and removed, but not under an export that still reads them."""

import pytest

from freehold.domain.artifacts import queries
from freehold.domain.artifacts.transfer import reap
from freehold.records.lifecycle import ExportLease
from freehold.storage.blobs import open_objects
from freehold.storage.transaction import Transaction
from tests.conftest import House


def lease(house: House, *, seconds: int) -> None:
    def take(db: Transaction) -> None:
        now = db.now()
        values = {"operation_id": "o", "marks": {}, "snapshot_at": now, "expires_at": now + seconds * 1_000_000}
        db.execute(ExportLease.table.insert().values(workspace_id=house.workspace.workspace_id, **values))

    house.database.write_now(take)


def reapable(house: House) -> list[str]:
    return house.database.read_now(lambda db: queries.doomed_keys(db, limit=10, spare_leased=True))


def test_a_doomed_object_is_reaped(house: House) -> None:
    house.database.write_now(lambda db: queries.doom(db, ["objects/aa/1"]))
    assert reapable(house) == ["objects/aa/1"]


def test_an_object_doomed_while_an_export_reads_is_spared_until_it_ends(house: House) -> None:
    house.database.write_now(lambda db: queries.doom(db, ["objects/aa/before"]))
    lease(house, seconds=60)
    house.database.write_now(lambda db: queries.doom(db, ["objects/aa/since"]))
    assert reapable(house) == ["objects/aa/before"]
    house.clock.at += 61_000_000
    assert set(reapable(house)) == {"objects/aa/before", "objects/aa/since"}


def test_an_erasure_does_not_wait_for_an_export(house: House) -> None:
    lease(house, seconds=60)
    house.database.write_now(lambda db: queries.doom(db, ["objects/aa/erased"]))
    found = house.database.read_now(lambda db: queries.doomed_keys(db, limit=10))
    assert found == ["objects/aa/erased"]


def test_an_upload_under_way_is_left_alone(house: House) -> None:
    house.database.write_now(lambda db: queries.add_to_ledger(db, "objects/aa/coming"))
    assert reapable(house) == []


def test_an_upload_of_a_day_ends_no_more_once_its_bytes_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.database.write_now(lambda db: queries.add_to_ledger(db, "objects/aa/slow"))
    house.clock.at += 25 * 3_600 * 1_000_000
    objects = open_objects(house.settings)
    ended: list[bool] = []

    def end_meanwhile(keys: list[str]) -> None:
        ended.append(house.database.write_now(lambda db: queries.take_from_ledger(db, "objects/aa/slow")))

    monkeypatch.setattr(objects, "delete", end_meanwhile)
    assert reap(house.database, objects, house.clock) == 1
    assert ended == [False]
    assert house.database.read_now(lambda db: queries.in_ledger(db, ["objects/aa/slow"])) == []
