"""An online backup of the data: one consistent database file and the objects that it names. Keys stay apart.

    backup.json   format, time, server, digest of the database      freehold.db   one snapshot      store/…   objects

The server goes on meanwhile: it is only read. An object that is removed while its copy is made is left out, with
the artifact that held it, as if the backup had been made a moment later. Objects that a cloud's store holds are fetched
into the backup, so that it is whole wherever they were; of old versions that a store keeps it has none.
"""

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from freehold.kit.clock import Clock, to_iso
from freehold.kit.digests import Sha256Meter
from freehold.kit.durable import sync, sync_all
from freehold.kit.faults import passing
from freehold.kit.problems import Conflict, Invalid, NotFound, NotImplementedHere
from freehold.settings import Settings
from freehold.storage.blobs import ObjectStore, open_objects
from freehold.storage.cloud.places import OBJECT_FOLDER, is_the_servers, object_folder
from freehold.storage.database import DATABASE_FILE

FORMAT = 1
MARK_FILE = "backup.json"
PENDING_FILE = "restore.pending"
PIECE = 1 << 20


class BackupMark(msgspec.Struct, frozen=True):
    """What a backup says of itself."""

    format: int
    made_at: str
    server_id: str
    database_sha256: str
    objects: int
    object_bytes: int


class _Object(NamedTuple):
    row_id: int
    key: str
    size: int
    sha256: str


def back_up(
    settings: Settings, target: Path, clock: Clock, on_object: Callable[[int], None] | None = None
) -> BackupMark:
    """Write a backup into the new folder `target`, whole or not at all.

    Raises Conflict, Invalid, NotFound, NotImplementedHere, OSError.
    """
    source = settings.data_folder / DATABASE_FILE
    _check_source(settings, source, target)
    target.mkdir(parents=True, mode=0o700)
    try:
        return _write(settings, source, target, to_iso(clock.now()), on_object)
    except sqlite3.OperationalError as fault:  # a full disk, too
        shutil.rmtree(target, ignore_errors=True)
        raise OSError(errno.EIO, str(fault)) from fault
    except BaseException:  # Ctrl-C too: half a backup is content that nobody knows of, and stands in the next one's way
        shutil.rmtree(target, ignore_errors=True)
        raise


def _write(
    settings: Settings, source: Path, target: Path, made_at: str, on_object: Callable[[int], None] | None
) -> BackupMark:
    copy = target / DATABASE_FILE
    with contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=60)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    objects, size = _copy_objects(open_objects(settings), target, copy, on_object)
    server_id = _server_of(copy)
    mark = BackupMark(FORMAT, made_at, server_id, _digest(copy), objects, size)
    (target / MARK_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(mark), indent=2))
    return mark


def check_backup(folder: Path) -> BackupMark:
    """Digest and integrity of the database, size and digest of every object. Raises NotFound, Invalid."""
    try:
        mark = msgspec.json.decode((folder / MARK_FILE).read_bytes(), type=BackupMark)
    except FileNotFoundError:
        raise NotFound("NoBackup", f"{folder} holds no backup: {MARK_FILE} is missing.") from None
    except msgspec.MsgspecError:
        raise Invalid("BackupDamaged", f"{folder / MARK_FILE} cannot be read.") from None
    if mark.format != FORMAT:
        raise Invalid("BackupOfAnotherVersion", f"The backup has form {mark.format}; this Freehold reads {FORMAT}.")
    copy = folder / DATABASE_FILE
    if not copy.exists() or _digest(copy) != mark.database_sha256:
        raise Invalid("BackupDamaged", "The backup's database does not have the digest that it had when it was made.")
    with _reading(copy) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        broken = [each.key for each in _objects_in(connection) if not _holds(folder / OBJECT_FOLDER / each.key, each)]
    if found != "ok" or broken:
        message = f"The backup does not hold: database {found}, {len(broken)} objects missing or changed."
        raise Invalid("BackupDamaged", message)
    return mark


def put_back(settings: Settings, folder: Path, mark: BackupMark) -> None:
    """Copy a checked backup into an empty data folder and the object store. Raises Conflict where data is there.

    In a cloud's store an object that is there stays as it is: objects are never changed. Raises Away. From the first
    byte until `finish_restore` the folder says that it is being restored; killed meanwhile, the same call goes on.
    """
    data = settings.data_folder
    if _is_there(data, mark):
        return
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / PENDING_FILE).write_text(mark.database_sha256)
    sync_all([data / PENDING_FILE, data])
    passing("restore:folder:marked")
    _put_objects_back(settings, folder)
    part = data / (DATABASE_FILE + ".part")
    shutil.copyfile(folder / DATABASE_FILE, part)
    sync(part)
    passing("restore:database:copied")
    part.replace(data / DATABASE_FILE)
    sync(data)
    passing("restore:database:placed")


