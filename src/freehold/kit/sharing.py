"""Many ask for the same at the same moment: one look answers all of them."""

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedLooks(Generic[T]):
    """Of one event loop. What was known runs out for all who use it at once; without this each would look anew."""

    def __init__(self) -> None:
        self._looks: dict[Hashable, asyncio.Task[T]] = {}

    async def ask(self, key: Hashable, look: "Coroutine[Any, Any, T]") -> T:
        """The answer, or the fault, of the look that is under way for `key`; else `look` is begun.

        Who comes later shares what was read a moment ago: put into the key what must not be that old. Who goes away
        ends nobody else's look.
        """
        task = self._looks.get(key)
        if task is None:
            task = self._looks[key] = asyncio.ensure_future(look)
            task.add_done_callback(lambda _: self._looks.pop(key))
        else:
            look.close()
        return await asyncio.shield(task)
