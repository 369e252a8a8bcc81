"""A real server of the identity façade and the health routes, on two sockets, with a clock that tests can shift."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey

from freehold.api.entry import Entrance
from freehold.api.health import health
from freehold.api.identity import identity
from freehold.api.services import Services
from freehold.domain.access.actor import Actor
from freehold.domain.access.bootstrap import bootstrap
from freehold.domain.access.directory import service as directory
from freehold.domain.access.owner import OwnerClient, owner_client
from freehold.domain.access.verifier import TokenVerifier, own_hosts
from freehold.kit.clock import MICROSECONDS, SystemClock
from freehold.kit.ids import UuidSource
from freehold.lifecycle.log.service import CertificateLog
from freehold.settings import Settings
from freehold.storage.blobs import open_objects
from freehold.storage.database import open_database
from freehold.storage.keys import KeyStore
from freehold.storage.migrations import migrate

PROTECTED = "/metrics"


class ShiftedClock(SystemClock):
    shift_seconds = 0

    def now(self) -> int:
        return super().now() + self.shift_seconds * MICROSECONDS


@dataclass
class World:
    """A running server and what a test needs to speak to it, and to cheat."""

    services: Services
    clock: ShiftedClock
    owner: OwnerClient
    http: str
    https: str
    ca: Path
    folder: Path

    @property
    def tokens(self) -> TokenVerifier:
        assert isinstance(self.services.tokens, TokenVerifier)
        return self.services.tokens

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.https, verify=ssl.create_default_context(cafile=str(self.ca)))

    def ask_for_token(self, path: str = "/oauth2/v2.0/token", /, **changes: str | None) -> httpx.Response:
        """POST a client-credentials form of the owner; `None` leaves a parameter out."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.owner.client_id,
            "client_secret": self.owner.client_secret,
            "scope": "https://management.azure.com//.default",
            **changes,
        }
        with self.client() as client:
            return client.post(f"/{self.owner.tenant_id}{path}", data={k: v for k, v in form.items() if v is not None})

    def actor(self) -> Actor:
        found = self.services.database.read_now(
            lambda db: directory.find_signed_in(db, self.owner.tenant_id, self.owner.object_id)
        )
        assert found is not None
        return found.actor

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token, changed; `None` leaves one out."""
        token = self.tokens.issuer.issue(self.actor(), client_id=self.owner.client_id).token
        good = jwt.decode(token, self.services.keys.tokens.signing_key(), algorithms=["RS256"]).claims
        return {name: value for name, value in (good | changes).items() if value is not None}

    def sign(self, claims: dict[str, Any], key: RSAKey | None = None, **header: Any) -> str:
        key = key or self.services.keys.tokens.signing_key()
        return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, claims, key, algorithms=["RS256"])

    def get(self, token: str | None, path: str = PROTECTED) -> httpx.Response:
        with self.client() as client:
            return client.get(path, headers={"Authorization": f"Bearer {token}"} if token is not None else {})


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[[], World]]:
    """Starts servers on one data folder, one after another or side by side; all are stopped at the end."""
    with ExitStack() as stack:
        yield lambda: start(tmp_path / "data", stack)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        yield start(tmp_path_factory.mktemp("data"), stack)


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    """One server for the tests of a module; each finds the clock right and no token remembered."""
    shared.tokens.forget_person()
    yield shared
    shared.clock.shift_seconds = 0


def start(folder: Path, stack: ExitStack) -> World:
    clock = ShiftedClock()
    settings = Settings(data=str(folder))
    services = build(settings, clock)
    stack.callback(services.database.close)
    files = services.keys.tls.ensure()
    plain = run(services, stack)
    secure = run(services, stack, ssl_certfile=str(files.certificate), ssl_keyfile=str(files.key))
    services.public_url = f"https://127.0.0.1:{secure}"
    owner = owner_client(services.keys)
    http, https = f"http://127.0.0.1:{plain}", services.public_url
    return World(services, clock, owner, http, https, files.ca_certificate, folder)


def build(settings: Settings, clock: ShiftedClock) -> Services:
    ids = UuidSource(clock)
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    keys = KeyStore(settings.key_folder, clock)
    database = open_database(settings, clock, ids, keys)
    migrate(database.engine)
    database.write_now(bootstrap)
    tokens = TokenVerifier(keys, database, clock, hosts=own_hosts(settings))
    log = CertificateLog(database, keys)
    return Services(settings, clock, ids, keys, database, open_objects(settings), tokens, log)


def run(services: Services, stack: ExitStack, **tls: str) -> int:
    """Serve on a free port in a thread; returns the port once it listens."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    server = uvicorn.Server(
        uvicorn.Config(
            Entrance(services, [health, identity]),
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=1,  # MSAL leaves its connections open, and TLS waits for its farewell
            **tls,  # type: ignore[arg-type]  # two paths
        )
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    stack.callback(stop)
    return int(listener.getsockname()[1])
