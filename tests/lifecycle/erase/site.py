"""A data folder full of canaries, and the process that erases in it. `python site.py DATA` works off what is asked.

Canaries stand in every free-form column of every record, put there by the catalogue's own list of columns, and
in what a training run writes through the domain.
"""

import asyncio
import base64
import gzip
import itertools
import secrets
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import zstandard

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.bootstrap import bootstrap
from freehold.domain.access.queries import find_default_workspace
from freehold.domain.artifacts.service import ArtifactName
from freehold.domain.artifacts.transfer import upload
from freehold.domain.experiments.service import ExperimentView, create_experiment
from freehold.domain.metrics.service import log_metrics
from freehold.domain.runs import service as runs
from freehold.kit.clock import Clock, SystemClock
from freehold.kit.ids import UuidSource
from freehold.lifecycle.erase import ERASE, request_erasure
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.selection import HIDDEN, WORKSPACE, Target, key_of
from freehold.operations import queries as operation_queries
from freehold.operations.engine import OperationEngine
from freehold.operations.model import Operation
from freehold.operations.runner import Runner
from freehold.records.catalogue import Record, catalogue, metadata
from freehold.records.people import Person
from freehold.records.rules import Container, LinkKind, Scope
from freehold.settings import Settings
from freehold.storage.blobs import PIECE, open_objects
from freehold.storage.database import Database, open_database
from freehold.storage.keys import KeyStore
from freehold.storage.metrics import Point
from freehold.storage.migrations import migrate
from freehold.storage.transaction import Transaction
from tests.patience import patient

PATIENCE = patient(60)
BELOW_RUNS = {record.table.name for record in Reach(Target(Scope.RUN, 1, (1,))).records()}
SKIPPED = {"object_ledger", "operations", "certificates", "forgotten_ids", "log_leaves", "idempotency_keys"}


