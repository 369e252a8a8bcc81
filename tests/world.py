"""The small world: Alice owns, Bob contributes, Charlie belongs elsewhere and must see nothing.

A real server process on a data folder of its own, with real sockets and real tokens.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from freehold.domain.access import rules
from freehold.domain.access.actor import Actor
from freehold.domain.access.authority import OWN_AUDIENCE, Authority
from freehold.domain.access.bootstrap import RESOURCE_GROUP, WORKSPACE, bootstrap
from freehold.domain.access.directory import service as directory
from freehold.domain.access.issuer import TokenIssuer
from freehold.domain.access.kinds import FACTS, Kind
from freehold.domain.access.owner import mint_for_owner, owner_client
from freehold.kit.clock import SystemClock
from freehold.kit.ids import UuidSource
from freehold.records.containers import ResourceGroup, Subscription, Workspace
from freehold.settings import Settings
from freehold.storage.database import Database, open_database
from freehold.storage.keys import KeyStore
from freehold.storage.migrations import migrate
from freehold.storage.transaction import Transaction
from tests.patience import patient

START_SECONDS = patient(20)
ELSEWHERE = "elsewhere"


@dataclass
class Person:
    """Somebody with a token."""

    name: str
    token: str
    object_id: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class World:
    """A data folder with three people in it, and the server that serves it."""

    folder: Path
    subscription_id: str
    alice: Person
    bob: Person
    charlie: Person
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    url: str = ""
    secure_url: str = ""
    through: tuple[str, ...] = ()
    """A command that the server is started with, as one that takes rights away."""

    @property
    def workspace(self) -> str:
        """ARM path of the workspace `default`."""
        return _workspace_path(self.subscription_id, RESOURCE_GROUP, WORKSPACE)

    @property
    def elsewhere(self) -> str:
        """ARM path of Charlie's workspace."""
        return _workspace_path(self.subscription_id, ELSEWHERE, ELSEWHERE)

    def start(self, *arguments: str, **environment: str) -> "World":
        """Start the server and wait until it is ready."""
        command = [*self.through, sys.executable, "-m", "freehold.cli.main", "serve", "--data", str(self.folder)]
        command += ["--http-port", "0", "--https-port", "0", *arguments]
        with (self.folder / "server.log").open("ab") as log, (self.folder / "server.out").open("ab") as out:
            self.process = subprocess.Popen(
                command, env=os.environ | self.environment | environment, stdout=out, stderr=log
            )
        self._wait_until_ready()
        return self

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, f"the server stopped: {self.log()}"
            try:
                where = json.loads((self.folder / "server.lock").read_text())
                if where["pid"] == self.process.pid and httpx.get(where["http"] + "/readyz").status_code == 200:
                    self.url, self.secure_url = where["http"], where["https"]
                    return
            except (OSError, ValueError, httpx.TransportError):
                pass
            time.sleep(0.05)
        raise AssertionError(f"the server was not ready in {START_SECONDS:.0f} s: {self.log()}")

    def stop(self) -> None:
        """Ask it to stop and wait."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process = None

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def log(self) -> str:
        path = self.folder / "server.log"
        return path.read_text(errors="replace")[-4_000:] if path.exists() else ""

    def request(self, method: str, path: str, person: Person | None = None, **more: Any) -> httpx.Response:
        headers = (person.headers if person else {}) | more.pop("headers", {})
        # verify=False: plain HTTP needs no CA bundle, and reading one takes 26 ms a request
        return httpx.request(method, self.url + path, headers=headers, timeout=patient(60), verify=False, **more)

    def get(self, path: str, person: Person | None = None, **more: Any) -> httpx.Response:
        return self.request("GET", path, person, **more)

    def post(self, path: str, body: Any = None, person: Person | None = None, **more: Any) -> httpx.Response:
        return self.request("POST", path, person, json=body, **more)

    def mlflow(self, verb: str, path: str, body: Any = None, person: Person | None = None) -> Any:
        """A call of MLflow's API in the default workspace, as Alice if nobody is named; its JSON."""
        address = f"/api/2.0/mlflow/{path}"
        who = person or self.alice
        response = self.get(address, who, params=body) if verb == "GET" else self.post(address, body, who)
        assert response.status_code == 200, response.text
        return response.json()

    def settings(self, **more: Any) -> Settings:
        given = {key.removeprefix("FREEHOLD_").lower(): value for key, value in self.environment.items()}
        return Settings(data=str(self.folder), **(given | more))


def make_world(folder: Path, **environment: str) -> World:
    """A folder with its keys, database and people; no server yet. `environment` holds FREEHOLD_… settings."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    given = {key.removeprefix("FREEHOLD_").lower(): value for key, value in environment.items()}
    settings = Settings(data=str(folder), **given)  # type: ignore[arg-type]  # strings only in these
    clock = SystemClock()
    keys = KeyStore(settings.key_folder, clock)
    database = open_database(settings, clock, UuidSource(clock), keys)
    try:
        migrate(database.engine)
        database.write_now(bootstrap)
        return _people(folder, database, keys, clock, dict(environment))
    finally:
        database.close()


def _workspace_path(subscription_id: str, group: str, name: str) -> str:
    return (
        f"/subscriptions/{subscription_id}/resourceGroups/{group}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{name}"
    )


def _people(folder: Path, database: Database, keys: KeyStore, clock: SystemClock, environment: dict[str, str]) -> World:
    owner = owner_client(keys)
    issuer = TokenIssuer(Authority.of(owner.tenant_id, ()), keys.tokens, clock)
    bob = database.write_now(_add_bob)
    charlie = database.write_now(_add_charlie)
    return World(
        folder,
        owner.subscription_id,
        Person("Alice", mint_for_owner(keys, clock, OWN_AUDIENCE), owner.object_id),
        Person("Bob", _token(issuer, bob), bob.object_id),
        Person("Charlie", _token(issuer, charlie), charlie.object_id),
        environment,
    )


def _token(issuer: TokenIssuer, actor: Actor) -> str:
    return issuer.issue(actor, client_id=actor.object_id).token


def _add_bob(db: Transaction) -> Actor:
    bob = directory.add_person(db, kind="person", display_name="Bob Builder")
    directory.grant(db, bob, rules.CONTRIBUTOR, workspace_id=1)
    return bob


def _add_charlie(db: Transaction) -> Actor:
    now = db.now()
    charlie = directory.add_person(db, kind="person", display_name="Charlie Chaplin")
    subscription = db.execute(Subscription.table.select()).first()
    assert subscription is not None
    group = {"name": ELSEWHERE, "name_folded": ELSEWHERE, "location": "local", "created_at": now}
    group_key = db.execute(
        ResourceGroup.table.insert().values(group | {"subscription_row": subscription.row_id})
    ).inserted_primary_key
    assert group_key is not None
    workspace = {
        "resource_group_row": group_key[0],
        "kind": Kind.WORKSPACE,
        "public_id": db.new_id(),
        "name": ELSEWHERE,
        "arm_path": FACTS[Kind.WORKSPACE].arm_path([ELSEWHERE]),
        "arm_path_folded": FACTS[Kind.WORKSPACE].arm_path([ELSEWHERE]).casefold(),
        "location": "local",
        "friendly_name": "",
        "description": "",
        "sku": "Basic",
        "tags": {},
        "properties": {},
        "created_at": now,
        "updated_at": now,
    }
    key = db.execute(Workspace.table.insert().values(workspace)).inserted_primary_key
    assert key is not None
    directory.grant(db, charlie, rules.OWNER, workspace_id=key[0])
    return charlie
