"""One thread makes the next item while another uses the last: reading and decoding beside compressing."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")
_CHECK_SECONDS = 0.1


class _End:
    """Behind the last item; `fault` is what ended it early."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.fault = fault


def read_ahead(items: Iterator[T], depth: int = 2) -> Generator[T, None, None]:
    """The same items in the same order, up to `depth` of them made early. What making them raises is raised here.

    Closing the iterator (or dropping it) stops the thread.
    """
    made: queue.Queue[T | _End] = queue.Queue(depth)
    is_dropped = threading.Event()
    maker = threading.Thread(target=_make, args=(items, made, is_dropped), name="freehold-readahead", daemon=True)
    maker.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.fault is not None:
            raise item.fault
    finally:
        is_dropped.set()
        maker.join()


def _make(items: Iterator[T], made: "queue.Queue[T | _End]", is_dropped: threading.Event) -> None:
    try:
        for item in items:
            if not _put(item, made, is_dropped):
                return
        _put(_End(), made, is_dropped)
    except BaseException as fault:
        _put(_End(fault), made, is_dropped)


def _put(item: T | _End, made: "queue.Queue[T | _End]", is_dropped: threading.Event) -> bool:
    while not is_dropped.is_set():
        try:
            made.put(item, timeout=_CHECK_SECONDS)
            return True
        except queue.Full:
            continue
    return False
