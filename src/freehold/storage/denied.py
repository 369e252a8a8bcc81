"""What the operating system does not let this server do with its own files, told as something that is away: people
take rights and give them back, and a disk is mounted read-only for a while. Work waits for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.kit.problems import Away, InsufficientStorage, Problem
from freehold.records.places import place_of
from freehold.settings import Settings
from freehold.storage.cloud.places import object_folder
from freehold.storage.portable import is_denied, is_disk_full

DATABASE, OBJECTS, KEYS, FILES = "its database", "its objects", "its keys", "a file of its own"


def denied(where: str = FILES) -> Away:
    message = (
        f"The operating system does not let this server read or write {where}. Its owner looks at whose it is, at "
        "its rights, and whether its disk is mounted read-only."
    )
    return Away("AccessDenied", message)


def denied_by(fault: BaseException, settings: Settings) -> Away:
    """Of a file's name it tells the part of the data that it lies in, and no more."""
    if not isinstance(fault, OSError):
        return denied(DATABASE)
    return denied(_part(Path(fault.filename), settings) if isinstance(fault.filename, str | Path) else FILES)


@contextmanager
def telling_the_systems(settings: Settings) -> Iterator[None]:
    """Raises Away for what the system denies, and InsufficientStorage where it has no room: for a file that the work
    writes itself, as beside the keys. Whatever else is raised stays."""
    try:
        yield
    except Problem:
        raise
    except Exception as fault:
        if is_disk_full(fault):
            raise InsufficientStorage("InsufficientStorage", "The disk is full. Free some space.") from fault
        if is_denied(fault):
            raise denied_by(fault, settings) from fault
        raise


def _part(path: Path, settings: Settings) -> str:
    objects, data = object_folder(settings), settings.data_folder
    if path.is_relative_to(settings.key_folder):
        return KEYS
    if objects is not None and path.is_relative_to(objects):
        return OBJECTS
    if path == data or not path.is_relative_to(data):
        return FILES
    within = path.relative_to(data)
    is_known = place_of(within.as_posix()) is not None or place_of(f"{within.as_posix()}/") is not None
    return f"{within.parts[0]} in its data folder" if is_known else FILES
