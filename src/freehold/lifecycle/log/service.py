"""The log as it is served: it follows the table of certificates, and never takes back what was signed.

A leaf is canonical JSON: format, the certificate's random id, the SHA-256 of its JWS. A JWS carries a signature that
nobody can guess, so its digest tells nothing of what it says; who holds the certificate can find it here.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

from freehold.kit.canonical import canonical_json
from freehold.kit.digests import sha256_hex
from freehold.kit.problems import Invalid, NotFound, Problem, Unavailable
from freehold.lifecycle.log.paths import TilePlace, no_tile
from freehold.lifecycle.log.queries import list_certificates
from freehold.lifecycle.log.tree import Tree, bundle
from freehold.storage.database import Database
from freehold.storage.keys import Head, KeyStore
from freehold.storage.transaction import Transaction

FORMAT = 1


class Inclusion(NamedTuple):
    """That a certificate is a leaf of the tree that the checkpoint signs. Hashes: nearest sibling first."""

    leaf: int
    size: int
    entry: bytes
    hashes: list[bytes]
    checkpoint: str


class CertificateLog:
    """One per process: it holds every leaf's entry and hashes, some 300 bytes a certificate."""

    def __init__(self, database: Database, keys: KeyStore) -> None:
        self._database = database
        self._keys = keys.log
        self._certificate_keys = keys.certificates
        self._lock = threading.Lock()
        self._tree = Tree()
        self._entries: list[bytes] = []
        self._places: dict[str, int] = {}
        self._last_row = 0
        self.closed: Problem | None = None
        """Why nothing is signed, as of the last look; one is taken at the start and with every sweep."""

    async def checkpoint(self) -> str:
        """The signed head over all certificates. Raises Unavailable where signed ones are lost, as all verbs here."""
        return self._keys.checkpoint(await self._head())

    async def tile(self, level: int, place: TilePlace) -> bytes:
        """Raises NotFound beyond the signed size."""
        head = await self._head()
        found = self._tree.tile(level, place.number, place.width, head.size)
        if found is None:
            raise no_tile()
        return found

    async def entries(self, place: TilePlace) -> bytes:
        """Raises NotFound beyond the signed size."""
        head = await self._head()
        end = place.begin + place.width
        if end > head.size:
            raise no_tile()
        return bundle(self._entries[place.begin : end])

    async def inclusion(self, certificate_id: str) -> Inclusion:
        """Raises NotFound."""
        head = await self._head()
        index = self._places.get(certificate_id)
        if index is None or index >= head.size:
            raise NotFound("CertificateNotFound", "The log has no certificate of this id.")
        hashes = self._tree.inclusion(index, head.size)
        return Inclusion(index, head.size, self._entries[index], hashes, self._keys.checkpoint(head))

    def follow_now(self) -> Head:
        """Take in what the table has, from a thread that may wait."""
        try:
            return self._database.read_now(self._follow)
        except Unavailable:  # as in `_head`
            return self._database.read_now(self._follow)

    async def _head(self) -> Head:
        try:
            return await self._database.read(self._follow)
        except Unavailable:  # another server may have signed what this snapshot did not show yet
            return await self._database.read(self._follow)

    def _follow(self, db: Transaction) -> Head:
        with self._lock:
            try:
                head = self._take_in(db)
            except Problem as fault:
                self.closed = fault
                raise
            self.closed = None
            return head

    def _take_in(self, db: Transaction) -> Head:
        """A row that this server did not sign stops here: what the log signs, it says of certificates."""
        if rows := list_certificates(db, self._last_row):
            verify = self._certificate_keys.verifier()
        for row in rows:
            _check(row.certificate_id, row.jws, verify)
            entry = entry_of(row.certificate_id, row.jws)
            self._places[row.certificate_id] = len(self._entries)
            self._entries.append(entry)
            self._tree.append(entry)
            self._last_row = row.row_id
        return self._keys.advance(self._tree.size, self._tree.root)


def _check(certificate_id: str, jws: str, verify: Callable[[str], bytes]) -> None:
    try:
        verify(jws)
    except Invalid:
        message = (
            f"The table of certificates has one that this server did not sign: {certificate_id}. Somebody put it there "
            "or changed it. The log signs nothing until that is put right: put a backup back."
        )
        raise Unavailable("CertificateForged", message) from None


def entry_of(certificate_id: str, jws: str) -> bytes:
    digest = sha256_hex(jws.encode())
    return canonical_json({"format": FORMAT, "certificate_id": certificate_id, "jws_sha256": digest})
