"""What a server does by itself in quiet moments: compact metrics, remove what has expired, erase what retention
policies find due, reap orphans, trim."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

import sqlalchemy as sa

from freehold.domain.artifacts.queries import doom_unfinished
from freehold.domain.artifacts.transfer import reap
from freehold.domain.clock.service import look
from freehold.domain.metrics import compaction, queries
from freehold.domain.retention.queries import workspaces_with_policy
from freehold.kit.clock import Clock
from freehold.kit.memory import trim
from freehold.lifecycle.kept import remove_expired_bags, remove_withdrawn_bags
from freehold.lifecycle.log.service import CertificateLog
from freehold.lifecycle.policies import carry_out
from freehold.lifecycle.retention import ageing, remove_aged
from freehold.operations.queries import living_ids
from freehold.operations.service import Operations
from freehold.records.catalogue import Record
from freehold.records.lifecycle import ExportLease, ForgottenId
from freehold.records.operations import IdempotencyKey
from freehold.settings import Settings
from freehold.storage.blobs import ObjectStore
from freehold.storage.database import Database
from freehold.storage.transaction import Transaction

log = logging.getLogger("freehold.sweeps")
RUNS_AT_ONCE = 100
LONGEST_COMPACTION = 40.0
"""Seconds of a sweep, and as many for the removal of what it replaced; what is left over waits for the next one."""
DEAD_AT_ONCE = 512
RESTS, LONGEST_REST = 30, 0.4
"""So many times as long as it took does the sweeper rest after a portion, but not above LONGEST_REST seconds."""
RESTS_BESIDE, LONGEST_REST_BESIDE = 60, 2.0
"""Where clients write: whoever does so at that moment feels a portion, so they are few then."""
EXPIRING: tuple[type[Record], ...] = (ForgottenId, IdempotencyKey)


class Sweeper:
    """One thread; every sweep is short and may be repeated. A fault is logged and the next sweep tries again."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        clock: Clock,
        settings: Settings,
        certificates: CertificateLog,
        operations: Operations,
    ) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock
        self._settings = settings
        self._operations = operations
        self._certificates = certificates
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freehold-sweeper", daemon=True)

    def start(self) -> None:
        """Call before the first request."""
        self.prepare()
        self._thread.start()

    def prepare(self) -> None:
        """Uploads that a killed server left are given up here, not tomorrow."""
        look(self._database)
        if self._settings.is_embedded:
            self._database.write_now(doom_unfinished)

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def sweep(self) -> None:
        """All sweeps once, in the caller's thread."""
        self._try(lambda: look(self._database))
        self._try(lambda: compact(self._database, self._rest))
        self._try(lambda: remove_released(self._database, self._rest))
        self._try(self._carry_out_policies)
        self._try(lambda: remove_withdrawn_bags(self._database, self._settings))
        self._try(self._remove_by_age)
        self._try(self._reap)
        self._try(self._certificates.follow_now)  # so that what was certified is signed soon, and its loss seen
        self._try(trim)

    def _reap(self) -> None:
        reap(self._database, self._objects, self._clock, by_age=look(self._database), rest=self._rest)

    def _rest(self, seconds: float) -> None:
        """After so many of work; clients would else wait for all of it together."""
        self._stopping.wait(rest_after(seconds, beside_clients=self._database.clients_write))

    def _remove_by_age(self) -> None:
        """Not where the clock may have jumped: what is gone too early does not come back when the clock does."""
        if not look(self._database):
            return
        self._try(lambda: self._database.write_now(remove_expired))
        self._try(lambda: remove_all_aged(self._database))
        self._try(lambda: remove_expired_bags(self._database, self._settings))

    def _carry_out_policies(self) -> None:
        """Each by itself: what stops one workspace's must not stop the others'."""
        for workspace_id in self._database.read_now(workspaces_with_policy):
            self._try(partial(self._carry_out, workspace_id))

    def _carry_out(self, workspace_id: int) -> None:
        carry_out(self._database, self._operations, workspace_id, self._settings.forget_days)

    def _run(self) -> None:
        while not self._stopping.wait(self._settings.sweep_seconds):
            self.sweep()

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as fault:
            log.warning("a sweep failed and will be tried again", extra={"fault": type(fault).__name__})


def rest_after(seconds: float, *, beside_clients: bool) -> float:
    """Seconds of rest after a portion of work that took so many."""
    if beside_clients:
        return min(RESTS_BESIDE * seconds, LONGEST_REST_BESIDE)
    return min(RESTS * seconds, LONGEST_REST)


def compact(database: Database, rest: Callable[[float], object] = lambda seconds: None) -> int:
    """Give runs with many segments chunks; how many segments went. `rest` is called after each, with the seconds
    that it took."""
    crowded = database.read_now(lambda db: queries.crowded_runs(db, compaction.CROWDED, RUNS_AT_ONCE))
    began, replaced = time.monotonic(), 0
    for workspace_id, run_row in crowded:
        while (at := time.monotonic()) - began < LONGEST_COMPACTION:
            more = compaction.compact_run(database, workspace_id, run_row)
            if more == 0:
                break
            replaced += more
            rest(time.monotonic() - at)
    return replaced


def remove_expired(db: Transaction) -> None:
    """Rows whose `expires_at` has passed, where their record's retention says so."""
    for record in EXPIRING:
        db.execute(sa.delete(record.table).where(record.c.expires_at <= db.now()))


def remove_all_aged(database: Database) -> None:
    """Rows older than their record's retention says, in short transactions. Raises what the last of those raised that
    failed, once all records had their turn: what stops one must not stop the others."""
    failed: Exception | None = None
    for name in ageing():
        try:
            while database.write_now(partial(remove_aged, name=name)):
                pass
        except Exception as fault:
            failed = fault
    if failed is not None:
        raise failed


def remove_released(database: Database, rest: Callable[[float], object] = lambda seconds: None) -> None:
    """Leases whose export has ended without giving them back, and segments that a chunk replaced while one stood.

    In portions, for an export leaves as many as were logged meanwhile. `rest` as `compact` has it.
    """
    database.write_now(_remove_ended_leases)
    began = time.monotonic()
    for workspace_id in database.read_now(queries.workspaces_with_dead):
        while (at := time.monotonic()) - began < LONGEST_COMPACTION:
            if not database.write_now(partial(_remove_dead, workspace_id=workspace_id)):
                break
            rest(time.monotonic() - at)


def _remove_ended_leases(db: Transaction) -> None:
    db.execute(ExportLease.table.delete().where(ExportLease.c.operation_id.not_in(living_ids())))


def _remove_dead(db: Transaction, workspace_id: int) -> int:
    """Not what an export reads; one may have begun since the portion before."""
    return 0 if queries.is_leased(db, workspace_id) else queries.remove_dead(db, workspace_id, DEAD_AT_ONCE)
