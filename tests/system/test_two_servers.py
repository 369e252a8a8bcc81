"""Two servers of one database, each with its own data folder: what has files there is run by the one that was asked."""

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from freehold.storage.forget_journal import JOURNAL_FILE, read
from tests.patience import patient
from tests.postgres import PostgresServer
from tests.system.surfaces import make_run
from tests.world import World, make_world

ASKED = 4
"""By each of them: chance would have all of it right once in 256 times."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[tuple[World, World]]:
    folder = tmp_path_factory.mktemp("two")
    shared = {
        "FREEHOLD_DATABASE": postgres.make_database(),
        "FREEHOLD_OBJECTS": f"file://{folder}/objects",
        "FREEHOLD_KEYS": f"{folder}/keys",
        "FREEHOLD_SWEEP_SECONDS": "1",
    }
    first = make_world(folder / "first", **shared)
    second = copy.copy(first)
    second.folder, second.environment = folder / "second", dict(shared)
    second.folder.mkdir(mode=0o700)
    try:
        yield first.start(), second.start()
    finally:
        first.kill()
        second.kill()


def ended(world: World, operation_id: str) -> Any:
    until = time.monotonic() + patient(60)
    while time.monotonic() < until:
        operation = world.get(f"/freehold/v1/operations/{operation_id}", world.alice).json()
        if operation["state"] not in ("NotStarted", "Running"):
            return operation
        time.sleep(0.1)
    raise AssertionError(operation)


def export(world: World, run_id: str) -> str:
    asked = {"scope": "run", "id": run_id}
    begun = world.post(f"/freehold/v1{world.workspace}/exports", asked, world.alice).json()
    assert ended(world, begun["id"])["state"] == "Succeeded"
    return f"/freehold/v1/exports/{begun['id']}/bag"


def test_a_bag_lies_where_it_was_asked_for(servers: tuple[World, World]) -> None:
    run_id = make_run(servers[0], "leaves")
    for _ in range(ASKED):
        for asked, other in (servers, servers[::-1]):
            bag = export(asked, run_id)
            assert asked.get(bag, asked.alice).status_code == 200
            elsewhere = other.get(bag, other.alice)
            assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "BagNotFound")


def test_a_bag_is_taken_in_where_it_was_sent(servers: tuple[World, World]) -> None:
    bag = servers[0].get(export(servers[0], make_run(servers[0], "comes")), servers[0].alice).content
    for _ in range(ASKED):
        for asked in servers:
            address = f"/freehold/v1{asked.workspace}/imports?new_ids=true&dry_run=true"
            begun = asked.request("POST", address, asked.alice, content=bag)
            assert begun.status_code == 202, begun.text
            done = ended(asked, begun.json()["id"])
            assert (done["state"], done["error"]) == ("Succeeded", None), json.dumps(done)


def test_an_erasure_is_proved_when_what_the_other_server_erased_stands_beside_the_keys_too(
    servers: tuple[World, World],
) -> None:
    """The other may have died before it wrote its lines."""
    journal = servers[0].settings().key_folder / JOURNAL_FILE
    erase(servers[0], make_run(servers[0], "first"))
    before = read(journal.parent)
    journal.unlink()
    erase(servers[1], make_run(servers[1], "second"))
    assert set(before) < set(read(journal.parent))


def erase(world: World, run_id: str) -> None:
    asked = world.post("/freehold/v1/erasures", {"scope": "run", "id": run_id}, world.alice)
    assert asked.status_code == 202, asked.text
    assert ended(world, asked.json()["id"])["state"] == "Succeeded"
