"""The composition root of the server: builds everything, runs the listeners, stops in order."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvicorn
import uvloop

from freehold.api.addresses import ORIGINAL_HOSTS
from freehold.api.azure2018 import nouns as azure2018
from freehold.api.azure2020 import nouns as azure2020
from freehold.api.blobs import blobs
from freehold.api.entry import Entrance
from freehold.api.freehold import freehold
from freehold.api.health import health
from freehold.api.identity import identity
from freehold.api.mlflow import mlflow
from freehold.api.one_write import OneWriteProtocol
from freehold.api.routing import Facade
from freehold.api.services import Services
from freehold.domain.access.bootstrap import bootstrap
from freehold.domain.access.verifier import TokenVerifier, own_hosts
from freehold.domain.forgetting.service import reconcile
from freehold.kit.clock import Clock, SystemClock
from freehold.kit.faults import passing
from freehold.kit.ids import IdSource, UuidSource
from freehold.kit.logs import set_up_logs
from freehold.kit.memory import freeze_what_is_loaded, return_freed_memory
from freehold.kit.problems import Problem, Unavailable
from freehold.lifecycle.erase import ERASE
from freehold.lifecycle.export import export_kind
from freehold.lifecycle.imports.operation import import_kind
from freehold.lifecycle.log.service import CertificateLog
from freehold.lifecycle.probes import Prober
from freehold.lifecycle.replay import erase_returned
from freehold.lifecycle.rewrap import rewrap_all
from freehold.lifecycle.sweeps import Sweeper
from freehold.operations.children import spare
from freehold.operations.engine import OperationEngine
from freehold.operations.model import Operation
from freehold.operations.queries import unfinished_ids
from freehold.operations.service import get_operation
from freehold.operations.steps import Kind
from freehold.settings import Settings
from freehold.storage.backup import check_backup, finish_restore, is_being_restored, put_back
from freehold.storage.blobs import open_objects
from freehold.storage.cloud.keeping import looked_at
from freehold.storage.cloud.places import place_of_objects
from freehold.storage.database import Database, open_database
from freehold.storage.keys import KeyStore
from freehold.storage.migrations import migrate
from freehold.storage.portable import is_away

log = logging.getLogger("freehold.app")
STOP_SECONDS = 10
LOOK_SECONDS = 0.1
LISTENING_SECONDS = 0.01
SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter from the one that answers clients. By default it is five times as long,
and a request waits for it several times while an operation or a sweep computes."""
LOCK_FILE = "server.lock"


class DataFolderBusy(RuntimeError):
    """Another server process uses the data folder."""


def facades() -> list[Facade]:
    """Every way of speaking, in the order of the OpenAPI document."""
    return [health, identity, mlflow, *azure2020.FACADES, *azure2018.FACADES, blobs, freehold]


def build_services(settings: Settings, clock: Clock | None = None, ids: IdSource | None = None) -> Services:
    """Open the keys, the database (migrated, with its first workspace) and the objects.

    The system's time and fresh ids, unless others are given. The caller closes `services.database`. Raises Unavailable.
    """
    clock = clock or SystemClock()
    ids = ids or UuidSource(clock)
    settings.data_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = KeyStore(settings.key_folder, clock)
    database = open_database(settings, clock, ids, keys)
    _migrate(database)
    database.write_now(bootstrap)
    database.write_now(reconcile)
    return Services(
        settings=settings,
        clock=clock,
        ids=ids,
        keys=keys,
        database=database,
        objects=open_objects(settings),
        tokens=TokenVerifier(keys, database, clock, hosts=own_hosts(settings)),
        log=CertificateLog(database, keys),
        facades=facades(),
    )


def _migrate(database: Database) -> None:
    """The first thing that is asked of the database. Raises Unavailable where it does not answer."""
    try:
        migrate(database.engine)
    except Exception as fault:
        if not is_away(fault):
            raise
        reason = " ".join(str(getattr(fault, "orig", fault)).split())
        message = f"The database cannot be reached, or lets nobody in: {reason}. Look at the setting database."
        raise Unavailable("DatabaseUnreachable", message) from None


def operation_kinds() -> list[Kind]:
    """What the engine of durable operations can run, by name."""
    return [export_kind(), import_kind(), ERASE]