def is_being_restored(settings: Settings) -> bool:
    """A backup is being put back, or was when its process died: what was erased since may stand again."""
    return (settings.data_folder / PENDING_FILE).exists()


def finish_restore(settings: Settings) -> None:
    """Call when everything that was erased since the backup is hidden again."""
    (settings.data_folder / PENDING_FILE).unlink(missing_ok=True)
    sync(settings.data_folder)


def _is_there(data: Path, mark: BackupMark) -> bool:
    """An earlier try has placed the whole database. Raises Conflict where it is another one."""
    if not (data / DATABASE_FILE).exists():
        return False
    pending = data / PENDING_FILE
    if not pending.exists():
        message = f"{data} holds data already. Restore into a new folder, then point the server at it."
        raise Conflict("DataFolderInUse", message)
    if pending.read_text() != mark.database_sha256:
        message = f"Another backup is being restored into {data}. Restore that one again, or choose a new folder."
        raise Conflict("AnotherRestore", message)
    return True


def _check_source(settings: Settings, source: Path, target: Path) -> None:
    if not settings.is_embedded:
        message = (
            "The database is PostgreSQL: back it up with its own tools (pg_dump), and the objects with the store's."
        )
        raise NotImplementedHere("BackupOfPostgres", message)
    if not source.exists():
        raise NotFound("NoData", f"There is no database in {settings.data_folder}. Name its folder with --data.")
    if target.exists():
        raise Conflict("TargetExists", f"{target} is there already. Name a new folder.")
    if is_the_servers(target, settings):
        message = f"{target} lies in a folder of the server itself, where no erasure could end. Name another place."
        raise Invalid("TargetInDataFolder", message)


def _copy_objects(
    source: ObjectStore, target: Path, database: Path, on_object: Callable[[int], None] | None
) -> tuple[int, int]:
    number = size = 0
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for each in list(_objects_in(connection)):
            copy = target / OBJECT_FOLDER / each.key
            copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                _fetch(source, each.key, copy)
            except (FileNotFoundError, NotFound):
                copy.unlink(missing_ok=True)
                _leave_out(connection, each.row_id)
                continue
            number, size = number + 1, size + each.size
            if on_object:
                on_object(each.size)
        connection.commit()
    return number, size


def _fetch(source: ObjectStore, key: str, copy: Path) -> None:
    if source.folder is not None:
        shutil.copyfile(source.folder / key, copy)
        return
    with copy.open("wb") as file:
        for piece in source.read(key):
            file.write(piece)


def _put_objects_back(settings: Settings, folder: Path) -> None:
    held, place = folder / OBJECT_FOLDER, object_folder(settings)
    if not held.exists():
        return
    if place is not None:
        _copy_tree(held, place)
        return
    objects = open_objects(settings)
    for path in sorted(path for path in held.rglob("*") if path.is_file()):
        key = path.relative_to(held).as_posix()
        if objects.size(key) != path.stat().st_size:
            objects.put_file(key, path)
            passing("restore:object:put")


def _copy_tree(held: Path, place: Path) -> None:
    """As shutil.copytree, but the first fault ends it: that one goes on, and tells of every file on a full disk."""
    for path in sorted(held.rglob("*")):
        copy = place / path.relative_to(held)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True, mode=0o700)
        else:
            shutil.copy2(path, copy)


def _leave_out(connection: sqlite3.Connection, object_row: int) -> None:
    """With whatever refers to it, as the database itself knows."""
    links = (
        'SELECT tables.name, link."from" FROM sqlite_master tables JOIN pragma_foreign_key_list(tables.name) link '
        "WHERE tables.type = 'table' AND link.\"table\" = 'stored_objects'"
    )
    for table, column in connection.execute(links).fetchall():
        connection.execute(f'DELETE FROM "{table}" WHERE "{column}" = ?', (object_row,))
    connection.execute("DELETE FROM stored_objects WHERE row_id = ?", (object_row,))


def _objects_in(connection: sqlite3.Connection) -> Iterator[_Object]:
    rows = connection.execute("SELECT row_id, object_key, size, sha256 FROM stored_objects ORDER BY row_id")
    return (_Object(*row) for row in rows)


def _server_of(database: Path) -> str:
    with _reading(database) as connection:
        row = connection.execute("SELECT server_id FROM servers").fetchone()
    return str(row[0]) if row else ""


@contextlib.contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        yield connection


def _holds(path: Path, each: _Object) -> bool:
    return path.is_file() and path.stat().st_size == each.size and _digest(path) == each.sha256


def _digest(path: Path) -> str:
    meter = Sha256Meter()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            meter.feed(piece)
    return meter.hexdigest
