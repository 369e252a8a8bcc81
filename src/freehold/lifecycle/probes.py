"""Visits the scoring addresses of services that asked for it, and reports what it finds."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from freehold.domain.services import queries, rules
from freehold.domain.services.probing import (
    Finding,
    Probed,
    found_nowhere,
    found_refused,
    found_status,
    report_probe,
)
from freehold.kit.outside import NOT_RESOLVED, find_place, read_hosts
from freehold.kit.problems import Invalid
from freehold.kit.visits import visit
from freehold.settings import Settings
from freehold.storage.database import Database

log = logging.getLogger("freehold.probes")
VISIT_SECONDS = 5.0
AT_ONCE = 8
ROWS_AT_ONCE = 100
LAST_VISITS = 2 * VISIT_SECONDS


class Prober:
    """A thread of its own: who does not answer must not hold up the sweeps. Every round may be repeated.

    Neither an address nor a name is logged, only how many services a round moved.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._pause = settings.probe_seconds
        self._allowed = read_hosts(settings.outside_hosts)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freehold-prober", daemon=True)

    def start(self) -> None:
        if self._pause:
            self._thread.start()

    def stop(self) -> None:
        """Visits under way end; a name service that hangs is not waited for."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(LAST_VISITS)

    def probe_all(self) -> int:
        """One round, in the caller's thread; how many services it moved."""
        with ThreadPoolExecutor(AT_ONCE, "freehold-probe") as visitors:
            return sum(visitors.map(self._probe, self._due()))

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            try:
                moved = self.probe_all()
            except Exception as fault:
                log.warning("probes failed and will be tried again", extra={"fault": type(fault).__name__})
            else:
                if moved:
                    log.info("services moved by probes", extra={"count": moved})

    def _due(self) -> Iterator[Probed]:
        rows: list[sa.Row[Any]] = []
        while True:
            after = rows[-1].row_id if rows else 0
            rows = self._database.read_now(lambda db, at=after: queries.probed(db, after=at, limit=ROWS_AT_ONCE))  # type: ignore[misc]  # binds the loop's value
            if not rows:
                return
            for row in rows:
                if row.state in rules.PROBED:
                    yield Probed(row.row_id, row.workspace_id, row.scoring_uri)

    def _probe(self, probed: Probed) -> bool:
        """A fault in one leaves the others alone."""
        if self._stopping.is_set():
            return False
        finding = self._look(probed.scoring_uri)
        if self._stopping.is_set():
            return False
        try:
            return self._database.write_now(lambda db: report_probe(db, probed, finding))
        except Exception as fault:
            log.warning("a probe could not be reported", extra={"fault": type(fault).__name__})
            return False

    def _look(self, url: str) -> Finding:
        try:
            place = find_place(url, self._allowed)
        except Invalid as refusal:
            return found_nowhere(refusal) if refusal.code == NOT_RESOLVED else found_refused(refusal)
        return found_status(visit(place, VISIT_SECONDS))
