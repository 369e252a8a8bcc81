"""Long work: wait a moment for it, else tell the client where to look."""

import asyncio

from freehold.api.entry import Call
from freehold.lifecycle.watch import see_operation
from freehold.operations.model import Operation

MOMENT_SECONDS = 0.5
_LOOKS = 10
RETRY_SECONDS = "1"
"""Sent on every poll too: clients of that time otherwise wait 30 s between two looks."""


async def look(call: Call, operation_id: str) -> Operation:
    """Raises NotFound when there is none that the caller may see."""
    return await call.services.database.read(lambda db: see_operation(db, call.actor, operation_id))


async def settle(call: Call, operation: Operation) -> Operation:
    """The operation, ended if it ended within a moment."""
    for _ in range(_LOOKS):
        if operation.is_ended:
            break
        await asyncio.sleep(MOMENT_SECONDS / _LOOKS)
        operation = await look(call, operation.operation_id)
    return operation
