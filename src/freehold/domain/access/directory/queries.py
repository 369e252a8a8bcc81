"""Rows of the directory. It stands above all workspaces."""

from typing import Any

import sqlalchemy as sa

from freehold.records.containers import ResourceGroup, Server, Subscription
from freehold.records.people import ClientCredential, Person, RoleAssignment
from freehold.storage.portable import upsert
from freehold.storage.transaction import Transaction

_ONLY_ROW = 1


def find_server(db: Transaction) -> sa.Row[Any] | None:
    return db.execute(sa.select(*Server.table.columns)).first()


def claim_server(db: Transaction, values: dict[str, Any]) -> bool:
    """False where another server made the row: of two that start together, the later waits for the first here."""
    row = upsert(db.connection, Server.table).values(row_id=_ONLY_ROW, **values).on_conflict_do_nothing()
    return db.execute(row.returning(Server.c.row_id)).first() is not None


def add_subscription(db: Transaction, values: dict[str, Any]) -> int:
    return _add(db, Subscription.table, values)


def add_group(db: Transaction, values: dict[str, Any]) -> int:
    return _add(db, ResourceGroup.table, values)


def add_person(db: Transaction, values: dict[str, Any]) -> int:
    return _add(db, Person.table, values)


def find_person(db: Transaction, tenant_id: str, object_id: str) -> sa.Row[Any] | None:
    wanted = sa.select(*Person.table.columns).where(Person.c.tenant_id == tenant_id, Person.c.object_id == object_id)
    return db.execute(wanted).first()


def add_role(db: Transaction, values: dict[str, Any]) -> int:
    return _add(db, RoleAssignment.table, values)


def add_client(db: Transaction, values: dict[str, Any]) -> int:
    return _add(db, ClientCredential.table, values)


def find_client(db: Transaction, client_id: str) -> sa.Row[Any] | None:
    """The client's `secret_hash` beside the columns of the person that it acts for."""
    wanted = (
        sa.select(*Person.table.columns, ClientCredential.c.secret_hash)
        .join(Person.table, ClientCredential.c.person_row == Person.c.row_id)
        .where(ClientCredential.c.client_id == client_id)
    )
    return db.execute(wanted).first()


def _add(db: Transaction, table: sa.Table, values: dict[str, Any]) -> int:
    key = db.execute(table.insert().values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])
