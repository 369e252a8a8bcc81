"""The keys of one purpose, oldest first; the newest is in use. One file per key, numbered.

A file is JSON: `format`, `purpose`, `key_id`, `algorithm`, `created_at` and `retired_at` (µs UTC),
`secret` and `public` (base64, or null).
"""

import base64
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from freehold.kit.clock import Clock
from freehold.storage.keys.faults import KeyGone, KeysUnusable
from freehold.storage.keys.folder import KeyFolder

FORMAT = 1
_SUFFIX = ".json"


@dataclass(frozen=True)
class Material:
    """What a maker yields: raw bytes, or PKCS 8 and SubjectPublicKeyInfo in DER for a key pair."""

    key_id: str
    algorithm: str
    secret: bytes = field(repr=False)
    public: bytes | None = None


@dataclass(frozen=True)
class Key:
    number: int
    key_id: str
    algorithm: str
    created_at: int
    retired_at: int | None
    secret: bytes | None = field(repr=False)
    public: bytes | None

    def secret_bytes(self) -> bytes:
        if self.secret is None:
            raise KeyGone(self.key_id)
        return self.secret

    def public_bytes(self) -> bytes:
        if self.public is None:
            raise KeyGone(self.key_id)
        return self.public


class KeyRing:
    """`keep_retired_secrets`: whether an old key must still open what it sealed, or only be verified with."""

    def __init__(
        self,
        folder: KeyFolder,
        purpose: str,
        make: Callable[[], Material],
        clock: Clock,
        *,
        keep_retired_secrets: bool,
    ) -> None:
        self._folder = folder.child(purpose)
        self._purpose = purpose
        self._make = make
        self._clock = clock
        self._keep_retired_secrets = keep_retired_secrets
        self._lock = threading.RLock()
        self._seen = -1
        self._keys: tuple[Key, ...] = ()

    def all(self) -> tuple[Key, ...]:
        """Oldest first, as they are on disk now: another process may have rotated."""
        return self._keys if self._folder.changed_at() == self._seen else self._load()

    def check(self) -> None:
        """Raises KeysUnusable where the purpose has no key."""
        _ = self.current

    @property
    def current(self) -> Key:
        keys = self.all()
        if not keys:
            raise KeysUnusable(
                "KeysMissing",
                f"the key folder holds no {self._purpose} key; restore the keys' own backup",
            )
        return keys[-1]

    def find(self, key_id: str) -> Key:
        """Raises KeyGone, after a look at the disk: folder times are coarser than two quick rotations."""
        for look in (self.all, self._load):
            for key in look():
                if key.key_id == key_id:
                    return key
        raise KeyGone(key_id)

    def rotate(self) -> Key:
        """Make a new key and retire those before it. Of two that rotate at once, one makes the key."""
        with self._lock:
            keys = self.all()
            self._add(keys[-1].number + 1 if keys else 1)
            self._retire_older()
            return self.current

    def destroy(self, key_id: str) -> None:
        """Overwrite and remove a retired key. Raises KeysUnusable for the key in use, KeyGone."""
        with self._lock:
            key = self.find(key_id)
            if key == self.current:
                raise KeysUnusable("KeyInUse", f"key {key_id} is in use; rotate before you destroy it")
            self._folder.destroy(_name(key.number))
            self._load()

    def _add(self, number: int) -> None:
        made = self._make()
        key = Key(
            number,
            made.key_id,
            made.algorithm,
            self._clock.now(),
            None,
            made.secret,
            made.public,
        )
        with suppress(FileExistsError):  # another process rotates too: its key is as good
            self._folder.create(_name(number), _to_json(self._purpose, key))
        self._load()

    def _retire_older(self) -> None:
        now = self._clock.now()
        for key in self.all()[:-1]:
            if key.retired_at is None:
                secret = key.secret if self._keep_retired_secrets else None
                retired = replace(key, retired_at=now, secret=secret)
                self._folder.replace(_name(key.number), _to_json(self._purpose, retired))
        self._load()

    def _load(self) -> tuple[Key, ...]:
        with self._lock:
            seen = self._folder.changed_at()
            names = self._folder.names(_SUFFIX)
            found = [self._read(name) for name in names]
            self._keys = tuple(key for key in found if key)
            self._seen = seen
            return self._keys

    def _read(self, name: str) -> Key | None:
        """None where another process destroyed the key since the folder was listed."""
        try:
            document = json.loads(self._folder.read(name))
            return _from_json(self._purpose, int(name.removesuffix(_SUFFIX)), document)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as fault:
            raise KeysUnusable(
                "KeyFileUnreadable",
                f"{self._purpose}/{name} cannot be read; restore it, or run the newer Freehold that wrote it",
            ) from fault


def _name(number: int) -> str:
    return f"{number:06d}{_SUFFIX}"


def _to_json(purpose: str, key: Key) -> bytes:
    document = {
        "format": FORMAT,
        "purpose": purpose,
        "key_id": key.key_id,
        "algorithm": key.algorithm,
        "created_at": key.created_at,
        "retired_at": key.retired_at,
        "secret": _encode(key.secret),
        "public": _encode(key.public),
    }
    return json.dumps(document, indent=1).encode()


def _from_json(purpose: str, number: int, document: dict[str, Any]) -> Key:
    if document["format"] != FORMAT or document["purpose"] != purpose:
        raise ValueError("another format or purpose")
    return Key(
        number=number,
        key_id=document["key_id"],
        algorithm=document["algorithm"],
        created_at=document["created_at"],
        retired_at=document["retired_at"],
        secret=_decode(document["secret"]),
        public=_decode(document["public"]),
    )


def _encode(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _decode(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
