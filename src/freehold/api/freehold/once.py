"""`Idempotency-Key`: the same key with the same request is answered by the operation of the first one."""

from collections.abc import Callable

from freehold.api.entry import Call
from freehold.domain.access.actor import Actor
from freehold.kit.problems import Invalid
from freehold.lifecycle import idempotency
from freehold.operations.model import Operation
from freehold.storage.transaction import Transaction

LONGEST_KEY = 255


async def once(call: Call, body: bytes, make: Callable[[Transaction], Operation], *, of: str = "") -> Operation:
    """Run `make` unless this actor sent the same key and body in the last 24 hours. Raises Conflict, Invalid.

    `of`: the public id of the container that it is asked of. One made anew under the name of an erased one has the same
    address, and what was asked of that one was not done in it. An import names none: it may change that id itself.
    """
    key = call.request.headers.get("idempotency-key")
    if key is None:
        return await call.services.database.write(make)
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Invalid("InvalidIdempotencyKey", f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.")
    request = f"{call.route.method} {call.request.url.path} {of}\n".encode() + body
    actor: Actor = call.actor
    return await call.services.database.write(lambda db: idempotency.once(db, actor, key, request, make))
