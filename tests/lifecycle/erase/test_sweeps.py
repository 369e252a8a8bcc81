"""Sweeps run on every server for as long as it lives: they must not be felt, however much it holds."""

import sqlite3
from contextlib import closing
from typing import Any

import sqlalchemy as sa

from freehold.kit.clock import SystemClock
from freehold.lifecycle.log.service import CertificateLog
from freehold.lifecycle.sweeps import Sweeper, rest_after
from freehold.storage.blobs import open_objects
from tests.lifecycle.erase.site import Site

MANY_ROWS = (
    *("runs", "metric_segments", "metric_chunks", "latest_metrics", "structured_metrics", "run_properties"),
    *("artifacts", "stored_objects", "events", "telemetry_records"),
)


def _sweeper(site: Site) -> Sweeper:
    log = CertificateLog(site.database, site.keys)
    return Sweeper(site.database, open_objects(site.settings), SystemClock(), site.settings, log, site.engine)


def test_a_sweep_reads_no_large_table_whole(plain_site: Site) -> None:
    """An index alone may be read whole: it is a hundredth of what metrics take."""
    asked: dict[str, Any] = {}
    remember = lambda *given: asked.setdefault(given[2], given[3])  # noqa: E731  # a listener that says what it saw
    sa.event.listen(plain_site.database.engine, "before_cursor_execute", remember)
    _sweeper(plain_site).sweep()
    assert len(asked) > 10
    with closing(sqlite3.connect(plain_site.settings.data_folder / "freehold.db")) as database:
        steps = {
            f"{detail} · {statement}"
            for statement, values in asked.items()
            if statement.startswith(("SELECT", "DELETE", "UPDATE", "WITH"))
            for *_, detail in database.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        }
    read_whole = {f"SCAN {table} ·" for table in MANY_ROWS}
    assert [step for step in steps if any(step.startswith(each) for each in read_whole)] == []


def test_a_sweep_rests_longer_where_clients_write() -> None:
    assert rest_after(0.04, beside_clients=True) > 0.04 * 40, "one moment in forty at most is of its work"
    assert rest_after(0.04, beside_clients=False) < rest_after(0.04, beside_clients=True)
    assert rest_after(10.0, beside_clients=True) == 2.0