@dataclass
class Site:
    settings: Settings
    database: Database
    keys: KeyStore
    engine: OperationEngine
    actor: Actor
    workspace: WorkspaceRef
    canaries: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def folder(self) -> Path:
        return self.settings.data_folder

    def canary(self, place: str) -> str:
        """Unique, with letters of both cases and signs that encodings change."""
        made = f"Canary é'\"<{place}> {secrets.token_hex(12)}"
        self.canaries.append(made)
        return made

    def experiment(self, name: str = "") -> ExperimentView:
        tags = {"why": self.canary("experiment tag")}
        name = name or self.canary("experiment")
        return self.database.write_now(
            lambda db: create_experiment(
                db, self.actor, self.workspace, name, description=self.canary("description"), tags=tags
            )
        )

    def run(self, experiment: ExperimentView, *, run_id: str | None = None, points: int = 3_000) -> str:
        """A training run as a client logs it, with an object of its own."""

        def write(db: Transaction) -> str:
            made = runs.create_run(
                db,
                self.actor,
                self.workspace,
                experiment,
                run_id=run_id,
                name=self.canary("run"),
                tags={"mlflow.user": "alice", "note": self.canary("tag"), self.canary("tag key"): "x"},
                fields={"description": self.canary("description"), "details": {"script": self.canary("details")}},
            )
            runs.log_parameters(db, self.workspace, made, [("rate", self.canary("parameter"))])
            runs.record_event(db, self.workspace, made, "Start", {"said": self.canary("event")}, None)
            key = self.canary("metric")
            for start in range(0, points, 500):
                batch = [Point(key, step, step * 1_000, secrets.randbits(50) / 7) for step in range(start, start + 500)]
                log_metrics(db, self.workspace, made, batch)
            for step in range(40):
                log_metrics(db, self.workspace, made, [Point(self.canary("lone metric"), step, step, 0.5)])
            return made

        made = self.database.write_now(write)
        self.artifact(made, f"plots/{secrets.token_hex(8)}.txt", self.canary("artifact").encode() * 50)
        self.artifact(made, f"model/{secrets.token_hex(8)}.gz", gzip.compress(self.canary("packed").encode() * 50))
        return made

    def artifact(self, run_id: str, path: str, content: bytes) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(content), PIECE):
                yield content[start : start + PIECE]

        name = ArtifactName("ExperimentRun", run_id, path)
        objects = open_objects(self.settings)
        asyncio.run(upload(self.database, objects, self.actor, self.workspace, name, pieces()))

    def fill(self, roots: dict[str, int], *, rows: int = 3) -> None:
        """Rows in every record of the workspace, with a canary in every free-form column."""
        for name in (table.name for table in metadata.sorted_tables):
            record = catalogue()[name]
            if record.rules.container is Container.WORKSPACE and name not in roots and name not in SKIPPED:
                for _ in range(rows if _may_repeat(record) else 1):
                    self.database.write_now(lambda db, record=record: self._add_row(db, record, roots))  # type: ignore[misc]  # binds the loop's value

    def _add_row(self, db: Transaction, record: type[Record], roots: dict[str, int]) -> None:
        values: dict[str, Any] = {}
        for column in record.table.columns:
            if "key" in column.info or column.name in (HIDDEN, "dead_at", "archived_at", "deleted_at"):
                continue
            values[column.name] = self._value(db, record, column, roots)
        values |= self._one_owner(db, record, values)
        db.execute(record.table.insert().values(values))

    def _value(self, db: Transaction, record: type[Record], column: sa.Column[Any], roots: dict[str, int]) -> Any:
        if column.name == WORKSPACE:
            return self.workspace.workspace_id
        if "link" in column.info:
            return self._linked(db, record, column, roots)
        if "object_prefix" in column.info:
            key = f"objects/ff/{secrets.token_hex(16)}"
            open_objects(self.settings)  # makes the folder
            path = self.folder / "store" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.canary("object").encode() * 20)
            return key
        if "rule" not in column.info:
            if isinstance(column.type, sa.Boolean):
                return False
            return db.now() if column.info.get("moment") else next(self.numbers)
        text = self.canary(f"{record.table.name}.{column.name}")
        if isinstance(column.type, sa.LargeBinary):
            return text.encode()
        return {"it": text} if type(column.type).__name__ == "Json" else text

    def _one_owner(self, db: Transaction, record: type[Record], values: dict[str, Any]) -> dict[str, int]:
        """Where a row may hang on one of many and hangs on none yet, the first that is there and hangs on a run."""
        possible = {
            name: catalogue()[each.to].table
            for name, each in record.links().items()
            if each.kind is LinkKind.DEEP and name != WORKSPACE and record.table.c[name].nullable
        }
        if any(values[name] is not None for name in possible):
            return {}
        for name, owner in possible.items():
            if owner.name in BELOW_RUNS:
                newest = db.execute(sa.select(sa.func.max(key_of(owner)))).scalar()
                return {} if newest is None else {name: newest}
        return {}

    def _linked(self, db: Transaction, record: type[Record], column: sa.Column[Any], roots: dict[str, int]) -> Any:
        target = catalogue()[column.info["link"].to]
        if target.table.name in roots:
            covers = column.info["link"].kind is LinkKind.COVERS
            return None if covers and target.table.name != "runs" else roots[target.table.name]
        if column.nullable and column.info["link"].kind is not LinkKind.REFCOUNT:
            return None
        if target.table.name == "log_leaves":
            key = db.execute(
                target.table.insert().values(leaf=secrets.token_bytes(32), created_at=1)
            ).inserted_primary_key
            return key[0] if key else None
        mine = target.table.c.get(WORKSPACE)
        where = mine == self.workspace.workspace_id if mine is not None else sa.true()
        return db.execute(sa.select(sa.func.max(key_of(target.table))).where(where)).scalar()

    def row_of(self, table: str, column: str, value: str) -> int:
        record = catalogue()[table]
        query = sa.select(key_of(record.table)).where(record.table.c[column] == value)
        return int(self.database.read_now(lambda db: db.execute(query).scalar_one()))

    def request(self, scope: Scope, root_id: str | None, plan_digest: str | None = None) -> Operation:
        return self.database.write_now(
            lambda db: request_erasure(
                db, self.engine, self.actor, self.workspace, scope, root_id, plan_digest=plan_digest
            )
        )

    def work_off(self, operation: Operation) -> Operation:
        """Run the operation's steps here, to the end."""
        runner = Runner(self.database, self.settings, self.engine.kinds, self.engine._stopping)
        while runner.advance(operation.operation_id):
            pass
        return self.operation(operation.operation_id)

    def erase(self, scope: Scope, root_id: str | None) -> Operation:
        return self.work_off(self.request(scope, root_id))

    def operation(self, operation_id: str) -> Operation:
        found = self.database.read_now(lambda db: operation_queries.find(db, operation_id))
        assert found is not None
        return found

    def close(self) -> None:
        self.database.close()


