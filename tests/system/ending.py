"""Waits for an operation of a real server."""

import time
from typing import Any

from tests.world import World


def until_ended(world: World, operation_id: str, seconds: float) -> dict[str, Any]:
    """The operation, once it has ended. Fails with the server's log after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found: dict[str, Any] = world.get(f"/freehold/v1/operations/{operation_id}", world.alice).json()
        if found["ended_at"]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"the operation did not end in {seconds:.0f} s: {found}, {world.log()}")
