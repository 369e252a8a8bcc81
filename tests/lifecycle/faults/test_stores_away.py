"""A cloud's store that goes wrong in the middle of an operation: it waits, says what for, and goes on by itself."""

import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.gates import Gate
from tests.lifecycle.faults.checks import at_end
from tests.lifecycle.faults.conftest import Benches
from tests.lifecycle.faults.kills import SEED
from tests.patience import patient

# moto's server leaves the socket of a client that was cut off to the garbage collector, which says so as a warning
pytestmark = [
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),  # joserfc, by RFC 9864; verifiers know this name
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
UNAVAILABLE, REFUSED = "ObjectStoreUnavailable", "ObjectStoreRefused"


class Trouble(NamedTuple):
    """What the gate does to requests of one name, and what an operation must say of it."""

    request: str
    code: str = UNAVAILABLE
    status: int = 0
    is_cut: bool = False

    def begin(self, gate: Gate) -> None:
        gate.status, gate.only, gate.cuts = self.status, self.request, 1_000_000
        gate.cut, gate.cut_sent = (self.request, "") if self.request == "get" else ("", self.request)
        if not self.is_cut:
            gate.cuts = 0

    def __str__(self) -> str:
        return f"{self.request}:{'cut' if self.is_cut else self.status}"


def refusals(*requests: str) -> list[Trouble]:
    return [
        Trouble(request, REFUSED if status == 403 else UNAVAILABLE, status)
        for request in requests
        for status in (500, 503, 403)
    ]


TROUBLES = {
    "s3-export": [*refusals("get"), Trouble("get", is_cut=True)],
    "s3-import": [
        *refusals("put", "begin-upload", "put-part", "complete-upload"),
        Trouble("put", is_cut=True),
        Trouble("put-part", is_cut=True),
    ],
    "s3-erase": [
        *refusals("get", "remove-batch"),
        Trouble("get", is_cut=True),
        Trouble("remove-batch", is_cut=True),
        Trouble("abort-upload", status=503),
        Trouble("ask", status=503),
    ],
    "azure-import": [*refusals("put-part"), Trouble("put-part", is_cut=True)],
    "azure-erase": [*refusals("remove-batch"), Trouble("get", is_cut=True)],
}


def every() -> list[Any]:
    found = [(variant, trouble) for variant, troubles in TROUBLES.items() for trouble in troubles]
    daily = random.Random(SEED).choice([each for each in found if each[0] == "s3-import"])
    return [
        pytest.param(*each, id="+".join(map(str, each)), marks=() if each == daily else pytest.mark.exhaustive)
        for each in found
    ]


@pytest.mark.parametrize(("variant", "trouble"), every())
def test_it_waits_says_so_and_goes_on(
    clouds: Benches, variant: str, trouble: Trouble, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bench = clouds.of(variant)
    base, undisturbed = bench.base(variant)
    folder, gate = bench.copy(base), bench.place.gate
    assert gate is not None
    trouble.begin(gate)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(bench.run, folder)
        try:
            code, message = _waits(folder, base.operation_id)
            time.sleep(2)  # for a second try
            assert _certificates(folder, base.operation_id) == 0
        finally:
            gate.status = gate.cuts = 0
        assert code == trouble.code
        assert "goes on by itself" in message
        assert running.result(patient(90)) == 0
    assert at_end(base, folder, tmp_path_factory.mktemp("beside") / "aside", bench.place) == undisturbed
    bench.remove(folder)


@pytest.mark.exhaustive
@pytest.mark.parametrize("variant", ["s3-export", "s3-import", "s3-erase"])
def test_a_slow_store_is_no_fault(clouds: Benches, variant: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    bench = clouds.of(variant)
    base, undisturbed = bench.base(variant)
    folder, gate = bench.copy(base), bench.place.gate
    assert gate is not None
    gate.delay = 1.0
    try:
        assert bench.run(folder) == 0
    finally:
        gate.delay = 0.0
    assert at_end(base, folder, tmp_path_factory.mktemp("beside") / "aside", bench.place) == undisturbed
    bench.remove(folder)


def _waits(folder: Path, operation_id: str) -> tuple[str, str]:
    """What the operation says that it waits for, while it runs."""
    deadline = time.monotonic() + patient(60)
    while time.monotonic() < deadline:
        state, code, message = _row(
            folder, "SELECT state, error_code, error_message FROM operations WHERE operation_id = ?", operation_id
        )
        assert state in ("NotStarted", "Running"), (state, code, message)
        if code is not None:
            return code, message
        time.sleep(0.05)
    raise AssertionError("it says nothing")


def _certificates(folder: Path, operation_id: str) -> int:
    return int(_row(folder, "SELECT count(*) FROM certificates WHERE operation_id = ?", operation_id)[0])


def _row(folder: Path, sql: str, *given: str) -> tuple[Any, ...]:
    with closing(sqlite3.connect(f"file:{folder}/freehold.db?mode=ro", uri=True, timeout=30)) as rows:
        found: tuple[Any, ...] = rows.execute(sql, given).fetchone()
    return found
