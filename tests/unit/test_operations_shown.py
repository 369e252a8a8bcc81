"""What the command line says of operations: below its table, and when one that it waited for has failed."""

from dataclasses import dataclass

import pytest

from freehold.cli.failure import Failure
from freehold.cli.printing import console
from freehold.cli.watching import show, watch
from freehold.client import Freehold, FreeholdError, Operation
from freehold.client.documents import Fault, Progress

FAULT = Fault("StoreAway", "The store [s3] does not answer.")
RETRY = "freehold operations op-1 --retry"


def operation(kind: str, state: str, error: Fault | None) -> Operation:
    progress, moment = Progress(0, None, None, {}), "2026-01-01T00:00:00Z"
    return Operation("op-1", kind, "run", state, "rows", "t", progress, None, error, moment, moment, None)


@dataclass
class Ended(Freehold):
    """A server that has this one operation."""

    only: Operation

    def operation(self, operation_id: str) -> Operation:
        assert operation_id == self.only.id
        return self.only


@pytest.mark.parametrize(
    ("kind", "state", "error", "said"),
    [
        ("erase", "Running", FAULT, "op-1 waits: The store [s3] does not answer. (StoreAway)"),
        ("erase", "Failed", FAULT, "op-1 failed: The store [s3] does not answer. (StoreAway)"),
        ("export", "Failed", FAULT, "op-1 failed: The store [s3] does not answer. (StoreAway)"),
        ("erase", "Running", None, None),
    ],
)
def test_an_operation_says_what_it_waits_for_and_how_it_goes_on(
    kind: str, state: str, error: Fault | None, said: str | None
) -> None:
    with console.capture() as captured:
        show([operation(kind, state, error)])
    lines = [line.strip() for line in captured.get().splitlines()]
    assert said in lines if said else "waits" not in captured.get()
    assert (RETRY in captured.get()) == ((kind, state) == ("erase", "Failed"))


def test_an_erasure_that_failed_says_how_it_goes_on() -> None:
    failed = operation("erase", "Failed", FAULT)
    with pytest.raises(Failure, match=RETRY) as raised:
        watch(Ended(failed), failed, quiet=True)
    assert (raised.value.code, FAULT.message in str(raised.value)) == (FAULT.code, True)


def test_what_is_cleaned_up_when_it_fails_is_not_retried() -> None:
    failed = operation("export", "Failed", FAULT)
    with pytest.raises(FreeholdError, match="does not answer"):
        watch(Ended(failed), failed, quiet=True)
