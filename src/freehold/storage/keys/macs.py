"""Keyed digests (HMAC-SHA256): of what was erased, of page tokens, of signed object URLs."""

import hmac

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


def _digest(key: bytes, domain: bytes, parts: tuple[str | bytes, ...]) -> bytes:
    mac = hmac.new(key, domain, "sha256")
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        mac.update(len(data).to_bytes(8, "big") + data)
    return mac.digest()
