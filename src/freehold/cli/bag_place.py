"""Where a bag goes: a path here, or an address in an object store."""

import os
from collections.abc import Container
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from freehold.cli.failure import Failure
from freehold.cli.serving import settings_of
from freehold.client.placing import beside, place_new
from freehold.settings import Settings
from freehold.storage.cloud.parts import part_size
from freehold.storage.cloud.places import is_the_servers

if TYPE_CHECKING:
    from obstore.store import ObjectStore

ARCHIVES = frozenset({".tar", ".zip"})
LOCAL = "file://"
STORES = ("s3://", "az://", "gs://", LOCAL)
OTHER_ARCHIVES = ARCHIVES | {".7z", ".bz2", ".gz", ".rar", ".tbz2", ".tgz", ".txz", ".tzst", ".xz", ".zst"}
WHOLE = 64 << 20
"""Bags up to this size are put in one request, which refuses a name that is taken. It holds them in memory."""
PART, PARTS_AT_ONCE = 16 << 20, 2
"""Bags above that go in parts of this size, or larger if need be."""


class BagPlace:
    """The bag is made in a private folder first and put where it is wanted once it is whole and verified: for a path
    beside it, so that what stands there is never touched; for an address in the system's own place for such things.

    Credentials of a store are those of its own tools' environment (AWS_…, AZURE_STORAGE_…, GOOGLE_…).
    """

    def __init__(self, to: str) -> None:
        self.to = to
        self._is_address = "://" in to
        self._name = PurePosixPath(to).name if self._is_address else Path(to).name
        self._private: TemporaryDirectory[str] | None = None

    @classmethod
    def of(cls, to: str, data: str | None = None) -> "BagPlace":
        """`data`: the data folder of a server on this machine. Raises Failure before the server begins to work."""
        refuse_mistyped(to)
        path = Path(unquote(urlsplit(to).path) if to.startswith(LOCAL) else to)
        if "://" not in to or to.startswith(LOCAL):
            refuse_servers_folder(path, settings_of(data))
        if "://" not in to:
            check_target(path)
        elif not to.startswith(STORES) or PurePosixPath(to).suffix not in ARCHIVES:
            known = ", ".join(STORES)
            raise Failure("WrongArguments", f"An address begins with {known} and ends with .tar or .zip.", 2)
        elif to.startswith(LOCAL):
            check_writable(path)  # the store's own client would try for ever
        return cls(to)

    def __enter__(self) -> Path:
        self._private = TemporaryDirectory(prefix="freehold-export-") if self._is_address else beside(Path(self.to))
        return self.made

    def __exit__(self, *_: object) -> None:
        if self._private is not None:
            self._private.cleanup()

    @property
    def made(self) -> Path:
        """Where to make the bag."""
        assert self._private is not None, "this belongs inside `with`"
        return Path(self._private.name) / self._name

    def finish(self) -> None:
        """The bag holds: put it where it is wanted, durably, for the server's copy may go next. Raises Failure; what
        is there under this name stays."""
        if self._is_address:
            self._put()
            return
        try:
            place_new(self.made, Path(self.to))
            os.sync()  # one call for a folder of any number of files
        except FileExistsError:
            message = f"Something came to {self.to} meanwhile, and stays as it is. Name another place with --to."
            raise Failure("TargetExists", message) from None

    def _put(self) -> None:
        from obstore.store import from_url  # late: most exports need none

        folder, _, name = self.to.rpartition("/")
        try:
            _put_new(from_url(folder), name, self.made)
        except Exception as fault:  # each store has its own; the texts may hold what was sent
            raise Failure("StoreRefused", f"The bag could not be put at {self.to}: {_why(fault)}") from None


def _why(fault: Exception) -> str:
    from obstore import exceptions as known

    if isinstance(fault, (FileExistsError, known.AlreadyExistsError, known.PreconditionError)):
        return "something has this name there, and stays as it is. Name another with --to."
    if isinstance(fault, FileNotFoundError):
        return "there is no such bucket or container. Make it, or name another with --to."
    if isinstance(fault, (PermissionError, known.PermissionDeniedError, known.UnauthenticatedError)):
        return "the store does not let you write there. Look at the credentials in the environment."
    kind = type(fault).__name__
    return f"no store answers there as it should ({kind}). Look at its endpoint and credentials in the environment."


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


def refuse_mistyped(to: str) -> None:
    """`s3:/bucket` would be a folder `s3:` here. Raises Failure."""
    scheme, colon, rest = to.partition(":/")
    if colon and f"{scheme}://" in STORES and not rest.startswith("/"):
        raise Failure("WrongArguments", f"An address has two slashes: {scheme}://{rest}. A folder here: ./{to}", 2)


def require_bag(bag: Path) -> None:
    """Of a bag that is to be read. Raises Failure where nothing is."""
    if bag.exists():
        return
    scheme, colon, rest = str(bag).partition(":/")  # a path has lost the second slash of an address
    if colon and "/" not in scheme:
        message = f"{scheme}://{rest.lstrip('/')} is an address. Name a folder, a .tar or a .zip file on this machine: "
        raise Failure("NoSuchBag", f"{message}fetch the bag with the store's own tool first.", 2)
    raise Failure("NoSuchBag", f"There is nothing at {bag}. Name a folder, a .tar or a .zip file.", 2)


def refuse_servers_folder(to: Path, settings: Settings) -> None:
    if settings.data_folder.exists() and is_the_servers(to, settings):
        message = f"{to} lies in a folder of the server itself, where no erasure could end. Choose another --to."
        raise Failure("TargetInDataFolder", message, 2)


def check_target(to: Path, archives: Container[str] = ARCHIVES) -> None:
    """Before the server begins to work: of a bag that is to be made. Raises Failure."""
    suffix = to.suffix
    if suffix.lower() in OTHER_ARCHIVES and suffix not in archives:
        kinds = "a .tar or a .zip file, spelt so, or a folder" if archives else "a folder"
        message = f"{to} would be a folder with the name of an archive. Name {kinds}."
        raise Failure("WrongArguments", message, 2)
    check_free(to)


def check_free(to: Path, option: str = "--to") -> None:
    """Raises Failure where something stands, or nothing can be made."""
    if os.path.lexists(to):  # a link that leads nowhere, too
        raise Failure("TargetExists", f"{to} is there already. Name another place with {option}, or remove it.", 2)
    check_writable(to, option)


def check_writable(to: Path, option: str = "--to") -> None:
    """Raises Failure where nothing can be made beside `to`."""
    folder = to.absolute().parent
    if not folder.is_dir():
        raise Failure("NoSuchFolder", f"There is no folder {folder}. Make it, or choose another {option}.", 2)
    try:
        beside(to).cleanup()
    except OSError as fault:
        message = f"Nothing can be written to {folder}: {fault.strerror or fault}. Choose another {option}."
        raise Failure("CannotWrite", message, 2) from None
