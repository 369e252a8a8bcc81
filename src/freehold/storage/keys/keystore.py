"""The key store as the server sees it: one attribute per purpose.

keys/
  store.json             format and id of this store; the database keeps the id of the store it belongs to
  token-signing/         RSA-2048, numbered files       certificate-signing/   Ed25519
  log-signing/           Ed25519                        log/                   the last signed head
  envelope/              AES-256 keys that wrap         forget-list/           HMAC, never rotated
  page-tokens/           HMAC                           object-urls/           HMAC
  operations/            one key per running operation  sealed/                values under the envelope key
  tls/                   private CA, server certificate
"""

import json
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from freehold.kit.clock import Clock
from freehold.storage.keys.envelope import Envelope, make_symmetric
from freehold.storage.keys.faults import KeysUnusable
from freehold.storage.keys.folder import KeyFolder
from freehold.storage.keys.log_keys import LogKeys
from freehold.storage.keys.macs import ForgetKey, MacKeys
from freehold.storage.keys.operation_keys import OperationKeys
from freehold.storage.keys.ring import KeyRing, Material
from freehold.storage.keys.signing import (
    CertificateKeys,
    TokenKeys,
    make_ed25519,
    make_rsa,
)
from freehold.storage.keys.tls import ServerTLS

FORMAT = 1
_STORE = "store.json"
# How each purpose makes a key, and whether an old one's secret is still needed to open what it sealed.
_PURPOSES: dict[str, tuple[Callable[[], Material], bool]] = {
    "token-signing": (make_rsa, False),
    "certificate-signing": (make_ed25519, False),
    "envelope": (partial(make_symmetric, "A256GCM"), True),
    "forget-list": (partial(make_symmetric, "HS256"), True),
    "page-tokens": (partial(make_symmetric, "HS256"), True),
    "object-urls": (partial(make_symmetric, "HS256"), True),
    "log-signing": (make_ed25519, False),
}
# A store that does not name its purposes was made when there were these.
_FIRST_PURPOSES = ("token-signing", "certificate-signing", "envelope", "forget-list", "page-tokens", "object-urls")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


class KeyStore:
    """`folder` must be apart from the data folder's backups: whoever holds both reads every secret."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Open the store, or make it where the folder holds none. Raises KeysUnusable.

        Keys are made only together with the store, or when the first version that has their purpose opens it. A
        store that later lacks one was damaged, and a new key in its place would hide that: old values would not
        open, the erased could come back.
        """
        self._folder = KeyFolder(folder)
        self._clock = clock
        rings = self._rings()
        self.tokens = TokenKeys(rings["token-signing"], clock)
        self.certificates = CertificateKeys(rings["certificate-signing"])
        self.envelope = Envelope(rings["envelope"])
        self.forgotten = ForgetKey(rings["forget-list"])
        self.page_tokens = MacKeys(rings["page-tokens"], b"freehold.page-token.v1")
        self.object_urls = MacKeys(rings["object-urls"], b"freehold.object-url.v1")
        self.operations = OperationKeys(self._folder.child("operations"))
        self.tls = ServerTLS(self._folder.child("tls"), clock)
        self._sealed = self._folder.child("sealed")
        self.store_id = self._open_or_make(rings)
        self.log = LogKeys(rings["log-signing"], self._folder.child("log"), self.store_id)

    @property
    def path(self) -> Path:
        return self._folder.path

    def put_secret(self, name: str, value: bytes) -> None:
        """Keep a secret of the server's own (not of a workspace: those are sealed into rows)."""
        self._sealed.replace(_secret_name(name), self.envelope.seal(value, _secret_context(name)))

    def find_secret(self, name: str) -> bytes | None:
        try:
            sealed = self._sealed.read(_secret_name(name))
        except FileNotFoundError:
            return None
        return self.envelope.open_(sealed, _secret_context(name))

    def drop_secret(self, name: str) -> None:
        self._sealed.destroy(_secret_name(name))

    def rewrap_secrets(self) -> None:
        """After `envelope.rotate()`: hang the server's own secrets on the new envelope key."""
        for name in self._sealed.names(".sealed"):
            self._sealed.replace(name, self.envelope.rewrap(self._sealed.read(name)))

    def _rings(self) -> dict[str, KeyRing]:
        return {
            purpose: KeyRing(self._folder, purpose, make, self._clock, keep_retired_secrets=keep)
            for purpose, (make, keep) in _PURPOSES.items()
        }

    def _open_or_make(self, rings: dict[str, KeyRing]) -> str:
        try:
            document = json.loads(self._folder.read(_STORE))
        except FileNotFoundError:
            return self._make(rings)
        except ValueError:
            document = {}
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise KeysUnusable(
                "KeyStoreUnreadable",
                "store.json cannot be read; restore it, or run the newer Freehold that wrote it",
            )
        self._add_new_purposes(rings, document)
        for ring in rings.values():
            ring.check()
        return str(document["store_id"])

    def _add_new_purposes(self, rings: dict[str, KeyRing], document: dict[str, Any]) -> None:
        """Keys come first: a crash before store.json names their purpose leaves them to be taken up."""
        new = sorted(set(rings) - set(document.get("purposes", _FIRST_PURPOSES)))
        for purpose in new:
            if not rings[purpose].all():
                rings[purpose].rotate()
        if new:
            self._folder.replace(_STORE, json.dumps({**document, "purposes": list(_PURPOSES)}).encode())

    def _make(self, rings: dict[str, KeyRing]) -> str:
        """store.json comes last: a crash before it leaves keys that nothing used yet; they are taken up."""
        for ring in rings.values():
            if not ring.all():
                ring.rotate()
        document = {
            "format": FORMAT,
            "store_id": secrets.token_hex(16),
            "created_at": self._clock.now(),
            "purposes": list(_PURPOSES),
        }
        with suppress(FileExistsError):  # another process started at the same moment: its store is ours too
            self._folder.create(_STORE, json.dumps(document).encode())
        return str(json.loads(self._folder.read(_STORE))["store_id"])


def _secret_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise KeysUnusable(
            "SecretNameUnusable",
            "a secret's name is lower-case letters, digits, dots and dashes",
        )
    return f"{name}.sealed"


def _secret_context(name: str) -> bytes:
    return b"keys.sealed:" + name.encode()
