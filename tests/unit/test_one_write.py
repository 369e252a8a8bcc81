"""The head and the body of a small answer leave together; a long one is not gathered up."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from freehold.api.one_write import LARGE, JoiningTransport


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[JoiningTransport, socket.socket]]:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with theirs:
        transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, ours)
        joined = JoiningTransport(transport, loop)
        yield joined, theirs
        joined.close()


def test_what_is_written_in_one_turn_leaves_at_its_end() -> None:
    async def write() -> bytes:
        async with connected() as (joined, theirs):
            joined.write(b"head ")
            joined.write(b"")
            joined.write(b"body")
            with pytest.raises(BlockingIOError):
                theirs.recv(100)
            await asyncio.sleep(0)
            return theirs.recv(100)

    assert asyncio.run(write()) == b"head body"


def test_closing_writes_what_is_held() -> None:
    async def write() -> bytes:
        async with connected() as (joined, theirs):
            joined.write(b"last words")
            joined.close()
            return theirs.recv(100)

    assert asyncio.run(write()) == b"last words"


def test_large_pieces_leave_at_once() -> None:
    async def write() -> bytes:
        async with connected() as (joined, theirs):
            joined.write(b"head")
            joined.write(b"x" * LARGE)
            return theirs.recv(4)

    assert asyncio.run(write()) == b"head"


def test_order_is_kept_over_many_writes() -> None:
    async def write() -> bytes:
        async with connected() as (joined, theirs):
            for at in range(100):
                joined.write(bytes([at]))
            await asyncio.sleep(0)
            return theirs.recv(1_000)

    assert asyncio.run(write()) == bytes(range(100))
