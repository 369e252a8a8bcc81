"""Reads the certificate of a bag: a compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037)."""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from freehold.kit.problems import Invalid
from freehold.storage.keys import verify_jws_with

LARGEST = 1 << 24


class CertificateState(StrEnum):
    """`consistent`: signed by the key that the bag itself brings; it is whole; who made it stays open."""

    ABSENT = "absent"
    VALID = "valid"
    CONSISTENT = "consistent"
    UNKNOWN_KEY = "unknown_key"
    WRONG = "wrong"


def check_certificate(
    certificate: Path, keys_inside: Path, tag_manifest_sha256: str, keys: Mapping[str, object] | None
) -> tuple[CertificateState, dict[str, object]]:
    """The state, and what the certificate claims when its signature holds."""
    if not certificate.exists():
        return CertificateState.ABSENT, {}
    try:
        chosen = keys if keys is not None else json.loads(_content(keys_inside))
        known = {key.kid for key in KeySet.import_key_set(cast(Any, chosen)).keys}
    except (OSError, ValueError, JoseError, KeyError, TypeError, AttributeError, RecursionError):
        return CertificateState.UNKNOWN_KEY, {}
    token = _content(certificate).strip()
    key_id = _key_id(token)
    if not isinstance(key_id, str) or key_id not in known:
        return CertificateState.UNKNOWN_KEY, {}
    claims = _claims(token, chosen)
    if claims is None or tag_manifest_sha256 not in _vouched_for(claims):
        return CertificateState.WRONG, {}
    return (CertificateState.CONSISTENT if keys is None else CertificateState.VALID), claims


def _vouched_for(claims: Mapping[str, object]) -> tuple[object, ...]:
    """The bag, and of an increment also what it becomes together with its base."""
    combined = claims.get("combined")
    more = (combined.get("tag_manifest_sha256"),) if isinstance(combined, dict) else ()
    return (claims.get("tag_manifest_sha256"), *more)


def _key_id(token: bytes) -> object:
    try:
        return jws.extract_compact(token).headers().get("kid")
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _claims(token: bytes, keys: Mapping[str, object]) -> dict[str, object] | None:
    try:
        claims = json.loads(verify_jws_with(keys, token.decode("ascii")))
    except (Invalid, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _content(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(LARGEST)
