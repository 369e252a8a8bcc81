"""The directory on both databases."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.domain.access import service as access
from freehold.domain.access.actor import Action, Actor
from freehold.domain.access.bootstrap import bootstrap
from freehold.domain.access.directory import service as directory
from freehold.domain.access.directory.service import PROFILE_CONTEXT
from freehold.domain.access.rules import ALLOWED
from freehold.kit.ids import SequentialIds
from freehold.kit.problems import NotFound
from freehold.records.catalogue import Record
from freehold.records.containers import ResourceGroup, Server, Subscription
from freehold.records.people import ClientCredential, Person
from freehold.storage.database import Database, open_database
from freehold.storage.migrations import migrate
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.postgres import PostgresServer


def count(house: House, record: type[Record]) -> int:
    statement = sa.select(sa.func.count()).select_from(record.table)
    return int(house.database.read_now(lambda db: db.execute(statement).scalar_one()))


def test_first_start_makes_one_of_each(house: House) -> None:
    house.database.write_now(bootstrap)
    for record in (Server, Subscription, ResourceGroup, Person, ClientCredential):
        assert count(house, record) == 1


@pytest.mark.parametrize("scope", ["workspace_id", "resource_group_row", "subscription_row"])
def test_roles_are_inherited_downwards(house: House, scope: str) -> None:
    def give(db: Transaction, role: str) -> Actor:
        bob = directory.add_person(db, kind="person", display_name="Bob")
        row = {
            "workspace_id": house.workspace.workspace_id,
            "resource_group_row": db.execute(sa.select(ResourceGroup.c.row_id)).scalar_one(),
            "subscription_row": db.execute(sa.select(Subscription.c.row_id)).scalar_one(),
        }[scope]
        directory.grant(db, bob, role, **{scope: row})
        return bob

    for role, allowed in ALLOWED.items():
        bob = house.database.write_now(lambda db, role=role: give(db, role))  # type: ignore[misc]  # binds the loop's value
        _, actions = house.database.read_now(lambda db, bob=bob: access.enter(db, bob, None))  # type: ignore[misc]  # binds the loop's value
        assert actions == allowed


def test_unknown_role_gives_nothing(house: House) -> None:
    def give(db: Transaction) -> Actor:
        bob = directory.add_person(db, kind="person", display_name="Bob")
        directory.grant(db, bob, "owner", workspace_id=house.workspace.workspace_id)
        return bob

    bob = house.database.write_now(give)
    with pytest.raises(NotFound):
        house.database.read_now(lambda db: access.allow(db, bob, Action.READ, house.workspace))


def test_role_needs_exactly_one_scope(house: House) -> None:
    with pytest.raises(AssertionError):
        house.database.write_now(lambda db: directory.grant(db, house.alice, "Reader"))
    with pytest.raises(AssertionError):
        house.database.write_now(
            lambda db: directory.grant(db, house.alice, "Reader", workspace_id=1, subscription_row=1)
        )


def test_client_is_found_by_its_exact_id(house: House) -> None:
    client = house.database.write_now(lambda db: directory.add_client(db, house.alice))
    found = house.database.read_now(lambda db: directory.find_client(db, client.client_id))
    assert found is not None
    assert found.actor == house.alice
    assert client.client_secret not in found.secret_hash
    for other in (client.client_id.upper() + " ", client.client_id[:-1], "%", ""):
        assert house.database.read_now(lambda db, other=other: directory.find_client(db, other)) is None  # type: ignore[misc]  # binds the loop's value


def test_profile_is_readable_where_runs_read_it(house: House) -> None:
    bob = house.database.write_now(lambda db: directory.add_person(db, kind="person", display_name="Bob"))
    row = house.database.read_now(
        lambda db: db.execute(sa.select(Person.c.profile).where(Person.c.row_id == bob.person_row)).scalar_one()
    )
    assert b"Bob" not in row
    assert house.keys.envelope.open_(row, PROFILE_CONTEXT) == b'{"display_name":"Bob"}'


def test_servers_that_start_together_make_one_tenant(
    postgres: PostgresServer, tmp_path: Path, sqlite_house: House
) -> None:
    """Several servers on one PostgreSQL, sharing the key folder."""
    url, found = postgres.make_database(), []
    settings = sqlite_house.settings.__class__(data=str(tmp_path), database=url)
    databases = [open_database(settings, sqlite_house.clock, SequentialIds(), sqlite_house.keys) for _ in range(4)]
    migrate(databases[0].engine)
    start = threading.Barrier(len(databases))

    def boot(database: Database) -> None:
        start.wait()
        found.append(database.write_now(bootstrap))

    threads = [threading.Thread(target=boot, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tenants = databases[0].read_now(lambda db: db.execute(sa.select(Subscription.c.subscription_id)).all())
    for database in databases:
        database.close()
    assert sorted(found) == [False, False, False, True]
    assert len(tenants) == 1
