"""Commands that wait together are committed together; one that fails never fails its group."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.kit.problems import Conflict, InsufficientStorage, NotFound
from freehold.records.containers import Subscription
from freehold.storage.database import BUSY, FEW, QUIET, SqliteDatabase
from freehold.storage.transaction import Transaction
from tests.conftest import House, open_house

_s = Subscription.c


def add(name: str) -> Callable[[Transaction], str]:
    def command(db: Transaction) -> str:
        db.execute(Subscription.table.insert().values(subscription_id=name, display_name=name, created_at=1))
        return name

    return command


def names(house: House) -> set[str]:
    return set(house.database.read_now(lambda db: db.execute(sa.select(_s.subscription_id)).scalars().all()))


def embedded(house: House) -> SqliteDatabase:
    assert isinstance(house.database, SqliteDatabase)
    return house.database


def fail(name: str) -> Callable[[Transaction], None]:
    def command(db: Transaction) -> None:
        add(name)(db)
        raise Conflict("Planted", "This command fails after its write.")

    return command


def test_a_failing_command_undoes_itself_and_not_its_group(house: House) -> None:
    async def together() -> list[object]:
        calls = [add("a"), fail("b"), add("c"), fail("d"), add("e")]
        return await asyncio.gather(
            *(house.database.write(call) for call in calls),
            return_exceptions=True,
        )

    results = asyncio.run(together())
    assert [type(each).__name__ for each in results] == ["str", "Conflict", "str", "Conflict", "str"]
    assert names(house) >= {"a", "c", "e"}
    assert not names(house) & {"b", "d"}


def test_commands_that_wait_share_a_commit(sqlite_house: House) -> None:
    gate = threading.Event()
    versions: list[int] = []

    def hold(db: Transaction) -> None:
        gate.wait(5)

    def note(db: Transaction) -> None:
        versions.append(db.connection.exec_driver_sql("PRAGMA data_version").scalar_one())
        add(f"n{len(versions)}")(db)

    async def together() -> None:
        first = asyncio.create_task(sqlite_house.database.write(hold))
        await asyncio.sleep(0.05)
        rest = [asyncio.create_task(sqlite_house.database.write(note)) for _ in range(20)]
        await asyncio.sleep(0.05)
        gate.set()
        await asyncio.gather(first, *rest)

    wal = Path(str(embedded(sqlite_house).path) + "-wal")
    before = wal.stat().st_size
    asyncio.run(together())
    frames = (wal.stat().st_size - before) // 4_120
    assert len(versions) == 20
    assert frames < 12, "twenty commits would have written at least twenty frames"


def test_what_was_done_outside_is_taken_back_before_a_command_is_run_again(house: House, tmp_path: Path) -> None:
    """Of a group with a command that is refused, all are undone and run once more, each by itself."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.touch()

    def move(db: Transaction) -> None:
        db.if_undone(lambda: kept.rename(sent))
        sent.rename(kept)

    async def together() -> list[object]:
        calls: list[Callable[[Transaction], object]] = [move, fail("b")]
        return await asyncio.gather(*map(house.database.write, calls), return_exceptions=True)

    results = asyncio.run(together())
    assert [type(each).__name__ for each in results] == ["NoneType", "Conflict"]
    assert (sent.exists(), kept.exists()) == (False, True)


def test_what_a_refused_command_did_outside_is_taken_back_last_first(house: House) -> None:
    taken_back: list[str] = []

    def refused(db: Transaction) -> None:
        for name in ("a", "b"):
            db.if_undone(lambda name=name: taken_back.append(name))  # type: ignore[misc]  # binds the loop's value
        fail("c")(db)

    with pytest.raises(Conflict):
        house.database.write_now(refused)
    assert taken_back[-2:] == ["b", "a"]
    house.database.write_now(lambda db: db.if_undone(lambda: taken_back.append("committed")))
    assert "committed" not in taken_back


def test_what_follows_a_commit_runs_only_after_it(house: House) -> None:
    seen: list[set[str]] = []

    def command(db: Transaction) -> None:
        add("late")(db)
        db.after_commit(lambda: seen.append(names(house)))
        assert not seen

    house.database.write_now(command)
    assert "late" in seen[0]


def test_a_fault_after_a_commit_ends_nothing(house: House) -> None:
    def fall() -> None:
        raise ZeroDivisionError

    def command(db: Transaction) -> str:
        db.after_commit(fall)
        return "done"

    assert house.database.write_now(command) == "done"
    assert house.database.write_now(add("still writing")) == "still writing"


