"""Fixtures that every kind of test may use."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.bootstrap import bootstrap
from freehold.domain.access.directory.service import find_server, find_signed_in
from freehold.domain.access.owner import owner_client
from freehold.domain.access.queries import find_default_workspace
from freehold.kit.clock import FixedClock
from freehold.kit.ids import SequentialIds
from freehold.settings import Settings
from freehold.storage.database import Database, open_database
from freehold.storage.keys import KeyStore
from freehold.storage.migrations import migrate
from freehold.storage.transaction import Transaction
from tests.postgres import PostgresServer
from tests.world import World, make_world

# Seeded samples in every run, long fuzzing in `make test-all`; no deadline, for the machine may be busy.
hypothesis_settings.register_profile("sample", max_examples=50, deadline=None, derandomize=True)
hypothesis_settings.register_profile("exhaustive", max_examples=2_000, deadline=None)
hypothesis_settings.load_profile("exhaustive" if os.environ.get("FREEHOLD_TEST_EXHAUSTIVE") else "sample")
# The tests wait for child processes and nobody else is on the machine: stepping back would only make them slow.
os.environ.setdefault("FREEHOLD_NICENESS", "0")
# Hundreds of servers start, most of them for a moment: a process in reserve for each would take more than it saves.
os.environ.setdefault("FREEHOLD_SPARE_WORKER", "false")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A fresh data folder with its server running, for tests that erase, kill or count."""
    made = make_world(tmp_path / "data").start()
    yield made
    made.kill()


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One running server for all tests that only add to it under names of their own."""
    made = make_world(tmp_path_factory.mktemp("shared") / "data").start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own. Missing PostgreSQL fails the test: nothing is skipped silently."""
    server = PostgresServer()
    server.start()
    yield server
    server.stop()


@dataclass
class House:
    """A database without a server: domain functions are called directly, time and ids are fixed."""

    database: Database
    clock: FixedClock
    keys: KeyStore
    alice: Actor
    workspace: WorkspaceRef
    settings: Settings


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Every test with it runs on both databases."""
    url = request.getfixturevalue("postgres").make_database() if request.param == "postgresql" else ""
    yield from open_house(tmp_path, database=url)


@pytest.fixture
def sqlite_house(tmp_path: Path) -> Iterator[House]:
    yield from open_house(tmp_path)


def open_house(folder: Path, **settings: Any) -> Iterator[House]:
    chosen = Settings(data=str(folder / "data"), **settings)
    chosen.data_folder.mkdir(exist_ok=True)
    clock = FixedClock(step=1_000)
    keys = KeyStore(chosen.key_folder, clock)
    database = open_database(chosen, clock, SequentialIds(), keys)
    try:
        migrate(database.engine)
        database.write_now(bootstrap)
        alice, workspace = database.read_now(lambda db: (_owner(db, keys), find_default_workspace(db)))
        assert workspace is not None
        yield House(database, clock, keys, alice, workspace, chosen)
    finally:
        database.close()


def _owner(db: Transaction, keys: KeyStore) -> Actor:
    server = find_server(db)
    assert server is not None
    found = find_signed_in(db, server.tenant_id, owner_client(keys).object_id)
    assert found is not None
    return found.actor
