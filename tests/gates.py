"""A proxy before an object store, for tests: it knows what each request does, and lets some of them go wrong."""

import asyncio
import os
import threading
from collections import Counter
from signal import SIGKILL
from typing import Literal, NamedTuple
from urllib.parse import parse_qs

HEAD_ENDS = b"\r\n\r\n"
Moment = Literal["before", "after"]


class Death(NamedTuple):
    """At the `number`-th request of this name: before the store sees it, or after it did it and nobody was told."""

    name: str
    number: int
    moment: Moment


class Gate:
    """It passes bytes on. All that may be set can be changed at any time; requests under way go on as they began.

    `status`: while it is not 0, every request is answered so. `body`: what such an answer says.
    `cut`: requests of this name whose answer breaks off in the middle of its body, the next `cuts` of them.
    `cut_sent`: those whose own body breaks off on its way to the store.  `delay`: seconds before each request.
    """

    def __init__(self, target: str) -> None:
        self.status, self.body, self.cut, self.cut_sent, self.cuts, self.delay = 0, b"", "", "", 0, 0.0
        self.only = ""
        """Requests of this name alone are answered with `status`; empty: all."""
        self.passed: list[str] = []
        self._victim, self._death = 0, Death("", 0, "before")
        self._numbers: Counter[str] = Counter()
        self._meetings: set[asyncio.Task[None] | None] = set()
        self._host, _, port = target.removeprefix("http://").partition(":")
        self._port = int(port)
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def kill(self, process_group: int, death: Death) -> None:
        """From now on requests are counted, and at this one the whole group dies."""
        self._numbers.clear()
        self._victim, self._death = process_group, death

    def spare(self) -> None:
        self._victim = 0

    def close(self) -> None:
        self._server.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._meet, "127.0.0.1", 0))
        self._started.set()
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.2))  # transports close in the next round
        self._loop.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection, so that shutting the gate reaches every next one."""
        opened, task = [writer], asyncio.current_task()
        self._meetings.add(task)  # the loop itself keeps tasks weakly
        try:
            await self._answer(reader, writer, opened)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._meetings.discard(task)
            for each in opened:
                each.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opened: list[asyncio.StreamWriter]
    ) -> None:
        head = await reader.readuntil(HEAD_ENDS)
        name = name_of(head.partition(b"\r\n")[0].decode())
        self.passed.append(name)
        self._numbers[name] += 1
        dies = self._dies(name)
        if dies == "before":
            return
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.status and self.only in ("", name):
            told = f"HTTP/1.1 {self.status} No\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
            writer.write(told.encode() + self.body)
            await writer.drain()
            return
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        opened.append(up_writer)
        line, _, rest = head.partition(b"\r\n")
        up_writer.write(line + b"\r\nConnection: close\r\n" + rest)
        most = 1_000 if self._is_cut(name, self.cut_sent) else None
        sending = asyncio.create_task(_pass_on(reader, up_writer, most))
        sending.add_done_callback(lambda _: up_writer.close())  # a client that is gone: the store must not wait for it
        if most is None:
            await self._pass_back(name, up_reader, writer, dies)
            sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    async def _pass_back(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dies: Moment | None
    ) -> None:
        if dies == "after":
            await reader.read()  # to its end: the store has done it
            self._strike()
        elif self._is_cut(name, self.cut):
            writer.write(await reader.readuntil(HEAD_ENDS))
            await _pass_on(reader, writer, 100)
        else:
            await _pass_on(reader, writer)

    def _is_cut(self, name: str, asked: str) -> bool:
        if name != asked or not self.cuts:
            return False
        self.cuts -= 1
        return True

    def _dies(self, name: str) -> Moment | None:
        if not self._victim or (name, self._numbers[name]) != self._death[:2]:
            return None
        if self._death.moment == "before":
            self._strike()
        return self._death.moment

    def _strike(self) -> None:
        group, self._victim = self._victim, 0
        os.killpg(group, SIGKILL)


def name_of(line: str) -> str:
    """What a request does, in S3 or Azure: `begin-upload`, `put-part`, `complete-upload`, `abort-upload`, `put`, `get`,
    `remove`, `remove-batch`; `ask` is anything that changes nothing and has no object's bytes."""
    method, target = line.split(" ")[:2]
    path, _, query = target.partition("?")
    asked = parse_qs(query, keep_blank_values=True)
    step = (asked.get("comp") or [""])[0]
    if method == "PUT":
        return "put-part" if "partNumber" in asked or step == "block" else _put(step)
    if method == "POST":
        return "begin-upload" if "uploads" in asked else "complete-upload" if "uploadId" in asked else "remove-batch"
    if method == "DELETE":
        return "abort-upload" if "uploadId" in asked else "remove"
    is_object = path.count("/") > 2 and method == "GET" and not step
    return "get" if is_object else "ask"


def _put(step: str) -> str:
    return "complete-upload" if step == "blocklist" else "put"


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None = None) -> None:
    """All of it, or no more than so many bytes."""
    try:
        while piece := await reader.read(1 << 16 if most is None else most):
            writer.write(piece)
            await writer.drain()
            if most is not None:
                return
    except OSError:
        pass
