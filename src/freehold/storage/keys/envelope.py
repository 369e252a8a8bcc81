"""Envelope encryption: each value under a key of its own, that key under the envelope key in use.

    magic "FHS" | format 1 | envelope key id 8 | nonce 12 | wrapped value key 48 | nonce 12 | value + tag 16

Both layers are AES-256-GCM. The wrapped key is bound to the bytes before it, the value to its context
(where it is stored: so a sealed value moved to another row or column does not open).
"""

import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.storage.keys.faults import SealBroken
from freehold.storage.keys.ring import Key, KeyRing, Material

_FORMAT = b"FHS\x01"
_NONCE = 12
_HEAD = len(_FORMAT) + 8
_WRAPPED = _HEAD + _NONCE + 48
_SHORTEST = _WRAPPED + _NONCE + 16
_BOUND = b"freehold.sealed.v1\x00"


def make_symmetric(algorithm: str) -> Material:
    return Material(secrets.token_hex(8), algorithm, secrets.token_bytes(32))


class Envelope:
    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """`context` says where the value stands, such as b"persons.upn:" + person id; it is no secret."""
        value_key = AESGCM.generate_key(256)
        nonce = os.urandom(_NONCE)
        value = AESGCM(value_key).encrypt(nonce, plaintext, _BOUND + context)
        return _wrap(self._ring.current, value_key) + nonce + value

    def open_(self, sealed: bytes, context: bytes) -> bytes:
        """Raises SealBroken, and KeyGone where the envelope key was destroyed."""
        value_key = self._unwrap(sealed)
        nonce = sealed[_WRAPPED : _WRAPPED + _NONCE]
        try:
            return AESGCM(value_key).decrypt(nonce, sealed[_WRAPPED + _NONCE :], _BOUND + context)
        except InvalidTag:
            raise SealBroken from None

    def rewrap(self, sealed: bytes) -> bytes:
        """The same value under the envelope key in use, without looking at the value."""
        if self.key_id(sealed) == self._ring.current.key_id:
            return sealed
        return _wrap(self._ring.current, self._unwrap(sealed)) + sealed[_WRAPPED:]

    def key_id(self, sealed: bytes) -> str:
        """The envelope key that the value hangs on. Raises SealBroken."""
        if len(sealed) < _SHORTEST or not sealed.startswith(_FORMAT):
            raise SealBroken
        return sealed[len(_FORMAT) : _HEAD].hex()

    def rotate(self) -> str:
        """Make a new envelope key; returns its id. Old ones go on opening until `destroy`."""
        return self._ring.rotate().key_id

    def key_ids(self) -> list[str]:
        """Oldest first; the last is in use."""
        return [key.key_id for key in self._ring.all()]

    def destroy(self, key_id: str) -> None:
        """For an old key, once everything was rewrapped: what still hangs on it is lost to all."""
        self._ring.destroy(key_id)

    def _unwrap(self, sealed: bytes) -> bytes:
        key = self._ring.find(self.key_id(sealed))
        nonce = sealed[_HEAD : _HEAD + _NONCE]
        try:
            return AESGCM(key.secret_bytes()).decrypt(nonce, sealed[_HEAD + _NONCE : _WRAPPED], sealed[:_HEAD])
        except InvalidTag:
            raise SealBroken from None


def _wrap(key: Key, value_key: bytes) -> bytes:
    head = _FORMAT + bytes.fromhex(key.key_id)
    nonce = os.urandom(_NONCE)
    return head + nonce + AESGCM(key.secret_bytes()).encrypt(nonce, value_key, head)
