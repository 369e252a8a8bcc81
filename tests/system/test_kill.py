"""kill -9 in the middle of anything: what was acknowledged is there, what was half done is cleared away."""

import os
import random
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from freehold.kit.clock import SystemClock
from freehold.kit.ids import UuidSource
from freehold.lifecycle.log.service import CertificateLog
from freehold.lifecycle.sweeps import Sweeper
from freehold.operations.engine import OperationEngine
from freehold.storage.blobs import open_objects
from freehold.storage.database import open_database
from freehold.storage.keys import KeyStore
from tests.system.load import STORE, Load, lost
from tests.system.surfaces import make_run
from tests.world import World

KILLS = 8 if os.environ.get("FREEHOLD_TEST_EXHAUSTIVE") else 2
WRITERS = 6


def test_no_acknowledged_write_is_lost_under_load(world: World) -> None:
    chance = random.Random(2)
    written = []
    for _ in range(KILLS):
        with Load(world, WRITERS) as load:
            time.sleep(chance.uniform(0.7, 2.0))
            world.kill()
        check_database(world.folder)
        written += load.acknowledged
        world.start()
    assert sum(map(len, written)) > 100 * KILLS
    assert [lost(world, mine) for mine in written] == [[] for _ in written]
    world.stop()
    sweep(world)
    assert ledger(world.folder) == set()
    assert unowned(world.folder) == set()


def test_interrupted_uploads_leave_no_bytes_behind(world: World) -> None:
    run_id = make_run(world, "interrupted")
    sockets = [
        begin_upload(world, f"{STORE}/1/{run_id}/artifacts/cut{number}", size)
        for number, size in enumerate((10_000, 3_000_000, 40_000_000))
    ]
    time.sleep(0.5)
    world.kill()
    for each in sockets:
        each.close()
    assert len(ledger(world.folder)) == len(sockets)
    world.start()
    assert "files" not in world.mlflow("GET", "artifacts/list", {"run_id": run_id})
    world.stop()
    sweep(world)
    assert ledger(world.folder) == set()
    assert unowned(world.folder) == set()
    check_database(world.folder)


def test_upload_cut_off_by_its_client_is_swept_without_delay(world: World) -> None:
    run_id = make_run(world, "cut off")
    begin_upload(world, f"{STORE}/1/{run_id}/artifacts/cut", 40_000_000).close()
    begin_upload(world, f"{STORE}/1/{run_id}/artifacts/cut", 10_000).close()
    time.sleep(0.5)
    world.stop()
    sweep(world)
    assert ledger(world.folder) == set()
    assert unowned(world.folder) == set()


def begin_upload(world: World, path: str, size: int) -> socket.socket:
    """Send all but the last byte of a file and keep the connection open."""
    address = urlsplit(world.url)
    connection = socket.create_connection((address.hostname, address.port or 80), 30)
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
    head += f"Authorization: Bearer {world.alice.token}\r\n\r\n"
    connection.sendall(head.encode() + b"x" * (size - 1))
    return connection


def check_database(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "freehold.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def column(folder: Path, query: str) -> set[str]:
    with closing(sqlite3.connect(folder / "freehold.db")) as database:
        return {row[0] for row in database.execute(query)}


def ledger(folder: Path) -> set[str]:
    return column(folder, "SELECT object_key FROM object_ledger")


def unowned(folder: Path) -> set[str]:
    """Files in the object store that no row owns; and rows whose file is missing."""
    store = folder / "store"
    files = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}
    return files ^ column(folder, "SELECT object_key FROM stored_objects")


def sweep(world: World) -> None:
    """What the server does every half minute, now, while none runs."""
    settings, clock = world.settings(), SystemClock()
    keys = KeyStore(settings.key_folder, clock)
    database = open_database(settings, clock, UuidSource(clock), keys)
    try:
        log = CertificateLog(database, keys)
        Sweeper(database, open_objects(settings), clock, settings, log, OperationEngine(database, settings)).sweep()
    finally:
        database.close()
