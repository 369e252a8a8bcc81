"""Where a bag goes: a path here, or an address in an object store."""

from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from freehold.cli.failure import Failure
from freehold.storage.cloud.parts import part_size

if TYPE_CHECKING:
    from obstore.store import ObjectStore

ARCHIVES = frozenset({".tar", ".zip"})
STORES = ("s3://", "az://", "gs://", "file://")
WHOLE = 64 << 20
"""Bags up to this size are put in one request, which refuses a name that is taken. It holds them in memory."""
PART, PARTS_AT_ONCE = 16 << 20, 2
"""Bags above that go in parts of this size, or larger if need be."""


class BagPlace:
    """For an address the bag is a file here first, and is put there once it is whole and verified.

    Credentials of a store are those of its own tools' environment (AWS_…, AZURE_STORAGE_…, GOOGLE_…).
    """

    def __init__(self, path: Path, address: str | None, scratch: TemporaryDirectory[str] | None) -> None:
        self._path, self._address, self._scratch = path, address, scratch

    @classmethod
    def of(cls, to: str) -> "BagPlace":
        """Raises Failure before the server begins to work."""
        if "://" not in to:
            check_target(Path(to))
            return cls(Path(to), None, None)
        if not to.startswith(STORES) or PurePosixPath(to).suffix not in ARCHIVES:
            known = ", ".join(STORES)
            raise Failure("WrongArguments", f"An address begins with {known} and ends with .tar or .zip.", 2)
        scratch = TemporaryDirectory(prefix="freehold-export-")
        return cls(Path(scratch.name) / PurePosixPath(to).name, to, scratch)

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *_: object) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()

    def finish(self) -> None:
        """The bag holds: put it where it is wanted. Raises Failure; what is there under this name stays."""
        if self._address is None:
            return
        from obstore.store import from_url  # late: most exports need none

        folder, _, name = self._address.rpartition("/")
        try:
            _put_new(from_url(folder), name, self._path)
        except Exception as fault:  # each store has its own; the texts may hold what was sent
            message = f"The bag could not be put at {self._address} ({type(fault).__name__}). Is its name free there?"
            raise Failure("StoreRefused", message) from None


def _put_new(store: "ObjectStore", name: str, file: Path) -> None:
    """Raises FileExistsError, and what the store raises. Of two commands that put a large bag under one name at the
    same moment one may replace the other's."""
    import obstore

    size = file.stat().st_size
    if size <= WHOLE:
        obstore.put(store, name, file, mode="create", use_multipart=False)
        return
    if _is_taken(store, name):
        raise FileExistsError
    part = part_size(size, PART)
    obstore.put(store, name, file, use_multipart=True, chunk_size=part, max_concurrency=PARTS_AT_ONCE)


def _is_taken(store: "ObjectStore", name: str) -> bool:
    import obstore

    try:
        obstore.head(store, name)
    except FileNotFoundError:
        return False
    return True


def check_target(to: Path) -> None:
    """Before the server begins to work. Raises Failure."""
    if to.exists():
        raise Failure("TargetExists", f"{to} is there already. Name another place with --to, or remove it.", 2)
    if not to.absolute().parent.is_dir():
        raise Failure("NoSuchFolder", f"There is no folder {to.absolute().parent}. Make it, or choose another --to.", 2)
