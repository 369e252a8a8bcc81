"""What `freehold operations` says below its table."""

import pytest

from freehold.cli.printing import console
from freehold.cli.watching import show
from freehold.client import Operation
from freehold.client.documents import Fault, Progress

FAULT = Fault("StoreAway", "The store [s3] does not answer.")


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        ("Running", FAULT, "op-1 waits: The store [s3] does not answer. (StoreAway)"),
        ("Failed", FAULT, "op-1 failed: The store [s3] does not answer. (StoreAway)"),
        ("Running", None, None),
    ],
)
def test_an_operation_says_what_it_waits_for(state: str, error: Fault | None, said: str | None) -> None:
    progress, moment = Progress(0, None, None, {}), "2026-01-01T00:00:00Z"
    operation = Operation("op-1", "erase", "run", state, "rows", "t", progress, None, error, moment, moment, None)
    with console.capture() as captured:
        show([operation])
    lines = captured.get().splitlines()
    assert lines[-1].strip() == said if said else "waits" not in captured.get()
