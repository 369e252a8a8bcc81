"""Keyed digests (HMAC-SHA256): of what was erased, of page tokens, of signed object URLs."""

import hmac
from collections.abc import Iterable

from freehold.storage.keys.ring import KeyRing


class MacKeys:
    def __init__(self, ring: KeyRing, domain: bytes) -> None:
        self._ring = ring
        self._domain = domain

    @property
    def key(self) -> bytes:
        """The raw key in use, for code that must not know the key store (kit/page_tokens.py)."""
        return self._ring.current.secret_bytes()

    @property
    def key_id(self) -> str:
        return self._ring.current.key_id

    def digest(self, *parts: str | bytes) -> bytes:
        """32 bytes over the parts; each part's length is digested too, so ("ab", "c") is not ("a", "bc")."""
        return _digest(self.key, self._domain, parts)

    def digests(self, common: tuple[str, ...], last: Iterable[str]) -> list[bytes]:
        """`digest` of the common parts with each of the last."""
        begun = _fed(hmac.new(self.key, self._domain, "sha256"), common)
        return [_fed(begun.copy(), (each,)).digest() for each in last]

    def matches(self, digest: bytes, *parts: str | bytes) -> bool:
        """Whether the digest was made with the key in use or one that is kept from before."""
        return any(
            hmac.compare_digest(digest, _digest(key.secret_bytes(), self._domain, parts))
            for key in reversed(self._ring.all())
        )

    def rotate(self) -> str:
        """Make a new key. Page tokens and URLs: those under the key before it end with `destroy`."""
        return self._ring.rotate().key_id

    def destroy(self, key_id: str) -> None:
        self._ring.destroy(key_id)


class ForgetKey:
    """Digests the forget list. One key for ever: ids that were erased are not kept anywhere, so the list
    cannot be made again under another key, and a list that no longer matches would let the erased come back.
    Losing it is as bad: it belongs in the backup of the keys."""

    def __init__(self, ring: KeyRing) -> None:
        self._macs = MacKeys(ring, b"freehold.forgotten.v1")

    @property
    def key_id(self) -> str:
        return self._macs.key_id

    def digest(self, kind: str, container: str, id_: str) -> bytes:
        """32 bytes that stand for an erased thing: kind, what it stood in, public or client-chosen id."""
        return self._macs.digest(kind, container, id_)

    def digests(self, kind: str, container: str, ids: Iterable[str]) -> list[bytes]:
        """`digest` of many, in their order: to find the key takes as long as to use it."""
        return self._macs.digests((kind, container), ids)


def _digest(key: bytes, domain: bytes, parts: tuple[str | bytes, ...]) -> bytes:
    return _fed(hmac.new(key, domain, "sha256"), parts).digest()


def _fed(mac: hmac.HMAC, parts: tuple[str | bytes, ...]) -> hmac.HMAC:
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        mac.update(len(data).to_bytes(8, "big") + data)
    return mac
