"""What becomes of a service by a probe that took a while: the same on both databases."""

from collections.abc import Callable
from typing import Any

import pytest

from freehold.domain.documents import queries as documents
from freehold.domain.services import queries, service
from freehold.domain.services.probing import Finding, Probed, found_refused, found_status, report_probe
from freehold.domain.services.service import Change, NewService, Report, ServiceView
from freehold.kit.problems import Invalid
from freehold.records.containers import Workspace
from freehold.records.serving import Service
from freehold.storage.transaction import Transaction
from tests.conftest import House

HERE, THERE = "https://models.example/score", "https://models.example/other"
REFUSED = found_refused(Invalid("AddressNotPublic", "It is inside."))


@pytest.fixture
def probed(house: House) -> Probed:
    new = NewService("svc", "ACI", {}, scoring_uri=HERE, is_probed=True)
    house.database.write_now(lambda db: service.create_service(db, house.alice, house.workspace, new))
    (row,) = due(house)
    return Probed(row.row_id, row.workspace_id, row.scoring_uri)


def due(house: House) -> list[Any]:
    return house.database.read_now(lambda db: queries.probed(db, after=0, limit=10))


def report(house: House, probed: Probed, finding: Finding) -> bool:
    return house.database.write_now(lambda db: report_probe(db, probed, finding))


def read(house: House) -> ServiceView:
    return house.database.read_now(lambda db: service.get_service(db, house.workspace, "svc"))


def test_a_probe_moves_a_service_once(house: House, probed: Probed) -> None:
    assert report(house, probed, found_status(200))
    moved = read(house)
    assert moved.state == "Healthy"
    assert not report(house, probed, found_status(401))
    assert read(house) == moved
    assert report(house, probed, found_status(None))
    assert (read(house).state, read(house).document["error"]["code"]) == ("Unhealthy", "ProbeFailed")


def test_a_refusal_leaves_the_state_and_what_others_reported(house: House, probed: Probed) -> None:
    assert report(house, probed, REFUSED)
    assert not report(house, probed, REFUSED)
    assert (read(house).state, read(house).document["error"]["code"]) == ("Transitioning", "AddressNotPublic")
    theirs = {"code": "SlowDisk", "message": "It is well, but slow."}
    house.database.write_now(
        lambda db: service.report_service(db, house.workspace, "svc", Report("Healthy", error=theirs))
    )
    assert not report(house, probed, found_status(200))
    assert read(house).document["error"] == theirs


def moved_away(db: Transaction, house: House) -> None:
    service.change_service(db, house.workspace, "svc", Change(scoring_uri=THERE))


def asked_no_more(db: Transaction, house: House) -> None:
    service.change_service(db, house.workspace, "svc", Change(is_probed=False))


def failed(db: Transaction, house: House) -> None:
    service.report_service(db, house.workspace, "svc", Report("Failed"))


def hidden(db: Transaction, house: House) -> None:
    for row in queries.probed(db, after=0, limit=10):
        documents.change(db, house.workspace.workspace_id, Service, row.row_id, {"hidden_at": db.now()})


def workspace_hidden(db: Transaction, house: House) -> None:
    db.execute(Workspace.table.update().values(hidden_at=db.now()))


@pytest.mark.parametrize("change", [moved_away, asked_no_more, failed, hidden, workspace_hidden])
def test_what_changed_meanwhile_is_left_alone(
    house: House, probed: Probed, change: Callable[[Transaction, House], None]
) -> None:
    house.database.write_now(lambda db: change(db, house))
    assert not report(house, probed, found_status(200))
    assert not report(house, probed, REFUSED)


@pytest.mark.parametrize("change", [asked_no_more, hidden, workspace_hidden])
def test_what_is_not_to_be_probed_is_not_found(
    house: House, probed: Probed, change: Callable[[Transaction, House], None]
) -> None:
    house.database.write_now(lambda db: change(db, house))
    assert due(house) == []
