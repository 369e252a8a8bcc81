"""How many statements a published GET takes: each costs a reader its turn, whatever the database makes of it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn

from freehold.api.entry import Entrance
from freehold.app import build_services
from freehold.storage import portable
from tests.azure2020.conftest import Azure
from tests.conformance.calls import PublishedCall, load
from tests.conformance.world2018 import World2018
from tests.conformance.world2020 import World2020
from tests.world import make_world

READS = [call for call in load() if call.verb == "GET"]
MOST = 4
"""Whoever needs more joins what belongs together: a service once took ten, and missed its 5 ms by them."""
SINGLE = 2
"""A document of one row with its secrets. What hangs on the row (labels, author, links) comes with it."""
SINGLES = frozenset({11, 13, 21, 23, 25, 27, 33, 34, 36, 50, 52, 54, 60, 62, 65, 72})
MORE = {
    8: 5,  # a page: where they are, the services, their secrets, their images, their models
    30: 5,
    42: 6,  # and the manifests of those images
    55: 6,
    56: 5,  # a service of 2017: itself, secrets, image, models, manifest
    44: 5,
    57: 5,
    32: 5,  # a pipeline run and the run of the history that it is
    17: 9,  # the metrics of the page's runs, each read from segments and chunks
    18: 6,
    66: 5,
}


ATTEMPTS = 10
"""The least is what the call itself takes: rights that have aged are read again, threads of other tests count too."""


class Counter:
    """Statements of the whole process, also those of the hot path that pass by SQLAlchemy."""

    def __init__(self) -> None:
        self.statements = 0

    def count(self, *_: Any) -> None:
        self.statements += 1


@pytest.fixture(scope="module")
def counter() -> Iterator[Counter]:
    made, raw = Counter(), portable._raw

    def counted(connection: sa.Connection) -> Any:
        made.count()
        return raw(connection)

    sa.event.listen(sa.Engine, "before_cursor_execute", made.count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portable, "_raw", counted)
        yield made
    sa.event.remove(sa.Engine, "before_cursor_execute", made.count)


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def azure(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """The server in this process, where its statements can be counted."""
    environment = {}
    if request.param == "PostgreSQL":
        environment["FREEHOLD_DATABASE"] = request.getfixturevalue("postgres").make_database()
    world = make_world(tmp_path_factory.mktemp("statements") / "data", **environment)
    services = build_services(world.settings())
    try:
        with served(Entrance(services, services.facades)) as url, httpx.Client(base_url=url, timeout=60) as client:
            world.url = url
            yield Azure(world, client, world.alice, world.workspace, "digits")
    finally:
        services.database.close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def worlds(azure: Azure) -> dict[int, World2020 | World2018]:
    return {2018: World2018(azure), 2020: World2020(azure)}


@pytest.mark.parametrize("call", READS, ids=lambda call: str(call.number))
def test_a_published_get_takes_few_statements(
    azure: Azure, worlds: dict[int, World2020 | World2018], counter: Counter, call: PublishedCall
) -> None:
    host, path = call.filled(worlds[call.generation].filling(call.number))
    headers = azure.person.headers | {"Host": host}
    assert azure.client.get(path, headers=headers).status_code == 200  # and lets the caller in
    most = SINGLE if call.number in SINGLES else MORE.get(call.number, MOST)
    counts: list[int] = []
    while not counts or (min(counts) > most and len(counts) < ATTEMPTS):
        counter.statements = 0
        azure.client.get(path, headers=headers)
        counts.append(counter.statements)
    assert 1 <= min(counts) <= most, counts