@contextlib.contextmanager
def only_server(settings: Settings, *, restores: bool = False) -> Iterator[TextIOWrapper]:
    """SQLite has one writing process: hold the data folder's lock while serving. Raises DataFolderBusy.

    Also where a restore was cut off: what was erased since its backup may stand again. `restores`: this one goes on.
    """
    settings.data_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.data_folder / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"Another Freehold server uses {settings.data_folder}. Stop it, or choose another --data."
            raise DataFolderBusy(message) from None
        if is_being_restored(settings) and not restores:
            message = f"A restore into {settings.data_folder} was cut off. Run `freehold restore` again: it goes on."
            raise DataFolderBusy(message)
        yield lock
        lock.truncate(0)


def serve(settings: Settings, tell: Callable[[str, str], None] = lambda plain, secure: None) -> None:
    """Run until SIGINT or SIGTERM, then finish the requests under way. Raises DataFolderBusy, OSError.

    `tell` is given both addresses once they are served.
    """
    return_freed_memory()
    sys.setswitchinterval(SWITCH_SECONDS)
    set_up_logs(settings.log_level, SystemClock())
    with (
        only_server(settings) as lock,
        bind(settings.host, settings.http_port) as plain,
        bind(settings.host, settings.https_port) as secure,
    ):
        uvloop.run(_serve(settings, lock, plain, secure, tell))


