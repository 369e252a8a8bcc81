"""The ledger: bytes without an owner are found and removed, but not under an export that still reads them."""

import pytest

from freehold.domain.artifacts import queries
from freehold.domain.artifacts.transfer import reap
from freehold.operations import queries as operation_queries
from freehold.operations.model import State
from freehold.storage.blobs import open_objects
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.domain.leases import add_operation, end_export, take_lease

SECOND = 1_000_000
DAY = 24 * 3_600 * SECOND


def reapable(house: House) -> list[str]:
    return house.database.read_now(lambda db: queries.doomed_keys(db, limit=10, spare_leased=True))


def test_a_doomed_object_is_reaped(house: House) -> None:
    house.database.write_now(lambda db: queries.doom(db, ["objects/aa/1"]))
    assert reapable(house) == ["objects/aa/1"]


@pytest.mark.parametrize("jump", [-400 * DAY, -3_600 * SECOND, 3_600 * SECOND, 400 * DAY])
def test_what_was_doomed_is_spared_while_an_export_reads_whatever_the_clock_does(house: House, jump: int) -> None:
    house.clock.at += 800 * DAY
    take_lease(house)
    house.clock.at += jump
    house.database.write_now(lambda db: queries.doom(db, ["objects/aa/since"]))
    assert reapable(house) == []
    house.clock.at += jump
    assert reapable(house) == []
    end_export(house)
    assert reapable(house) == ["objects/aa/since"]


@pytest.mark.parametrize("jump", [-400 * DAY, 400 * DAY])
def test_what_an_import_reserved_is_not_doomed_before_it_ends(house: House, jump: int) -> None:
    """Neither by a start after the jump nor by age."""
    house.clock.at += 800 * DAY

    def reserve(db: Transaction) -> None:
        add_operation(db, "an import", "import")
        queries.reserve_in_ledger(db, ["objects/aa/coming"], "an import")

    house.database.write_now(reserve)
    house.clock.at += jump
    house.database.write_now(queries.doom_unfinished)
    house.database.write_now(lambda db: queries.doom_stale(db, db.now()))
    assert not house.database.read_now(lambda db: queries.is_any_stale(db, db.now()))
    assert reapable(house) == []
    house.database.write_now(lambda db: operation_queries.change(db, "an import", {"state": State.FAILED}))
    house.database.write_now(queries.doom_unfinished)
    assert reapable(house) == ["objects/aa/coming"]


def test_an_erasure_does_not_wait_for_an_export(house: House) -> None:
    take_lease(house)
    house.database.write_now(lambda db: queries.doom(db, ["objects/aa/erased"]))
    found = house.database.read_now(lambda db: queries.doomed_keys(db, limit=10))
    assert found == ["objects/aa/erased"]


def test_an_upload_under_way_is_left_alone(house: House) -> None:
    house.database.write_now(lambda db: queries.add_upload_to_ledger(db, "objects/aa/coming", 1, None))
    assert reapable(house) == []


def test_an_upload_of_a_day_ends_no_more_once_its_bytes_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.database.write_now(lambda db: queries.add_upload_to_ledger(db, "objects/aa/slow", 1, None))
    house.clock.at += 25 * 3_600 * 1_000_000
    objects = open_objects(house.settings)
    ended: list[bool] = []

    def end_meanwhile(keys: list[str]) -> None:
        ended.append(house.database.write_now(lambda db: queries.take_from_ledger(db, "objects/aa/slow")))

    monkeypatch.setattr(objects, "delete", end_meanwhile)
    assert reap(house.database, objects, house.clock) == 1
    assert ended == [False]
    assert house.database.read_now(lambda db: queries.in_ledger(db, ["objects/aa/slow"])) == []
