"""One folder of secret files: mode 0700, files 0600, written whole or not at all, overwritten before they go.

Overwriting reaches the file's own blocks. Copies made by a copy-on-write file system, its snapshots or
the remapping of an SSD are out of reach, as every certificate of erasure says.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.kit.faults import passing
from freehold.storage.keys.faults import KeysUnusable

SECRET = 0o600
PUBLIC = 0o644
_LOCK = ".lock"
_DRAFT = ".draft"
_LARGEST = 1 << 20


class KeyFolder:
    def __init__(self, path: Path) -> None:
        """Make or open the folder. Raises KeysUnusable where it belongs to another user or is a link."""
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _take_possession(path)
        with self._locked(fcntl.LOCK_EX):
            self._remove_drafts()

    def child(self, name: str) -> "KeyFolder":
        return KeyFolder(self.path / name)

    def names(self, suffix: str) -> list[str]:
        return sorted(entry.name for entry in self.path.iterdir() if entry.name.endswith(suffix))

    def changed_at(self) -> int:
        """Changes whenever a file is made, replaced or destroyed, here or by another process."""
        return self.path.stat().st_mtime_ns

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""
        with self._locked(fcntl.LOCK_SH):
            file = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(file, "rb") as open_file:
                return open_file.read(_LARGEST)

    def create(self, name: str, data: bytes, mode: int = SECRET) -> None:
        """Raises FileExistsError, so that of two processes that start together only one makes the key."""
        with self._locked(fcntl.LOCK_EX):
            if os.path.lexists(self.path / name):
                raise FileExistsError(name)
            self._put(name, data, mode)

    def replace(self, name: str, data: bytes, mode: int = SECRET) -> None:
        """Put `data` in the place of the file; the bytes that stood there are overwritten."""
        with self._locked(fcntl.LOCK_EX):
            before = self._open_if_there(name)
            self._put(name, data, mode)
            if before is not None:
                _overwrite(before)

    def update(self, name: str, change: Callable[[bytes | None], bytes | None]) -> bytes:
        """Change a file that holds no secret, alone with it; the content then. `change` gives None to leave it."""
        with self._locked(fcntl.LOCK_EX):
            path = self.path / name
            before = path.read_bytes() if path.exists() else None
            after = change(before)
            if after is not None:
                self._put(name, after, SECRET)
            content = before if after is None else after
            assert content is not None, "what is not there cannot be left as it is"
            return content

    def destroy(self, name: str) -> None:
        """Overwrite and unlink; a file already gone is no error, so that a crashed step may repeat."""
        with self._locked(fcntl.LOCK_EX):
            self._shred(name)

    def _put(self, name: str, data: bytes, mode: int) -> None:
        draft = self.path / f"{name}.{secrets.token_hex(4)}{_DRAFT}"
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, SECRET)
        with os.fdopen(file, "wb") as open_file:
            os.fchmod(file, mode)
            open_file.write(data)
            open_file.flush()
            os.fsync(file)
        passing("keys:draft:written")
        draft.rename(self.path / name)
        passing("keys:file:renamed")
        self._sync()

    def _open_if_there(self, name: str) -> int | None:
        try:
            return os.open(self.path / name, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None

    def _shred(self, name: str) -> None:
        file = self._open_if_there(name)
        if file is not None:
            passing("keys:file:whole")
            _overwrite(file)
            passing("keys:file:overwritten")
            (self.path / name).unlink()
            passing("keys:file:unlinked")
            self._sync()

    def _remove_drafts(self) -> None:
        """A draft found under the lock was left by a crash; it may hold a key."""
        for name in self.names(_DRAFT):
            self._shred(name)

    def _sync(self) -> None:
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        file = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, SECRET)
        try:
            fcntl.flock(file, kind)
            yield
        finally:
            os.close(file)


def _take_possession(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise KeysUnusable(
            "KeyFolderIsALink",
            "the key folder must be a real folder; name its real path",
        )
    if found.st_uid != os.geteuid():
        raise KeysUnusable(
            "KeyFolderOfAnotherUser",
            "the key folder belongs to another user; run as its owner",
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        path.chmod(0o700)


def _overwrite(file: int) -> None:
    """Overwrite the file's bytes in place, wait for the disk, close it."""
    with os.fdopen(file, "r+b") as open_file:
        open_file.write(secrets.token_bytes(os.fstat(file).st_size))
        open_file.flush()
        os.fsync(file)
