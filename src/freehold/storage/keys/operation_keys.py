"""One key per operation, for what an operation must keep outside the database until it ends.

Destroying the key is what makes those files unreadable wherever copies of them lie.
"""

import re
import secrets
from contextlib import suppress

from freehold.storage.keys.faults import KeyGone, KeysUnusable
from freehold.storage.keys.folder import KeyFolder

_FORMAT = b"FHO\x01"
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class OperationKeys:
    def __init__(self, folder: KeyFolder) -> None:
        self._folder = folder

    def create(self, operation_id: str) -> bytes:
        """32 bytes. A step that repeats after a crash gets the key it made before."""
        with suppress(FileExistsError):
            self._folder.create(_name(operation_id), _FORMAT + secrets.token_bytes(32))
        return self.get(operation_id)

    def get(self, operation_id: str) -> bytes:
        """Raises KeyGone once it was destroyed."""
        try:
            data = self._folder.read(_name(operation_id))
        except FileNotFoundError:
            raise KeyGone(operation_id) from None
        if not data.startswith(_FORMAT) or len(data) != len(_FORMAT) + 32:
            raise KeysUnusable(
                "KeyFileUnreadable",
                "an operation's key file is damaged; start the operation anew",
            )
        return data.removeprefix(_FORMAT)

    def destroy(self, operation_id: str) -> None:
        """Overwritten, unlinked and synced when this returns; repeating it is harmless."""
        self._folder.destroy(_name(operation_id))

    def ids(self) -> list[str]:
        """Operations whose key still exists: those that ended without destroying it are found this way."""
        return [name.removesuffix(".key") for name in self._folder.names(".key")]


def _name(operation_id: str) -> str:
    if not _ID.fullmatch(operation_id):
        raise KeysUnusable(
            "OperationIdUnusable",
            "an operation id is letters, digits and dashes, 64 at most",
        )
    return f"{operation_id}.key"