def test_what_follows_a_commit_is_dropped_with_a_failed_command(house: House) -> None:
    seen: list[int] = []

    def command(db: Transaction) -> None:
        db.after_commit(lambda: seen.append(1))
        raise NotFound("Planted", "This command fails.")

    with pytest.raises(NotFound):
        house.database.write_now(command)
    house.database.write_now(add("z"))
    assert seen == []


def test_a_reader_sees_one_snapshot(house: House) -> None:
    def look(db: Transaction) -> tuple[int, int]:
        first = db.execute(sa.select(sa.func.count()).select_from(Subscription.table)).scalar_one()
        thread = threading.Thread(target=lambda: house.database.write_now(add("meanwhile")))
        thread.start()
        thread.join()
        return first, db.execute(sa.select(sa.func.count()).select_from(Subscription.table)).scalar_one()

    before, after = house.database.read_now(look)
    assert before == after
    assert "meanwhile" in names(house)


def test_a_full_disk_refuses_writes_and_still_reads(sqlite_house: House) -> None:
    database = embedded(sqlite_house)
    before = names(sqlite_house)

    def cap(raw: sqlite3.Connection) -> None:
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        raw.execute(f"PRAGMA max_page_count={pages}")

    database.exclusively(cap)

    def fill(db: Transaction) -> None:
        for number in range(10_000):
            add(f"{number}-{'x' * 400}")(db)

    with pytest.raises(InsufficientStorage):
        database.write_now(fill)
    assert names(sqlite_house) == before
    database.exclusively(lambda raw: raw.execute("PRAGMA max_page_count=1073741823"))
    database.write_now(add("room again"))
    assert "room again" in names(sqlite_house)


@pytest.fixture(params=["sqlite3", "pysqlite3"])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Debian's build of SQLite wipes what is deleted without being told; the other one does not."""
    yield from open_house(tmp_path, sqlite_driver=request.param)


def test_the_pragmas_hold_on_every_connection(built: House) -> None:
    def look(db: Transaction) -> list[object]:
        wanted = ("journal_mode", "synchronous", "secure_delete", "foreign_keys", "temp_store")
        return [db.connection.exec_driver_sql(f"PRAGMA {each}").scalar_one() for each in wanted]

    assert built.database.read_now(look) == ["wal", 2, 1, 1, 2]
    assert built.database.write_now(look) == ["wal", 2, 1, 1, 2]


def test_a_checkpoint_truncates_while_no_reader_is_inside(sqlite_house: House) -> None:
    sqlite_house.database.write_now(add("x"))
    answer = embedded(sqlite_house).exclusively(lambda raw: raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    assert answer[0] == 0
    wal = Path(str(embedded(sqlite_house).path) + "-wal")
    assert wal.stat().st_size == 0


def test_only_what_clients_write_lately_counts_as_clients_who_write(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = embedded(sqlite_house)

    def is_written_to() -> bool:
        return database.clients_write

    for number in range(2 * BUSY):
        database.write_now(add(f"own{number}"))
    assert not is_written_to()

    async def write(many: int) -> None:
        await asyncio.gather(*(database.write(add(f"n{many}-{number}")) for number in range(many)))

    asyncio.run(write(BUSY - 1))
    assert not is_written_to()
    asyncio.run(write(1))
    assert is_written_to()
    later = time.monotonic() + QUIET
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not is_written_to(), "they have gone"
    later += 1.0
    asyncio.run(write(FEW))
    assert not is_written_to(), "as many as make others count, and no more in this second"


def test_clients_who_wait_for_the_writer_still_write_and_one_who_comes_alone_is_none_of_them(
    sqlite_house: House,
) -> None:
    database, free, seen = embedded(sqlite_house), threading.Event(), list[bool]()

    async def write_and_wait() -> None:
        await asyncio.gather(*(database.write(add(f"n{number}")) for number in range(BUSY)))
        waits = asyncio.create_task(database.write(lambda _: free.wait(10)))
        await asyncio.sleep(2 * QUIET)
        seen.append(database.clients_write)
        free.set()
        await waits
        seen.append(database.clients_write)

    asyncio.run(write_and_wait())
    assert seen == [True, False], "nobody asked for long: the first time because the writer was held"