def open_site(
    folder: Path, *, url: str = "", driver: str = "sqlite3", objects: str = "", clock: Clock | None = None
) -> Site:
    settings = Settings(data=str(folder), database=url, sqlite_driver=driver, objects=objects)
    settings.data_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock = clock or SystemClock()
    keys = KeyStore(settings.key_folder, clock)
    database = open_database(settings, clock, UuidSource(clock), keys)
    migrate(database.engine)
    database.write_now(bootstrap)
    engine = OperationEngine(database, settings)
    engine.register(ERASE.name, ERASE.steps, clean_up=ERASE.clean_up)
    workspace = database.read_now(find_default_workspace)
    assert workspace is not None
    return Site(settings, database, keys, engine, _owner(database), workspace)


def _owner(database: Database) -> Actor:
    row = database.read_now(lambda db: db.execute(sa.select(Person.table)).first())
    assert row is not None
    return Actor(row.row_id, row.person_id, row.object_id, row.tenant_id, row.kind)


def traces(folder: Path, values: list[str]) -> dict[str, set[str]]:
    """Value → files (below `folder`, keys apart) that hold it, plain or in a few spellings, packed or not."""
    spelled = [(value, [value.encode(), *_spellings(value)]) for value in values]
    found: dict[str, set[str]] = {}
    for path in (path for path in folder.rglob("*") if path.is_file() and "keys" not in path.relative_to(folder).parts):
        data = _unpacked(path.read_bytes())
        for value, patterns in spelled:
            if any(pattern in data for pattern in patterns):
                found.setdefault(value, set()).add(path.relative_to(folder).as_posix())
    return found


def _spellings(value: str) -> list[bytes]:
    raw = value.encode()
    return [
        value.encode("utf-16-le"),
        raw.hex().encode(),
        base64.b64encode(raw)[:-4],
        value.split("'")[0].encode() + b"''" + value.split("'")[1].encode() if "'" in value else raw,
        raw.replace(b'"', b'\\"'),
        value.rpartition(" ")[2].encode(),
    ]


def _unpacked(data: bytes) -> bytes:
    """The bytes, and behind them what any gzip or zstd stream in them holds."""
    parts = [data]
    for magic in (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"):
        at = data.find(magic)
        while at >= 0:
            try:
                if magic[0] == 0x1F:
                    parts.append(zlib.decompressobj(31).decompress(data[at:]))
                else:
                    parts.append(zstandard.ZstdDecompressor().decompressobj().decompress(data[at:]))
            except (zlib.error, zstandard.ZstdError):
                pass
            at = data.find(magic, at + 1)
    return b"\0".join(parts)


def work(folder: Path) -> None:
    """A server's engine that ends when no operation is left."""
    site = open_site(folder)
    site.engine.start()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        time.sleep(0.1)
        if site.engine.is_running and not site.database.read_now(operation_queries.unfinished_ids):
            break
    site.engine.stop()
    site.close()


if __name__ == "__main__":
    work(Path(sys.argv[1]))


def _may_repeat(record: type[Record]) -> bool:
    """Whether two rows may have the same links."""
    unique = (each.columns for each in record.table.constraints if isinstance(each, sa.UniqueConstraint))
    return not any(all("link" in column.info for column in columns) for columns in unique)
