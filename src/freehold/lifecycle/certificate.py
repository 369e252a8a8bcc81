"""The signed statement of an erasure: what was done, how far, what was not covered. No name, no id of content.

A compact JWS (RFC 7515, EdDSA) over canonical JSON (RFC 8785). Public keys are kept for ever, so a certificate
verifies however old it is; `verify` needs nothing but the key set that the server publishes.
"""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from freehold.domain.clock.service import is_even_since
from freehold.kit.canonical import canonical_json
from freehold.kit.clock import to_iso
from freehold.kit.faults import passing
from freehold.kit.problems import Invalid, NotFound
from freehold.lifecycle.evidence import BITS, NEEDLES, OBJECTS_SAMPLED, ROOTS_SAMPLED, ROWS_SAMPLED, Evidence
from freehold.lifecycle.levels import LEFT_OUT
from freehold.lifecycle.log.queries import append_certificate
from freehold.lifecycle.plan import NOT_COVERED, retained_records
from freehold.lifecycle.proof import Proof
from freehold.lifecycle.reach import Reach
from freehold.operations.model import Operation
from freehold.records.lifecycle import Certificate
from freehold.storage.keys import verify_jws_with
from freehold.storage.transaction import Transaction

FORMAT = 1
ERASURE = "erasure"
LIMITS = (
    "values that were overwritten before the erasure was asked for",
    f"spellings that the search does not look for: {'; '.join(LEFT_OUT)}",
    f"what a sample does not show: the search looks for at most {NEEDLES:,} values of at least {BITS} bits each, taken "
    f"from some {ROWS_SAMPLED} rows of each table ({ROOTS_SAMPLED} of what has an id of its own, fewer of the others "
    f"where many things go together) and from at most {OBJECTS_SAMPLED} objects; all of them were removed alike",
)
"""Of the search that a certificate rests on."""
JUMPED = "it jumped between request and proof: these times tell neither their order nor how long it took"
FIELDS = (
    "format", "kind", "certificate_id", "target_id", "scope", "plan_digest", "root_digest", "requested_at",
    "verified_at", "level", "stores", "counts", "retained", "not_covered", "search",
)  # fmt: skip


def statement_of_erasure(
    db: Transaction, operation: Operation, evidence: Evidence, proof: Proof, erased_at: int | None
) -> dict[str, Any]:
    """`counts`: rows and objects that went, by record. `root_digest` is keyed: it tells nothing without the key.
    `erased_at`: when the last of them had gone, None where that is not known."""
    return {
        "format": FORMAT,
        "kind": ERASURE,
        "certificate_id": db.new_id(),
        "target_id": operation.target_id,
        "scope": operation.scope,
        "plan_digest": evidence.plan_digest,
        "root_digest": evidence.root_digest,
        "requested_at": to_iso(operation.created_at),
        "erased_at": None if erased_at is None else to_iso(erased_at),
        "verified_at": to_iso(proof.verified_at),
        "clock": "even" if is_even_since(db, operation.created_at) else JUMPED,
        "level": proof.level,
        "stores": proof.stores,
        "counts": dict(operation.progress.counts),
        "retained": retained_records([Reach(target) for target in evidence.targets]),
        "not_covered": [*NOT_COVERED, *LIMITS],
        "search": proof.scan,
    }


def issue(db: Transaction, operation_id: str, statement: Mapping[str, Any]) -> str:
    """Sign and keep; gives the certificate's id."""
    jws = db.keys.certificates.sign_jws(canonical_json(dict(statement)))
    values = {
        "certificate_id": statement["certificate_id"],
        "operation_id": operation_id,
        "kind": statement["kind"],
        "jws": jws,
    }
    passing("erase:certificate:signed")
    append_certificate(db, values)
    return str(statement["certificate_id"])


def verify(jwks: Mapping[str, Any], jws: str) -> dict[str, Any]:
    """The statement. Raises Invalid where it was changed, signed by another server, or is of an unknown form."""
    statement = json.loads(verify_jws_with(jwks, jws))
    if not isinstance(statement, dict) or statement.get("format") != FORMAT or set(FIELDS) - set(statement):
        raise Invalid("UnknownCertificate", "This is no erasure certificate that this version can read.")
    return statement


def find_certificate(db: Transaction, operation_id: str) -> sa.Row[Any]:
    """The row of an operation's certificate. Raises NotFound while there is none."""
    columns = (Certificate.c.certificate_id, Certificate.c.kind, Certificate.c.jws, Certificate.c.created_at)
    row = db.execute(sa.select(*columns).where(Certificate.c.operation_id == operation_id)).first()
    if row is None:
        raise NotFound("CertificateNotFound", "There is no certificate yet: the operation has not ended well.")
    return row


def operation_certified_by(db: Transaction, certificate_id: str) -> str | None:
    """The id of the operation that a certificate is about."""
    found = sa.select(Certificate.c.operation_id).where(Certificate.c.certificate_id == certificate_id)
    return db.execute(found).scalar()
