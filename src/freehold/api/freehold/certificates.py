"""Certificates: signed statements of exports and erasures, and the keys that verify them."""

import base64

import msgspec
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.freehold.facade import V1, freehold
from freehold.api.freehold.shapes import CertificateOut, ErrorOut
from freehold.api.replies import reply
from freehold.api.routing import Anonymous, SignedIn
from freehold.kit.clock import to_iso
from freehold.lifecycle.certificate import find_certificate, operation_certified_by
from freehold.lifecycle.watch import see_operation
from freehold.storage.transaction import Transaction


@freehold.route(
    "GET",
    f"{V1}/certificates/keys",
    Anonymous(because="whoever holds a certificate must be able to verify it; public keys only"),
)
async def keys(call: Call) -> Response:
    """The public keys of all certificates ever signed here, as a JWK set."""
    return reply(call.services.keys.certificates.jwks())


@freehold.route("GET", f"{V1}/certificates/{{operation}}", SignedIn(), answer=CertificateOut)
async def get_one(call: Call) -> Response:
    """The certificate of an operation, by the id of either."""
    asked = call.params["operation"]

    def find(db: Transaction) -> CertificateOut:
        operation_id = operation_certified_by(db, asked) or asked
        see_operation(db, call.actor, operation_id)
        row = find_certificate(db, operation_id)
        payload = row.jws.split(".")[1]
        statement = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return CertificateOut(row.certificate_id, operation_id, row.kind, row.jws, statement, to_iso(row.created_at))

    found = await call.services.database.read(find)
    fault = call.services.log.closed
    found.log_closed = ErrorOut(fault.code, fault.message) if fault else None
    return reply(found)
