"""Who asks for the same at the same time shares one look, its answer and its fault."""

import asyncio

import pytest

from freehold.kit.sharing import SharedLooks


class Look:
    """Counts how often it was begun; ends when `gate` opens."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.begun = 0
        self.gate = asyncio.Event()
        self._fault = fault

    async def __call__(self) -> int:
        self.begun += 1
        await self.gate.wait()
        if self._fault:
            raise self._fault
        return self.begun


def test_many_at_once_share_one_look_and_who_comes_later_looks_anew() -> None:
    async def ask() -> None:
        shared, look = SharedLooks[int](), Look()
        asking = [asyncio.create_task(shared.ask("same", look())) for _ in range(16)]
        await asyncio.sleep(0)
        look.gate.set()
        assert await asyncio.gather(*asking) == [1] * 16
        assert await shared.ask("same", look()) == 2

    asyncio.run(ask())


def test_another_key_is_another_look() -> None:
    async def ask() -> None:
        shared, look = SharedLooks[int](), Look()
        look.gate.set()
        await asyncio.gather(shared.ask("one", look()), shared.ask("other", look()))
        assert look.begun == 2

    asyncio.run(ask())


def test_a_fault_reaches_all_who_asked_and_nobody_after_them() -> None:
    async def ask() -> None:
        shared, look = SharedLooks[int](), Look(KeyError("gone"))
        asking = [asyncio.create_task(shared.ask("same", look())) for _ in range(3)]
        await asyncio.sleep(0)
        look.gate.set()
        faults = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(fault) for fault in faults] == [KeyError] * 3
        with pytest.raises(KeyError):
            await shared.ask("same", look())
        assert look.begun == 2

    asyncio.run(ask())


def test_who_goes_away_ends_nobody_elses_look() -> None:
    async def ask() -> None:
        shared, look = SharedLooks[int](), Look()
        first, second = (asyncio.create_task(shared.ask("same", look())) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        look.gate.set()
        assert await second == 1
        assert first.cancelled()

    asyncio.run(ask())
