"""The keys of the certificate log, and the last head that they signed. Notes as C2SP signed-note has them.

`log/head.json` keeps origin, size and root of the largest tree signed: from it a database that lost certificates (an
old backup, put back) is known, whatever it says of itself. It lies beside the keys because no backup takes it back.
"""

import base64
import hashlib
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from freehold.kit.problems import Unavailable
from freehold.storage.keys.faults import KeysUnusable
from freehold.storage.keys.folder import KeyFolder
from freehold.storage.keys.ring import KeyRing

FORMAT = 1
_HEAD = "head.json"
_ED25519 = b"\x01"


class EndedLog(msgspec.Struct, frozen=True):
    """A log that was closed: its last checkpoint as it was signed, and the keys that verify it."""

    origin: str
    checkpoint: str
    verifier_keys: list[str]


class Head(msgspec.Struct, frozen=True):
    """`root` in hexadecimal; `first_key`: number of the first key of this origin; `ended`: earlier origins."""

    format: int
    origin: str
    size: int
    root: str
    first_key: int
    ended: list[EndedLog] = []


class LogKeys:
    def __init__(self, ring: KeyRing, folder: KeyFolder, store_id: str) -> None:
        self._ring = ring
        self._folder = folder
        self._first = Head(FORMAT, f"freehold/{store_id}/1", 0, hashlib.sha256().hexdigest(), 1)

    def head(self) -> Head:
        """Raises KeysUnusable."""
        try:
            return _decode(self._folder.read(_HEAD))
        except FileNotFoundError:
            return self._first

    def advance(self, size: int, root_of: Callable[[int], bytes]) -> Head:
        """The head after it took in a tree that holds the last one; `root_of` gives roots of its first leaves.

        Raises Unavailable where the tree lacks what was signed: another root for it will never be signed here.
        """

        def grow(content: bytes | None) -> bytes | None:
            head = self._first if content is None else _decode(content)
            if size < head.size or root_of(head.size).hex() != head.root:
                raise _lost(head, size)
            if content is not None and size == head.size:
                return None
            return msgspec.json.encode(msgspec.structs.replace(head, size=size, root=root_of(size).hex()))

        return _decode(self._folder.update(_HEAD, grow))

    def begin_anew(self) -> Head:
        """End the log and begin another with a new origin and a new key; the old end stays published."""
        before = self.head()
        number = int(before.origin.rpartition("/")[2]) + 1
        ended = EndedLog(before.origin, self.checkpoint(before), self._keys_since(before))
        first_key = self._ring.rotate().number
        origin = self._first.origin.rpartition("/")[0] + f"/{number}"
        head = msgspec.structs.replace(self._first, origin=origin, first_key=first_key, ended=[*before.ended, ended])
        self._folder.replace(_HEAD, msgspec.json.encode(head))
        return head

    def checkpoint(self, head: Head) -> str:
        """A signed note: origin, size and root of the tree (C2SP tlog-checkpoint)."""
        root = base64.b64encode(bytes.fromhex(head.root)).decode()
        return self._sign(head.origin, f"{head.origin}\n{head.size}\n{root}\n")

    def verifier_keys(self) -> list[str]:
        """All keys ever, as signed-note writes them; the one in use first."""
        head = self.head()
        return [*self._keys_since(head), *(key for log in reversed(head.ended) for key in log.verifier_keys)]

    def rotate(self) -> str:
        return self._ring.rotate().key_id

    def _keys_since(self, head: Head) -> list[str]:
        mine = [key for key in self._ring.all() if key.number >= head.first_key]
        return [_verifier_key(head.origin, _raw(key.public_bytes())) for key in reversed(mine)]

    def _sign(self, name: str, text: str) -> str:
        key = self._ring.current
        private = load_der_private_key(key.secret_bytes(), None)
        signature = private.sign(text.encode())  # type: ignore[union-attr,call-arg]  # the ring holds Ed25519 only
        signed = base64.b64encode(_key_hash(name, _raw(key.public_bytes())) + signature).decode()
        return f"{text}\n\N{EM DASH} {name} {signed}\n"


def _verifier_key(name: str, public: bytes) -> str:
    return f"{name}+{_key_hash(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def _key_hash(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _raw(public: bytes) -> bytes:
    return load_der_public_key(public).public_bytes(Encoding.Raw, PublicFormat.Raw)


def _decode(content: bytes) -> Head:
    try:
        head = msgspec.json.decode(content, type=Head)
    except msgspec.MsgspecError:
        head = None
    if head is None or head.format != FORMAT:
        message = "log/head.json cannot be read; restore it, or run the newer Freehold that wrote it"
        raise KeysUnusable("LogHeadUnreadable", message)
    return head


def _lost(head: Head, size: int) -> Unavailable:
    signed = (
        f"{head.size} certificates were signed as a log, and the database has {size} only."
        if size < head.size
        else f"The database has {size} certificates, but its first {head.size} are not those that were signed as a log."
    )
    way_on = (
        "An older backup was put back, or rows were changed. Put back a newer backup, or stop the server, end this log "
        "and begin another with `freehold log begin-anew`; the old end stays published."
    )
    return Unavailable("CertificatesLost", f"{signed} {way_on}")