@contextlib.contextmanager
def bind(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket; port 0 takes a free one. Raises OSError that names the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as fault:
            message = f"Cannot listen on {host}:{port} ({fault.strerror}). Choose another port, or stop what uses it."
            raise OSError(fault.errno, message) from None
        listener.listen(2048)
        yield listener


class Restored(NamedTuple):
    """`erased`: the erasures that were carried out again, ended. `log_closed`: why the certificate log signs nothing,
    if it does not."""

    erased: list[Operation]
    log_closed: Problem | None


def restore(settings: Settings, backup: Path) -> Restored:
    """Put a backup into an empty data folder and erase again what was erased since.

    Nobody is served meanwhile. After a death in the middle no server starts until the same call has hidden again what
    was erased; behind that, a server goes on with it. Raises Problem where the backup does not hold or data is there
    already, DataFolderBusy.
    """
    mark = check_backup(backup)
    with only_server(settings, restores=True):
        put_back(settings, backup, mark)
        services = build_services(settings)
        engine = _engine(services)
        try:
            services.database.write_now(lambda db: erase_returned(db, engine))
            passing("restore:returned:hidden")
            begun = services.database.read_now(lambda db: unfinished_ids(db, kind=ERASE.name))
            finish_restore(settings)
            passing("restore:folder:unmarked")
            engine.start()
            erased = [_ended(services, operation_id) for operation_id in begun]
            _look_at_log(services)
            return Restored(erased, services.log.closed)
        finally:
            engine.stop()
            services.database.close()


def rotate_keys(settings: Settings, *, destroy_old: bool) -> int:
    """New keys for tokens, certificates, pages, URLs and the envelope; how many sealed values were rewrapped.

    What old keys signed keeps verifying: certificates for ever, tokens and URLs until they expire. `destroy_old`:
    old envelope keys too, so that no older backup can show what it sealed. Raises DataFolderBusy while a server runs.
    """
    with only_server(settings):
        services = build_services(settings)
        keys = services.keys
        try:
            old = keys.envelope.key_ids()
            for ring in (keys.tokens, keys.certificates, keys.log, keys.page_tokens, keys.object_urls, keys.envelope):
                ring.rotate()
            keys.rewrap_secrets()
            rewrapped = services.database.write_now(rewrap_all)
            for key_id in old if destroy_old else ():
                keys.envelope.destroy(key_id)
            return rewrapped
        finally:
            services.database.close()


def begin_log_anew(settings: Settings) -> str:
    """Another certificate log under another key; its origin. Raises DataFolderBusy while a server runs."""
    with only_server(settings):
        return KeyStore(settings.key_folder, SystemClock()).log.begin_anew().origin


def _look_at_log(services: Services) -> None:
    """Take in certificates whose signing a crash prevented, and say so where signed ones are lost."""
    try:
        services.log.follow_now()
    except Problem as fault:
        log.error("certificate log closed", extra={"code": fault.code})


def _look_at_objects(services: Services) -> None:
    """Find out, and say, what a cloud's store keeps of removed objects. Erasures look again when they end."""
    place, keeper = place_of_objects(services.settings), services.objects.keeper
    if keeper is None or isinstance(place, Path):
        return
    services.keeps["objects"] = "being asked"
    keeping = looked_at(keeper, place.service)
    services.keeps["objects"] = keeping.describe()
    say = log.info if keeping.is_plain and not keeping.unknown else log.warning
    say("object store looked at", extra={"service": place.service, "keeps": keeping.describe()})


def _ended(services: Services, operation_id: str) -> Operation:
    while True:
        operation = services.database.read_now(lambda db: get_operation(db, operation_id))
        if operation.is_ended:
            return operation
        time.sleep(LOOK_SECONDS)


def _engine(services: Services) -> OperationEngine:
    engine = OperationEngine(services.database, services.settings)
    for kind in operation_kinds():
        engine.register(
            kind.name, kind.steps, clean_up=kind.clean_up, on_failure=kind.on_failure, is_local=kind.is_local
        )
    return engine


async def _serve(
    settings: Settings,
    lock: TextIOWrapper,
    plain: socket.socket,
    secure: socket.socket,
    tell: Callable[[str, str], None],
) -> None:
    services = build_services(settings)
    host = settings.public_host or settings.host
    services.public_url = f"https://{host}:{secure.getsockname()[1]}"
    listeners = [_listener(services, plain, is_secure=False), _listener(services, secure, is_secure=True)]
    engine = services.engine = _engine(services)
    sweeper = Sweeper(services.database, services.objects, services.clock, settings, services.log, engine)
    prober = Prober(services.database, settings)
    _stop_on_signals(listeners)
    _announce(lock, plain, secure)
    tell(_url("http", plain), _url("https", secure))
    services.ready |= {"database": True, "objects": True}
    _look_at_log(services)
    threading.Thread(target=_look_at_objects, args=(services,), name="freehold-stores", daemon=True).start()
    sweeper.start()
    prober.start()
    log.info("serving", extra={"http_port": plain.getsockname()[1], "https_port": secure.getsockname()[1]})
    try:
        await asyncio.gather(
            *(listener.serve([sock]) for listener, sock in zip(listeners, (plain, secure), strict=True)),
            _begin_work(listeners, engine, services.database, settings),
        )
    finally:
        services.ready |= {"database": False}
        spare.close()
        await asyncio.to_thread(engine.stop)
        await asyncio.to_thread(sweeper.stop)
        await asyncio.to_thread(prober.stop)
        await asyncio.to_thread(services.database.close)
        log.info("stopped")


async def _begin_work(
    listeners: "list[Listener]", engine: OperationEngine, database: Database, settings: Settings
) -> None:
    """After the listeners are up: loading the engine takes half a second of the interpreter, which they need first."""
    while not all(listener.started or listener.should_exit for listener in listeners):
        await asyncio.sleep(LISTENING_SECONDS)
    engine.start()
    freeze_what_is_loaded()
    if settings.spare_worker:
        spare.keep(settings.niceness, lambda: database.clients_write)


class Listener(uvicorn.Server):
    """A uvicorn server among others in one process: signals are handled once, for all of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(services: Services, sock: socket.socket, *, is_secure: bool) -> Listener:
    settings = services.settings
    tls: dict[str, str] = {}
    if is_secure:
        original = ORIGINAL_HOSTS if settings.original_hosts else ()
        files = services.keys.tls.ensure([settings.public_host, *original])
        tls = {"ssl_keyfile": str(files.key), "ssl_certfile": str(files.certificate)}
    return Listener(
        uvicorn.Config(
            Entrance(services, facades()),
            host=settings.host,
            port=sock.getsockname()[1],
            http=OneWriteProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            **tls,  # type: ignore[arg-type]  # only these two, both strings
        )
    )


def _stop_on_signals(listeners: list[Listener]) -> None:
    def stop() -> None:
        for listener in listeners:
            listener.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def _announce(lock: TextIOWrapper, plain: socket.socket, secure: socket.socket) -> None:
    """Who serves this folder, and where: what the CLI on the same machine reads."""
    where = {
        "pid": os.getpid(),
        "http": _url("http", plain),
        "https": _url("https", secure),
    }
    lock.seek(0)
    lock.truncate()
    lock.write(msgspec.json.encode(where).decode())
    lock.flush()


def _url(scheme: str, sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
