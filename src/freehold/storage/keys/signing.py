"""Signing keys: RSA-2048 for tokens (RS256, as Azure's), Ed25519 for certificates (JWS)."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from freehold.kit.clock import MICROSECONDS, Clock
from freehold.kit.problems import Invalid
from freehold.storage.keys.faults import KeyGone
from freehold.storage.keys.ring import Key, KeyRing, Material

_TOKENS_OUTLIVED_AFTER = 24 * 3600 * MICROSECONDS


def make_rsa() -> Material:
    return _material(generate_private_key(65537, 2048), "RS256")


def make_ed25519() -> Material:
    return _material(Ed25519PrivateKey.generate(), "EdDSA")


class TokenKeys:
    """A retired key loses its private half at once and verifies a day more: longer than any token lives."""

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        self._ring = ring
        self._clock = clock
        self._private: RSAKey | None = None

    def signing_key(self) -> RSAKey:
        """The private key in use; its `kid` is the RFC 7638 thumbprint."""
        current, private = self._ring.current, self._private
        if private is None or private.kid != current.key_id:
            # Kept, for reading it in takes 30 ms and more: its primes are checked.
            private = self._private = _with_kid(RSAKey.import_key(current.secret_bytes()))
        return private

    def find(self, kid: str) -> RSAKey:
        """The public key of that id while tokens under it may live. Raises KeyGone."""
        for key in self._published():
            if key.key_id == kid:
                return _public_rsa(key.public_bytes())
        raise KeyGone(kid)

    def jwks(self) -> dict[str, Any]:
        """RFC 7517 key set; `x5t` repeats the `kid`, as the v1 documents of Azure do."""
        keys = [_public_rsa(key.public_bytes()).as_dict(private=False) for key in self._published()]
        return {"keys": [{**key, "use": "sig", "alg": "RS256", "x5t": key["kid"]} for key in keys]}

    def rotate(self) -> str:
        return self._ring.rotate().key_id

    def _published(self) -> list[Key]:
        oldest = self._clock.now() - _TOKENS_OUTLIVED_AFTER
        return [key for key in self._ring.all() if key.retired_at is None or key.retired_at > oldest]


class CertificateKeys:
    """Public keys are kept for ever, so that a certificate verifies however old it is."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def sign_jws(self, payload: bytes, *, typ: str = "freehold-certificate") -> str:
        """A compact JWS (RFC 7515) over the payload as it is."""
        key = self._ring.current
        header = {"alg": "EdDSA", "kid": key.key_id, "typ": typ}
        private = OKPKey.import_key(key.secret_bytes())
        return jws.serialize_compact(header, payload, private, registry=_EdDSARegistry())

    def verify_jws(self, text: str, *, typ: str = "freehold-certificate") -> bytes:
        """The payload. Raises Invalid where it was not signed by this server, or was changed."""
        return verify_jws_with(self.jwks(), text, typ=typ)

    def verifier(self) -> Callable[[str], bytes]:
        """As `verify_jws`, for many certificates: the keys are read once."""
        keys = KeySet.import_key_set(dict(self.jwks()))  # type: ignore[arg-type]  # a JWKS document
        return lambda text: _payload(keys, text, "freehold-certificate")

    def jwks(self) -> dict[str, Any]:
        """RFC 7517 key set of all certificate keys ever, oldest first."""
        keys = [OKPKey.import_key(key.public_bytes()) for key in self._ring.all()]
        return {
            "keys": [
                {
                    **key.as_dict(private=False),
                    "kid": key.thumbprint(),
                    "use": "sig",
                    "alg": "EdDSA",
                }
                for key in keys
            ]
        }

    def rotate(self) -> str:
        return self._ring.rotate().key_id


def verify_jws_with(jwks: Mapping[str, Any], text: str, *, typ: str = "freehold-certificate") -> bytes:
    """The payload of a compact JWS signed by one of the key set. Raises Invalid."""
    try:
        keys = KeySet.import_key_set(dict(jwks))  # type: ignore[arg-type]  # a JWKS document
    except (JoseError, ValueError) as fault:
        raise _unverified() from fault
    return _payload(keys, text, typ)


def _payload(keys: KeySet, text: str, typ: str) -> bytes:
    try:
        signed = jws.deserialize_compact(text, keys, registry=_EdDSARegistry())
        if signed.headers().get("typ") != typ:
            raise ValueError("another kind of statement")
    except (JoseError, ValueError) as fault:
        raise _unverified() from fault
    return signed.payload


def _unverified() -> Invalid:
    return Invalid(
        "InvalidSignature", "the signature does not verify: the text was changed or another server signed it"
    )


class _QuietEdDSA(type(JWSRegistry.algorithms["EdDSA"])):  # type: ignore[misc]  # joserfc gives the class no public name
    """RFC 9864 renames EdDSA to Ed25519; the old name stays ours while common verifiers know no other."""

    security_warning = None


class _EdDSARegistry(JWSRegistry):
    algorithms = {"EdDSA": _QuietEdDSA(), "Ed25519": JWSRegistry.algorithms["Ed25519"]}  # noqa: RUF012  # joserfc's attribute
    max_payload_length = 64 << 20

    def __init__(self) -> None:
        super().__init__(algorithms=["EdDSA", "Ed25519"])


def _material(private: PrivateKeyTypes, algorithm: str) -> Material:
    secret = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kind = RSAKey if algorithm == "RS256" else OKPKey
    return Material(kind.import_key(public).thumbprint(), algorithm, secret, public)


@lru_cache(maxsize=8)
def _public_rsa(public: bytes) -> RSAKey:
    return _with_kid(RSAKey.import_key(public))


def _with_kid(key: RSAKey) -> RSAKey:
    key.ensure_kid()
    return key
