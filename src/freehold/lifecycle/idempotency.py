"""Repeated requests: digests of key and request, and the operation that answered. No content is kept.

The digests are keyed: a request names what it is about, and who read the table could try which ids were erased.
"""

from collections.abc import Callable

import sqlalchemy as sa

from freehold.domain.access.actor import Actor
from freehold.kit.clock import MICROSECONDS
from freehold.kit.digests import sha256_hex
from freehold.kit.problems import Conflict
from freehold.operations.model import Operation
from freehold.operations.service import get_operation
from freehold.records.operations import IdempotencyKey
from freehold.storage.portable import one_inserter_at_a_time
from freehold.storage.transaction import Transaction

HOURS_KEPT = 24
_k = IdempotencyKey.c


def once(
    db: Transaction, actor: Actor, key: str, request: bytes, make: Callable[[Transaction], Operation]
) -> Operation:
    """The operation of the first such request, or a new one. Raises Conflict when the key came with another request."""
    said = (("idempotency key", key.encode()), ("idempotent request", request))
    key_digest, request_digest = (db.keys.forgotten.digest(kind, "", sha256_hex(text)) for kind, text in said)
    one_inserter_at_a_time(db.connection, IdempotencyKey.table)  # who comes at the same time waits for the answer
    mine = sa.and_(_k.person_row == actor.person_row, _k.key_digest == key_digest)
    found = db.execute(sa.select(_k.request_digest, _k.operation_id).where(mine)).first()
    if found is not None:  # until it is swept, whatever the clock says: nothing is to be done twice because that jumps
        if found.request_digest != request_digest:
            message = "This Idempotency-Key came with another request before. Use a new key for a new request."
            raise Conflict("IdempotencyKeyReused", message)
        return get_operation(db, found.operation_id)
    operation = make(db)
    db.execute(
        IdempotencyKey.table.insert().values(
            person_row=actor.person_row,
            key_digest=key_digest,
            request_digest=request_digest,
            operation_id=operation.operation_id,
            expires_at=db.now() + HOURS_KEPT * 3_600 * MICROSECONDS,
        )
    )
    return operation
