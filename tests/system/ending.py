"""Waits for an operation of a real server."""

import time
from typing import Any

from tests.world import World


def until_ended(world: World, operation_id: str, seconds: float) -> dict[str, Any]:
    """The operation, once it has ended. Fails with the server's log after `seconds`."""
    return _until(world, operation_id, seconds, "ended_at")


def until_waiting(world: World, operation_id: str, seconds: float) -> dict[str, Any]:
    """The operation, once it says what it waits for."""
    return _until(world, operation_id, seconds, "error")


def _until(world: World, operation_id: str, seconds: float, field: str) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found: dict[str, Any] = world.get(f"/freehold/v1/operations/{operation_id}", world.alice).json()
        if found[field]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"the operation has no {field} after {seconds:.0f} s: {found}, {world.log()}")
