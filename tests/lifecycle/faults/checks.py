"""What must hold at the moment of a death, and after the operation has ended."""

import base64
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from freehold.lifecycle.bag.verify import verify_bag
from tests.lifecycle.erase.site import traces
from tests.lifecycle.faults.places import Place
from tests.lifecycle.faults.work import Base
from tests.sent_bags import as_sent

OF_SNAPSHOT = {b"data/coverage.json", b"data/increment/bag-info.txt", b"data/increment/increment.json"}
"""Of an increment: they name the whole bag by its digests, and so the moment of its snapshot."""
LEFT_ALONE = {"operations", "interactions"}
"""Tables whose rows tell of the steps themselves."""


@contextmanager
def database(folder: Path, aside: Path) -> Iterator[sqlite3.Connection]:
    """A copy of the database as it lies there: opening the files themselves would mend them."""
    aside.mkdir(exist_ok=True)
    for path in folder.glob("freehold.db*"):
        shutil.copy2(path, aside)
    with closing(sqlite3.connect(aside / "freehold.db")) as connection:
        yield connection
    shutil.rmtree(aside)


def at_death(base: Base, folder: Path, aside: Path, place: Place) -> None:
    """Whoever reads a certificate now may rely on it; and the database is whole."""
    with database(folder, aside) as rows:
        assert rows.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert rows.execute("PRAGMA foreign_key_check").fetchall() == []
        mine = "SELECT kind FROM certificates WHERE operation_id = ?"
        certified = [kind for (kind,) in rows.execute(mine, (base.operation_id,))]
    assert len(certified) <= 1
    if certified and certified != ["export"]:
        assert _traces(folder, base.gone, aside, place) == {}, "it was certified before it was gone"
    elif certified:
        assert verify_bag(as_sent(folder / "exports" / base.operation_id)).faults == []


def at_end(base: Base, folder: Path, aside: Path, place: Place) -> dict[str, object]:
    """It ended well and once, and left nothing lying about. What it made, to be compared."""
    with database(folder, aside) as rows:
        state = rows.execute("SELECT kind, state FROM operations WHERE operation_id = ?", (base.operation_id,))
        kind, ended = state.fetchone()
        assert ended == "Succeeded"
        mine = "SELECT count(*) FROM certificates WHERE operation_id = ?"
        assert rows.execute(mine, (base.operation_id,)).fetchone() == (int(kind != "import"),)
        for table in ("object_ledger", "export_leases"):
            assert rows.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        objects = {key for (key,) in rows.execute("SELECT object_key FROM stored_objects")}
        made: dict[str, object] = {"rows": _counts(rows), "certified": _certified(rows, base.operation_id)}
        assert rows.execute("PRAGMA foreign_key_check").fetchall() == []
    assert place.keys(folder) == objects
    assert set(_traces(folder, base.kept, aside, place)) == set(base.kept)
    assert _traces(folder, base.gone, aside, place) == {}
    made["rest"] = place.rest(folder)
    return made | {"files": _files(folder), "bag": _bag(folder, base.operation_id)}


def _traces(folder: Path, values: list[str], aside: Path, place: Place) -> dict[str, set[str]]:
    """In the folder, and in all that a store elsewhere gives out."""
    aside.mkdir()
    place.fetch(folder, aside)
    found = traces(aside, values) | traces(folder, values)
    shutil.rmtree(aside)
    return found


def _certified(rows: sqlite3.Connection, operation_id: str) -> list[object]:
    """What an erasure's certificate says of the objects: to be no more and no less than that of one undisturbed."""
    signed = rows.execute("SELECT jws FROM certificates WHERE operation_id = ?", (operation_id,)).fetchone()
    statement = json.loads(base64.urlsafe_b64decode(signed[0].split(".")[1] + "==")) if signed else {}
    return [statement.get("level"), *(each for each in statement.get("stores", []) if each["store"] == "objects")]


def _counts(rows: sqlite3.Connection) -> dict[str, int]:
    names = [name for (name,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        name: int(rows.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])
        for name in names
        if name not in LEFT_ALONE and not name.startswith("sqlite_")
    }


def _files(folder: Path) -> list[str]:
    """All that lie in the data folder, keys and spools too; objects are compared with their rows."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    kept = (path for path in found if path.parts[0] != "store" and not path.name.startswith("freehold.db"))
    return sorted(map(str, kept))


def _bag(folder: Path, operation_id: str) -> bytes:
    """The manifest of the payload, of a bag that holds."""
    bag = folder / "exports" / operation_id
    if not bag.exists():
        return b""
    assert verify_bag(as_sent(bag)).faults == []
    assert (bag / "certificate.jws").exists()
    manifest = (bag / "manifest-sha256.txt").read_bytes()
    if (bag / "data" / "increment").exists():
        return b"".join(line for line in manifest.splitlines() if line.partition(b"  ")[2] not in OF_SNAPSHOT)
    return manifest
